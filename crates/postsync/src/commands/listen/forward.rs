//! The POST to the application on this machine.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use postsync_core::limits::{LISTENER_ANSWER_BODY_BYTES_MAX, LISTENER_ANSWER_HEAD_BYTES_MAX};
use reqwest::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect;
use url::Url;

use super::desk::{Answer, Item};
use crate::commands::client::cause;

/// Hands events on.
#[derive(Clone)]
pub(super) struct Forwarder {
    to: Url,
    http: reqwest::Client,
    timeout: Duration,
}

impl Forwarder {
    /// `None`: nobody can be asked at that URL.
    ///
    /// # Errors
    /// No client can be made.
    pub(super) fn new(to: Url, timeout: Duration, insecure: bool) -> anyhow::Result<Option<Self>> {
        // A redirect is an answer, as it is for a webhook. Where a name has addresses of both kinds, the connection tries both.
        let builder = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).timeout(timeout);
        let builder = builder.tls_danger_accept_invalid_certs(insecure);
        let builder = match to.host_str().filter(|host| is_localhost(host)) {
            Some(host) => builder.resolve_to_addrs(host, &LOOPBACK),
            None => builder,
        };
        let http = builder.build().context("no HTTP client could be made")?;
        let is_askable = http.post(to.clone()).build().is_ok();
        Ok(is_askable.then_some(Self { to, http, timeout }))
    }

    pub(super) fn to(&self) -> &Url {
        &self.to
    }

    /// Hands one on.
    ///
    /// # Errors
    /// Why there was no answer, for people.
    pub(super) async fn hand_on(&self, item: &Item) -> Result<Answer, String> {
        let begun = Instant::now();
        let request = self.http.post(self.to.clone()).headers(headers(item)).body(item.body.clone());
        let mut response = request.send().await.map_err(|error| self.silent(&error))?;
        let status = response.status().as_u16();
        let headers = lines(response.headers());
        let (mut body, mut truncated) = (Vec::new(), false);
        // A head is an answer, as it is for every other webhook: of its body is kept what comes.
        while body.len() <= LISTENER_ANSWER_BODY_BYTES_MAX {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(_) => {
                    truncated = true;
                    break;
                }
            }
        }
        truncated |= body.len() > LISTENER_ANSWER_BODY_BYTES_MAX;
        body.truncate(LISTENER_ANSWER_BODY_BYTES_MAX);
        Ok(Answer { status, took: begun.elapsed(), headers, body, truncated })
    }

    fn silent(&self, error: &reqwest::Error) -> String {
        let host = format!(
            "{}:{}",
            self.to.host_str().unwrap_or_default(),
            self.to.port_or_known_default().unwrap_or_default()
        );
        if error.is_timeout() {
            return format!("{host} has not answered within {}", humanly(self.timeout));
        }
        let cause = cause(error);
        let is_refused = cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
        if is_refused {
            format!("nothing listens on {host}")
        } else {
            format!("{host} does not answer: {}", plain(&cause.to_string()))
        }
    }
}

/// Both addresses of this machine, whatever its hosts file says of the name. The port is that of the URL.
const LOOPBACK: [SocketAddr; 2] =
    [SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0), SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)];

fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

/// What TLS says, for whoever does not know its words.
fn plain(cause: &str) -> String {
    if cause.contains("invalid peer certificate") {
        return format!("its certificate is none that is trusted here ({cause}); --insecure takes any");
    }
    if cause.contains("InvalidContentType") {
        return "it does not speak https; is it http://?".to_owned();
    }
    cause.to_owned()
}

fn humanly(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", duration.as_millis())
    }
}

/// As they were signed; the two that belong to the connection are its own.
fn headers(item: &Item) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &item.headers {
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) else {
            continue;
        };
        if name != HOST && name != CONTENT_LENGTH {
            headers.append(name, value);
        }
    }
    headers
}

/// Whole lines, as many as are kept.
fn lines(headers: &HeaderMap) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in headers {
        let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat();
        if lines.len() + line.len() > LISTENER_ANSWER_HEAD_BYTES_MAX {
            break;
        }
        lines.extend_from_slice(&line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::post;
    use tokio::net::TcpListener;

    use super::*;
    use postsync_api::wire::ToListener;

    fn item() -> Item {
        let headers = [("Host", "elsewhere"), ("Sync-Signature", "t=1,v1=ab"), ("Content-Length", "99")];
        let event = ToListener::Event {
            delivery: "dlv_1".to_owned(),
            event: "evt_1".to_owned(),
            kind: "generation.completed".to_owned(),
            attempt: 1,
            again: false,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: "{\"a\":1}".to_owned(),
        };
        Item::of(event, Instant::now()).unwrap()
    }

    async fn application(at: &str) -> u16 {
        let seen = |headers: HeaderMap, body: String| async move {
            let of = |name: &str| headers.get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
            ([("x-a", "1")], format!("{} {} {body}", of("sync-signature"), of("content-length")))
        };
        let moved = || async { (reqwest::StatusCode::FOUND, [("location", "/")], "") };
        let router = Router::new().route("/", post(seen)).route("/moved", post(moved));
        let listener = TcpListener::bind((at, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        port
    }

    fn to(url: &str) -> Forwarder {
        Forwarder::new(url.parse().unwrap(), Duration::from_secs(60), false).unwrap().unwrap()
    }

    /// An application may listen on either of the addresses of localhost.
    #[tokio::test]
    async fn localhost_is_found_wherever_it_listens() {
        for at in ["127.0.0.1", "::1"] {
            let port = application(at).await;
            let answer = to(&format!("http://localhost:{port}/")).hand_on(&item()).await.unwrap();
            assert_eq!((answer.status, answer.truncated), (200, false), "{at}");
            assert_eq!(String::from_utf8(answer.body).unwrap(), "t=1,v1=ab 7 {\"a\":1}");
            assert!(String::from_utf8(answer.headers).unwrap().contains("x-a: 1\n"));
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_silence_is_told() {
        let port = application("127.0.0.1").await;
        assert_eq!(to(&format!("http://127.0.0.1:{port}/moved")).hand_on(&item()).await.unwrap().status, 302);
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
        let refused = to(&format!("http://127.0.0.1:{free}/")).hand_on(&item()).await.unwrap_err();
        assert_eq!(refused, format!("nothing listens on 127.0.0.1:{free}"));
        let mute = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://127.0.0.1:{}/", mute.local_addr().unwrap().port());
        let impatient = Forwarder::new(url.parse().unwrap(), Duration::from_millis(50), false).unwrap().unwrap();
        assert!(impatient.hand_on(&item()).await.unwrap_err().ends_with("has not answered within 50 ms"));
    }
}
