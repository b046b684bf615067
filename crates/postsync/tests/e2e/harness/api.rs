//! A client of the server's HTTP surface, as thin as it can be: tests judge statuses and bodies themselves.
use std::net::SocketAddr;
use std::path::Path;

use axum::http::HeaderMap;
use futures::StreamExt as _;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::{PATIENCE, poll};

/// Requests that a test has open at once.
const AT_ONCE: usize = 16;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The body of an answer that must have that status.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }
}

/// A server's address and a key.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) base: String,
    key: String,
    http: reqwest::Client,
}

impl Api {
    pub(crate) fn new(address: SocketAddr, key: &str) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
        Self { base: format!("http://{address}"), key: key.to_owned(), http }
    }

    /// The same server with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    pub(crate) async fn try_send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.header("x-api-key", &self.key).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.try_send(self.http.get(format!("{}{path}", self.base))).await.unwrap()
    }

    /// A read whose answer may never come: the server may be killed meanwhile.
    pub(crate) async fn try_get(&self, path: &str) -> reqwest::Result<Answer> {
        self.try_send(self.http.get(format!("{}{path}", self.base))).await
    }

    /// The same with a JSON body.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> reqwest::Result<Answer> {
        let request = self.http.post(format!("{}{path}", self.base));
        self.try_send(request.header("content-type", "application/json").body(body.to_string())).await
    }

    /// The feed as server-sent events, behind that id.
    pub(crate) async fn try_stream(&self, last_event_id: &str) -> reqwest::Result<reqwest::Response> {
        let request = self.http.get(format!("{}/postsync/v1/events/stream", self.base));
        request.header("x-api-key", &self.key).header("last-event-id", last_event_id).send().await
    }

    /// A generation on its way, as server-sent events.
    pub(crate) async fn watch(&self, id: &str) -> reqwest::Response {
        let request = self.http.get(format!("{}/postsync/v1/generations/{id}/stream", self.base));
        request.header("x-api-key", &self.key).send().await.unwrap()
    }

    /// Posts a JSON body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.http.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        self.try_send(request.body(body.to_string())).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.try_send(self.http.delete(format!("{}{path}", self.base))).await.unwrap()
    }

    /// A create whose answer may never come: the server may be killed meanwhile.
    pub(crate) async fn try_create(&self, body: &str) -> reqwest::Result<Answer> {
        let request = self.http.post(format!("{}/v2/generate", self.base));
        self.try_send(request.header("content-type", "application/json").body(body.to_owned())).await
    }

    /// The same with an `Idempotency-Key`.
    pub(crate) async fn try_create_keyed(&self, body: &str, key: &str) -> reqwest::Result<Answer> {
        let request = self.http.post(format!("{}/v2/generate", self.base)).header("idempotency-key", key);
        self.try_send(request.header("content-type", "application/json").body(body.to_owned())).await
    }

    pub(crate) async fn create_text(&self, body: &str) -> Answer {
        self.try_create(body).await.unwrap()
    }

    /// Creates a generation; gives its id.
    pub(crate) async fn create(&self, body: &Value) -> String {
        id_of(&self.create_text(&body.to_string()).await.expect(201))
    }

    /// Creates a generation of the built-in model from files.
    pub(crate) async fn upload(&self, image: Vec<u8>, audio: Vec<u8>, webhook_url: &str) -> Answer {
        let form = Form::new()
            .text("model", "mesh-1")
            .text("webhookUrl", webhook_url.to_owned())
            .part("image", Part::bytes(image).file_name("portrait.png"))
            .part("audio", Part::bytes(audio).file_name("speech.wav"));
        self.try_send(self.http.post(format!("{}/v2/generate", self.base)).multipart(form)).await.unwrap()
    }

    /// Puts a file to an upload URL.
    pub(crate) async fn put_asset(&self, file: &Path, content_type: &str) -> Answer {
        let (name, bytes) = (file.file_name().unwrap().to_str().unwrap(), std::fs::read(file).unwrap());
        let upload = json!({"fileName": name, "contentType": content_type, "size": bytes.len()});
        let target = self.post("/v2/assets/upload", &upload).await.expect(201);
        let put = self.http.put(target["uploadUrl"].as_str().unwrap()).header("content-type", content_type);
        self.try_send(put.body(bytes)).await.unwrap()
    }

    /// The generation, once it has ended.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        poll(&format!("generation {id} ends"), async || {
            let generation = self.get(&format!("/v2/generate/{id}?wait=true&timeout=10")).await.expect(200);
            matches!(generation["status"].as_str(), Some("COMPLETED" | "FAILED")).then_some(generation)
        })
        .await
    }

    /// The generations, once all of them have ended.
    pub(crate) async fn all_ended(&self, ids: &[String]) -> Vec<Value> {
        futures::stream::iter(ids).map(|id| self.ended(id)).buffered(AT_ONCE).collect().await
    }

    /// What has not ended. What is held back is looked for twice: it may be so only since the first look.
    pub(crate) async fn pending(&self) -> Vec<Value> {
        let mut pending = Vec::new();
        for status in ["status=parked", "status=due", "status=parked"] {
            pending.extend(self.deliveries(status).await);
        }
        pending
    }

    /// Every delivery that the key may see, newest first.
    pub(crate) async fn deliveries(&self, filter: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/postsync/v1/deliveries?limit=1000&{filter}{cursor}")).await.expect(200);
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// A delivery with its attempts.
    pub(crate) async fn delivery(&self, id: &str) -> Value {
        self.get(&format!("/postsync/v1/deliveries/{id}")).await.expect(200)
    }

    /// Every delivery with its attempts.
    pub(crate) async fn delivery_details(&self) -> Vec<Value> {
        let all = self.deliveries("").await;
        let ids = all.iter().map(|delivery| delivery["id"].as_str().unwrap());
        futures::stream::iter(ids).map(|id| self.delivery(id)).buffered(AT_ONCE).collect().await
    }

    /// The one delivery of a generation with its attempts, once its status is one of these.
    pub(crate) async fn delivery_in(&self, generation: &str, statuses: &[&str]) -> Value {
        let what = format!("the delivery of {generation} is {statuses:?}");
        let id = poll(&what, async || {
            let all = self.deliveries(&format!("generationId={generation}")).await;
            assert!(all.len() <= 1, "one endpoint, one delivery: {all:?}");
            let delivery = all.first().filter(|delivery| statuses.contains(&delivery["status"].as_str().unwrap()))?;
            Some(id_of(delivery))
        });
        self.delivery(&id.await).await
    }
}

pub(crate) fn id_of(object: &Value) -> String {
    object["id"].as_str().unwrap_or_else(|| panic!("{object}")).to_owned()
}

/// A create for the passthrough model.
pub(crate) fn passthrough(webhook_url: &str) -> Value {
    json!({
        "model": "lipsync-2",
        "input": [
            {"type": "video", "url": "https://media.example/v.mp4"},
            {"type": "audio", "url": "https://media.example/a.wav"},
        ],
        "webhookUrl": webhook_url,
    })
}

/// How many of the assets of a list have a small picture.
pub(crate) fn pictures(listed: &Value) -> usize {
    listed["items"].as_array().unwrap().iter().filter(|item| item["thumbnailUrl"].is_string()).count()
}
