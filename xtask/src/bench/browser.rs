//! A browser without a screen: signs in with the key, keeps the cookies, and asks for pages as one does.
use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use hyper::{HeaderMap, Request, Response};

use super::api::Api;
use super::client::Client;

pub(crate) struct Browser {
    client: Client,
    cookies: Vec<(String, String)>,
}

impl Browser {
    pub(crate) async fn sign_in(api: &Api) -> anyhow::Result<Self> {
        let mut browser = Self { client: Client::open(api.address, None).await?, cookies: Vec::new() };
        let form = browser.get("/signin").await?;
        let token = browser.token(form.body())?;
        let signed_in = browser.post("/signin", &format!("csrf={token}&next=/&key={}", api.key)).await?;
        ensure!(signed_in.status() == 303, "the sign-in was answered {}", signed_in.status());
        Ok(browser)
    }

    /// The same person in another tab: a connection of its own.
    pub(crate) async fn tab(&self, api: &Api) -> anyhow::Result<Self> {
        Ok(Self { client: Client::open(api.address, None).await?, cookies: self.cookies.clone() })
    }

    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<Response<Bytes>> {
        let request = Request::get(path).header(COOKIE, self.cookie()).body(Full::default())?;
        self.send(request).await
    }

    /// Sends a form; its fields are written as they stand in a body.
    pub(crate) async fn post(&mut self, path: &str, fields: &str) -> anyhow::Result<Response<Bytes>> {
        let kind = "application/x-www-form-urlencoded";
        let request = Request::post(path).header(COOKIE, self.cookie()).header(CONTENT_TYPE, kind);
        self.send(request.body(Full::from(fields.to_owned()))?).await
    }

    /// The token that the forms of a page carry.
    pub(crate) fn token(&self, page: &[u8]) -> anyhow::Result<String> {
        let page = String::from_utf8_lossy(page);
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").context("the page has no form")?;
        Ok(rest.split('"').next().unwrap_or_default().to_owned())
    }

    fn cookie(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    async fn send(&mut self, mut request: Request<Full<Bytes>>) -> anyhow::Result<Response<Bytes>> {
        request.headers_mut().insert("host", "127.0.0.1".parse()?);
        let answer = self.client.answer(request).await?;
        self.keep(answer.headers());
        Ok(answer)
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let pair = line.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            self.cookies.retain(|(own, _)| own != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}
