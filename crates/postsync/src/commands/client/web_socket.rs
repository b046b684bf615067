//! A WebSocket to the server: opened as every other request goes out, with the same key and through the same proxy.
use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{StatusCode, Upgraded};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{ANSWER_MAX, CONNECT_MAX, Client, Failure, on_the_way_to};

impl Client {
    /// Opens one. What goes over it is up to the caller.
    pub(in crate::commands) async fn web_socket(&self, path: &str) -> Result<Upgraded, Failure> {
        // The one version of HTTP that can be left for another protocol, and no bound for the whole of an answer.
        let builder = reqwest::Client::builder().connect_timeout(CONNECT_MAX).http1_only();
        let lines = on_the_way_to(&self.base, builder).build().context("no HTTP client could be made");
        let key = STANDARD.encode(uuid::Uuid::new_v4().as_bytes());
        let request = lines.map_err(Failure::Lasting)?.get(self.url(path)).header("x-api-key", &self.key);
        let request = request.header("connection", "Upgrade").header("upgrade", "websocket");
        let request = request.header("sec-websocket-version", "13").header("sec-websocket-key", &key);
        let late = || Failure::Passing(anyhow!("{} has not answered in time", self.base));
        let answer = tokio::time::timeout(ANSWER_MAX, request.send()).await.map_err(|_| late())?;
        let answer = answer.map_err(|error| Failure::Passing(self.silent(&error)))?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            self.judged(answer).await?;
        } else if answer.headers().get("sec-websocket-accept").map(|value| value.as_bytes())
            == Some(derive_accept_key(key.as_bytes()).as_bytes())
        {
            return answer.upgrade().await.context("the WebSocket did not open").map_err(Failure::Passing);
        }
        Err(Failure::Lasting(anyhow!("{} opens no WebSocket: is it a postsync server?", self.base)))
    }
}
