//! The server's API, as far as a run needs it.
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{HeaderMap, Request};
use serde_json::{Value, json};

use super::client::Client;
use super::load::Shot;

/// The most that a list gives at once.
const PAGE: usize = 1_000;

#[derive(Clone, Copy)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) key: &'static str,
}

impl Api {
    /// Creates whose webhooks go to those URLs in turn.
    pub(crate) fn creates(&self, urls: &[String]) -> anyhow::Result<Shot> {
        let bodies = urls.iter().map(|url| create(url)).collect();
        Ok(Shot { path: "/v2/generate".to_owned(), headers: self.headers()?, bodies: Rc::new(bodies), status: 201 })
    }

    /// What every request has.
    pub(crate) fn headers(&self) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert("host", "127.0.0.1".parse()?);
        headers.insert("content-type", "application/json".parse()?);
        headers.insert("x-api-key", self.key.parse()?);
        Ok(headers)
    }

    /// What is at that path.
    pub(crate) async fn get(&self, client: &mut Client, path: &str) -> anyhow::Result<Bytes> {
        let mut request = Request::get(path).body(Full::default())?;
        request.headers_mut().clone_from(&self.headers()?);
        client.exchange(request, 200).await
    }

    /// What is answered to that JSON.
    pub(crate) async fn post(&self, client: &mut Client, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.posted(client, path, body, 201).await
    }

    /// The same, where another status is right.
    pub(crate) async fn posted(
        &self,
        client: &mut Client,
        path: &str,
        body: &Value,
        status: u16,
    ) -> anyhow::Result<Value> {
        let mut request = Request::post(path).body(Full::from(body.to_string()))?;
        request.headers_mut().clone_from(&self.headers()?);
        Ok(serde_json::from_slice(&client.exchange(request, status).await?)?)
    }

    /// All deliveries of that status.
    pub(crate) async fn deliveries(&self, status: &str) -> anyhow::Result<Vec<Value>> {
        let mut client = Client::open(self.address, None).await?;
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/postsync/v1/deliveries?status={status}&limit={PAGE}{cursor}");
            let page: Value = serde_json::from_slice(&self.get(&mut client, &path).await?)?;
            all.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }
}

/// A generation whose webhook goes there.
pub(crate) fn create(url: &str) -> Bytes {
    let create = json!({
        "model": "lipsync-2",
        "input": [
            {"type": "video", "url": "https://media.example.com/in.mp4"},
            {"type": "audio", "url": "https://media.example.com/in.wav"},
        ],
        "options": {"sync_mode": "loop"},
        "webhookUrl": url,
    });
    Bytes::from(create.to_string())
}
