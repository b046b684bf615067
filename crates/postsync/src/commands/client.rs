//! For commands that speak to a running server: which one, with which key, and what its refusals say.
pub(super) mod sse;
mod web_socket;

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use url::{Host, Url};

use crate::out;

/// Where the key is read from. Not an option: a list of processes would show it.
const KEY: &str = "POSTSYNC_API_KEY";

/// Where the server's address may stand.
const SERVER: &str = "POSTSYNC_SERVER";
const SERVER_DEFAULT: &str = "http://127.0.0.1:8080";

/// For one answer. A count on the server takes 2 seconds at most.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// For a connection, where what comes over it may take long.
const CONNECT_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// The server's address. The key is read from POSTSYNC_API_KEY.
    #[arg(long, env = SERVER, value_name = "URL", default_value = SERVER_DEFAULT)]
    server: Url,
}

impl ServerArgs {
    /// The address, where the command line alone says it.
    pub(super) fn said(&self) -> Option<&str> {
        let elsewhere = std::env::var(SERVER).unwrap_or_else(|_| SERVER_DEFAULT.to_owned());
        let is_same = elsewhere.parse::<Url>().is_ok_and(|url| url == self.server);
        (!is_same).then_some(self.server.as_str())
    }
}

/// A server and a key for it.
#[derive(Clone)]
pub(super) struct Client {
    base: Url,
    key: String,
    http: reqwest::Client,
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

/// What the server answers in place of what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the server says {said}{}", in_brackets(code))]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// For programs; empty where it names none.
    pub(super) code: String,
    pub(super) retry_after: Option<Duration>,
    said: String,
}

impl Failure {
    /// What the server said, where it said something.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Passing(error) | Self::Lasting(error) => error.downcast_ref(),
        }
    }
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
        let builder = reqwest::Client::builder().timeout(ANSWER_MAX);
        let http = on_the_way_to(&args.server, builder).build().context("no HTTP client could be made")?;
        Ok(Self { base: args.server.clone(), key, http })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.json(request).await
    }

    /// A request to the server, with the key.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path)).header("x-api-key", &self.key)
    }

    /// The same for what may take as long as it takes: whoever sends it looks whether it moves.
    pub(super) fn long_request(&self, method: Method, path: &str) -> anyhow::Result<RequestBuilder> {
        let url = self.url(path).parse().with_context(|| format!("{path} is no path"))?;
        Ok(long(method, url)?.header("x-api-key", &self.key))
    }

    /// The same to an address that the server has given out: without the key, which is nobody's but the server's.
    pub(super) fn given_out(&self, method: Method, url: &str) -> anyhow::Result<RequestBuilder> {
        let url = url.parse().with_context(|| format!("the server gives out an address that is none: {url}"))?;
        long(method, self.reached(url))
    }

    /// An address of the server's own on "this machine" is meant on the server's machine, behind a tunnel or in a container: from here
    /// it is where we reach the server.
    fn reached(&self, url: Url) -> Url {
        let is_ours = is_here(&url) && url.path().starts_with("/v2/") && url.origin() != self.base.origin();
        let rest = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        if is_ours { self.url(&rest).parse().unwrap_or(url) } else { url }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.as_str().trim_end_matches('/'))
    }

    /// Sends it; an answer that is JSON.
    pub(super) async fn json(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let answer = self.send(request).await?;
        let (status, url) = (answer.status(), answer.url().clone());
        let text = answer.text().await.context("the answer did not arrive whole").map_err(Failure::Passing)?;
        let not_json = || format!("{url} answers {status} without JSON: is it a postsync server?");
        serde_json::from_str(&text).with_context(not_json).map_err(Failure::Lasting)
    }

    /// Sends it; an answer with a 2xx, whose body is still to be read.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let answer = request.send().await.map_err(|error| Failure::Passing(self.silent(&error)))?;
        self.judged(answer).await
    }

    /// An answer with a 2xx, or what the server says in place of one.
    async fn judged(&self, answer: Response) -> Result<Response, Failure> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let text = answer.text().await.context("the answer did not arrive whole").map_err(Failure::Passing)?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let code = body["errorCode"].as_str().unwrap_or_default().to_owned();
        let retry_after = retry_after.map(Duration::from_secs);
        let said = anyhow::Error::new(Refusal { status, code, retry_after, said: sentence(status, &text) });
        Err(if passes(status) { Failure::Passing(said) } else { Failure::Lasting(said) })
    }

    /// Who does not answer, and why.
    pub(super) fn silent(&self, error: &reqwest::Error) -> anyhow::Error {
        let cause = cause(error);
        let base = &self.base;
        match error.url().filter(|url| url.origin() != base.origin()) {
            Some(url) => anyhow::anyhow!(
                "{} does not answer ({cause}): {base} gives out that address, its public_url or that of a store",
                url.origin().ascii_serialization()
            ),
            None => anyhow::anyhow!(
                "{base} does not answer ({cause}): does a server run there? --server or POSTSYNC_SERVER names another"
            ),
        }
    }
}

/// What an error comes from in the end: what lies between says the URL again, and in which layer of ours it was seen.
pub(super) fn cause(error: &reqwest::Error) -> &(dyn std::error::Error + 'static) {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause
}

fn long(method: Method, url: Url) -> anyhow::Result<RequestBuilder> {
    let builder = reqwest::Client::builder().connect_timeout(CONNECT_MAX);
    let http = on_the_way_to(&url, builder).build().context("no HTTP client could be made")?;
    Ok(http.request(method, url))
}

/// A server on this machine: a proxy of the environment is not on the way to it.
fn on_the_way_to(url: &Url, builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    if is_here(url) { builder.no_proxy() } else { builder }
}

fn in_brackets(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" ({code})") }
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
    matches!(status.as_u16(), 408 | 429 | 502..=504)
}

/// The message and the suggestion of a refusal.
fn sentence(status: StatusCode, text: &str) -> String {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let part = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (message, suggestion) = (part("message"), part("suggestion"));
    if status == StatusCode::UNAUTHORIZED {
        return format!("{}: it does not know the key in {KEY}", status.as_u16());
    }
    if message.is_empty() {
        return format!("{}, and nothing else: is it a postsync server?", status.as_u16());
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
        assert_eq!(sentence(StatusCode::BAD_GATEWAY, "<html>"), "502, and nothing else: is it a postsync server?");
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

    #[test]
    fn an_address_of_the_servers_own_machine_is_reached_where_the_server_is() {
        let base = "https://lips.example.com/".parse().unwrap();
        let client = Client { base, key: String::new(), http: reqwest::Client::new() };
        for (given, reached) in [
            ("http://127.0.0.1:8080/v2/assets/1/upload?grant=a", "https://lips.example.com/v2/assets/1/upload?grant=a"),
            ("http://localhost:8080/v2/x", "https://lips.example.com/v2/x"),
            ("http://127.0.0.1:5000/out.mp4", "http://127.0.0.1:5000/out.mp4"),
            ("https://bucket.example.com/v2/out.mp4", "https://bucket.example.com/v2/out.mp4"),
        ] {
            assert_eq!(client.reached(given.parse().unwrap()).as_str(), reached);
        }
    }
}
