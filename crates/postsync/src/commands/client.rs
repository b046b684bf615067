//! For commands that speak to a running server: which one, with which key, and what its refusals say.
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use reqwest::{Method, StatusCode, Upgraded};
use serde_json::Value;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use url::{Host, Url};

use crate::out;

/// Where the key is read from. Not an option: a list of processes would show it.
const KEY: &str = "POSTSYNC_API_KEY";

/// For one answer. A count on the server takes 2 seconds at most.
const ANSWER_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// The server's address. The key is read from POSTSYNC_API_KEY.
    #[arg(long, env = "POSTSYNC_SERVER", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: Url,
}

/// A server and a key for it.
#[derive(Clone)]
pub(super) struct Client {
    base: Url,
    key: String,
    http: reqwest::Client,
    /// Without a bound for the whole of an answer, and in the one version of HTTP that can be left for another protocol.
    lines: reqwest::Client,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It may be another story in a moment: nobody answers, or the server says that it can't right now.
    #[error("{0:#}")]
    Passing(anyhow::Error),
    /// It will not.
    #[error("{0:#}")]
    Lasting(anyhow::Error),
}

impl Client {
    /// Finds the key. Asks nobody.
    ///
    /// # Errors
    /// There is no key, or no client can be made.
    pub(super) fn new(args: &ServerArgs) -> anyhow::Result<Self> {
        let key = std::env::var(KEY).unwrap_or_default();
        if key.is_empty() {
            bail!("{KEY} is not set: it wants an API key of the server, as `postsync keys create` prints it");
        }
        let build = |builder: reqwest::ClientBuilder| {
            // A server on this machine: a proxy of the environment is not on the way to it.
            let builder = if is_here(&args.server) { builder.no_proxy() } else { builder };
            builder.build().context("no HTTP client could be made")
        };
        let http = build(reqwest::Client::builder().timeout(ANSWER_MAX))?;
        let lines = build(reqwest::Client::builder().http1_only())?;
        Ok(Self { base: args.server.clone(), key, http, lines })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Opens a WebSocket.
    pub(super) async fn web_socket(&self, path: &str) -> Result<Upgraded, Failure> {
        let key = STANDARD.encode(uuid::Uuid::new_v4().as_bytes());
        let request = self.lines.get(self.url(path)).header("x-api-key", &self.key);
        let request = request.header("connection", "Upgrade").header("upgrade", "websocket");
        let request = request.header("sec-websocket-version", "13").header("sec-websocket-key", &key);
        let late = || Failure::Passing(anyhow::anyhow!("{} has not answered in time", self.base));
        let answer = tokio::time::timeout(ANSWER_MAX, request.send()).await.map_err(|_| late())?;
        let answer = answer.map_err(|error| Failure::Passing(self.silent(&error)))?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            let status = answer.status();
            return Err(said(status, &answer.text().await.unwrap_or_default()));
        }
        let accepts = answer.headers().get("sec-websocket-accept").map(|value| value.as_bytes());
        if accepts != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
            return Err(Failure::Lasting(anyhow::anyhow!(
                "{} opens no WebSocket: is it a postsync server?",
                self.base
            )));
        }
        answer.upgrade().await.context("the WebSocket did not open").map_err(Failure::Passing)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.as_str().trim_end_matches('/'))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let url = self.url(path);
        let mut request = self.http.request(method, &url).header("x-api-key", &self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| Failure::Passing(self.silent(&error)))?;
        let status = answer.status();
        let text = answer.text().await.context("the answer did not arrive whole").map_err(Failure::Passing)?;
        if status.is_success() {
            let not_json = || format!("{url} answers {status} without JSON: is it a postsync server?");
            return serde_json::from_str(&text).with_context(not_json).map_err(Failure::Lasting);
        }
        Err(said(status, &text))
    }

    /// The cause itself: what lies between says the URL again, and in which layer of ours it was seen.
    fn silent(&self, error: &dyn std::error::Error) -> anyhow::Error {
        let mut cause = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let base = &self.base;
        anyhow::anyhow!(
            "{base} does not answer ({cause}): does a server run there? --server or POSTSYNC_SERVER names another"
        )
    }
}

/// A refusal.
fn said(status: StatusCode, text: &str) -> Failure {
    let said = anyhow::anyhow!("the server says {}", sentence(status, text));
    if passes(status) { Failure::Passing(said) } else { Failure::Lasting(said) }
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn passes(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502..=504)
}

/// The message and the suggestion of a refusal.
fn sentence(status: StatusCode, text: &str) -> String {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let part = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (message, suggestion) = (part("message"), part("suggestion"));
    if status == StatusCode::UNAUTHORIZED {
        return format!("{}: it does not know the key in {KEY}", status.as_u16());
    }
    let message = if suggestion.is_empty() { message } else { out::sentence(&message) };
    format!("{}: {message} {suggestion}", status.as_u16()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_with_what_to_do() {
        let body = r#"{"message":"filter says nothing.","suggestion":"Say something.","statusCode":400}"#;
        assert_eq!(sentence(StatusCode::BAD_REQUEST, body), "400: filter says nothing. Say something.");
        assert_eq!(
            sentence(StatusCode::BAD_REQUEST, &body.replace("nothing.", "nothing")),
            "400: filter says nothing. Say something."
        );
        assert_eq!(sentence(StatusCode::BAD_GATEWAY, "<html>"), "502:");
        assert!(sentence(StatusCode::UNAUTHORIZED, "{}").contains(KEY));
    }

    #[test]
    fn a_proxy_is_not_on_the_way_to_this_machine() {
        for here in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "http://a.localhost:8080/x"] {
            assert!(is_here(&here.parse().unwrap()), "{here}");
        }
        for elsewhere in ["https://lips.example.com", "http://10.0.0.1", "http://localhost.example.com"] {
            assert!(!is_here(&elsewhere.parse().unwrap()), "{elsewhere}");
        }
    }
}
