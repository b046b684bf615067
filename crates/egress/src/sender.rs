//! Room 7: signs the frozen bytes at send time, POSTs once, says what came of it.
//!
//! Promise: one request on the wire per call at most. A connection from the pool that turns out dead is replaced only where
//! nothing of the request was written; whatever may have been received is reported, never repeated.
use std::net::SocketAddr;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use postsync_core::egress_rules::{Scheme, Target};
use postsync_core::outcome::{Outcome, Phases, SendError, SendReport};
use postsync_engine::ports::{Post, Sender};
use tokio::time::timeout;

use crate::dial::{Undialled, micros};
use crate::pool::{Connection, Key};
use crate::trouble::Trouble;
use crate::{Egress, Inner, io_errors, retry_after};

/// The head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Headers of an answer.
const HEADERS_MAX: usize = 256;

/// Of an answer's body. What is longer costs the connection, not the outcome.
const BODY_BYTES_MAX: usize = 16 * 1024;

pub(crate) const AGENT: &str = concat!("postsync/", env!("CARGO_PKG_VERSION"));

#[async_trait]
impl Sender for Egress {
    async fn send(&self, post: Post) -> SendReport {
        let start = Instant::now();
        let mut sent = Sent::default();
        let outcome = match attempt(&self.inner, &post, &mut sent).await {
            Ok(outcome) => outcome,
            Err(trouble) => {
                sent.message = trouble.message;
                Outcome::Failed(trouble.error)
            }
        };
        sent.phases.total_us = Some(micros(start));
        let Sent { phases, address, tls, message } = sent;
        SendReport { outcome, message, address, phases, tls: tls.map(str::to_owned) }
    }
}

/// What becomes known while an attempt goes on.
#[derive(Default)]
struct Sent {
    phases: Phases,
    address: Option<SocketAddr>,
    tls: Option<&'static str>,
    message: String,
}

async fn attempt(inner: &Inner, post: &Post, sent: &mut Sent) -> Result<Outcome, Trouble> {
    let target = inner.dialler.target(&post.url)?;
    let key = Key::from(&target);
    let mut request = request(&target, post)?;
    while let Some(connection) = inner.pool.take(&key) {
        sent.remember(&connection);
        match exchange(inner, &key, connection, request, post, sent).await {
            // Dead since it became idle, and nothing was written: the request is whole, so another connection may take it.
            Err(NoAnswer::Unwritten(whole)) => request = whole,
            Err(NoAnswer::Trouble(trouble)) => return Err(trouble),
            Ok(outcome) => return Ok(outcome),
        }
    }
    let connection = connect(inner, &target, sent).await?;
    match exchange(inner, &key, connection, request, post, sent).await {
        Ok(outcome) => Ok(outcome),
        Err(NoAnswer::Trouble(trouble)) => Err(trouble),
        Err(NoAnswer::Unwritten(_)) => Err(Trouble::new(
            SendError::ConnectReset,
            format!("{} closed the connection as soon as it was open", target.host),
        )),
    }
}

impl Sent {
    fn remember(&mut self, connection: &Connection) {
        self.address = Some(connection.address);
        self.tls = connection.tls;
    }
}

async fn connect(inner: &Inner, target: &Target, sent: &mut Sent) -> Result<Connection, Trouble> {
    let dialled = match inner.dialler.dial(target, &mut sent.phases).await {
        Ok(dialled) => dialled,
        Err(Undialled { trouble, address }) => {
            sent.address = address;
            return Err(trouble);
        }
    };
    let handshake = http1::Builder::new()
        // Receivers that compare header names by case exist.
        .title_case_headers(true)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(dialled.stream))
        .await;
    let (sender, task) = handshake.map_err(|error| io_errors::trouble(&error))?;
    // Ends when its sender is dropped, or when the other side closes.
    tokio::spawn(async move { drop(task.await) });
    let connection = Connection { sender, address: dialled.address, tls: dialled.tls };
    sent.remember(&connection);
    Ok(connection)
}

enum NoAnswer {
    Unwritten(Request<Full<Bytes>>),
    Trouble(Trouble),
}

/// One request and its answer. The connection goes back to the pool where the answer was read whole.
async fn exchange(
    inner: &Inner,
    key: &Key,
    mut connection: Connection,
    request: Request<Full<Bytes>>,
    post: &Post,
    sent: &mut Sent,
) -> Result<Outcome, NoAnswer> {
    let start = Instant::now();
    let head = match timeout(post.timeout, connection.sender.try_send_request(request)).await {
        Err(_) => return Err(NoAnswer::Trouble(late(post))),
        Ok(Err(mut error)) => {
            return Err(match error.take_message() {
                Some(request) => NoAnswer::Unwritten(request),
                None => NoAnswer::Trouble(io_errors::trouble(error.error())),
            });
        }
        Ok(Ok(head)) => head,
    };
    sent.phases.first_byte_us = Some(micros(start));
    let outcome = judge(&head);
    sent.message = sentence(outcome);
    let left = post.timeout.saturating_sub(start.elapsed());
    match timeout(left, drain(head)).await {
        Ok(Drained::Whole) => inner.pool.put(key.clone(), connection),
        Ok(Drained::Cut(why)) => note(sent, why),
        Err(_) => note(sent, "the body of the answer did not end in time"),
    }
    Ok(outcome)
}

fn late(post: &Post) -> Trouble {
    let seconds = post.timeout.as_secs_f64();
    let message = format!(
        "no complete answer within {seconds} s; it may have been received. Answer 2xx first and work afterwards, or raise delivery.timeout"
    );
    Trouble::new(SendError::ResponseTimeout, message)
}

fn judge(head: &Response<Incoming>) -> Outcome {
    let status = head.status().as_u16();
    if head.status().is_success() {
        Outcome::Delivered { status }
    } else {
        Outcome::Refused { status, retry_after: retry_after::read(head.headers()) }
    }
}

fn sentence(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused { status: 410, .. } => "the receiver answered 410 Gone: it wants no more".to_owned(),
        Outcome::Refused { status, .. } if (300..400).contains(&status) => {
            format!("the receiver answered {status}; redirects are not followed: use the final URL")
        }
        Outcome::Refused { status, .. } => format!("the receiver answered {status}; its own log says why"),
        _ => String::new(),
    }
}

enum Drained {
    Whole,
    Cut(&'static str),
}

/// Reads the body as far as it is kept: only then can the connection be used again. The outcome stands already.
async fn drain(head: Response<Incoming>) -> Drained {
    let mut body = head.into_body();
    let mut bytes = 0usize;
    loop {
        match body.frame().await {
            None => return Drained::Whole,
            Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) => return Drained::Cut("the body of the answer was cut off"),
        }
        if bytes > BODY_BYTES_MAX {
            return Drained::Cut("the body of the answer is longer than 16 KiB; the rest was not read");
        }
    }
}

fn note(sent: &mut Sent, why: &str) {
    if !sent.message.is_empty() {
        sent.message.push_str("; ");
    }
    sent.message.push_str(why);
}

fn request(target: &Target, post: &Post) -> Result<Request<Full<Bytes>>, Trouble> {
    let mut request = Request::new(Full::new(post.body.clone()));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = target.path_and_query.parse().map_err(|_| unsendable("path"))?;
    fill(request.headers_mut(), target, post)?;
    Ok(request)
}

fn fill(headers: &mut HeaderMap, target: &Target, post: &Post) -> Result<(), Trouble> {
    headers.insert(HOST, value(&host_header(target))?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(post.body.len()));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    let secrets = std::slice::from_ref(&post.secret);
    let id = post.event.to_string();
    for (name, text) in postsync_webhook::headers(&post.secret, secrets, &id, post.at.unix_s(), &post.body) {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable("header"))?;
        headers.insert(name, value(&text)?);
    }
    headers.insert(HeaderName::from_static("postsync-event"), HeaderValue::from_static(post.kind.as_str()));
    headers.insert(HeaderName::from_static("postsync-delivery"), value(&post.delivery.to_string())?);
    headers.insert(HeaderName::from_static("postsync-attempt"), HeaderValue::from(post.attempt));
    Ok(())
}

/// `Host` names the port only where it is not the scheme's own, as clients write it.
pub(crate) fn host_header(target: &Target) -> String {
    match (target.scheme, target.port) {
        (Scheme::Https, 443) | (Scheme::Http, 80) => target.host.clone(),
        (_, port) => format!("{}:{port}", target.host),
    }
}

fn value(text: &str) -> Result<HeaderValue, Trouble> {
    HeaderValue::from_str(text).map_err(|_| unsendable("header"))
}

/// A URL that was taken and can't be put on a request line after all.
fn unsendable(part: &str) -> Trouble {
    Trouble::new(SendError::AddressNotAllowed, format!("the {part} of this webhook can't be written as HTTP"))
}
