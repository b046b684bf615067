//! Server-sent events: what their answers have in common.
use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// After so long without a message a comment goes out: proxies cut what is silent for a minute, and a client that is gone is
/// noticed by nothing else.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How soon a client that was cut comes again, in milliseconds.
pub(crate) const RETRY_MS: u32 = 1_000;

/// The comment.
pub(crate) const STILL_HERE: &str = ": still here\n\n";

pub(crate) const LAST_EVENT_ID: &str = "Last-Event-ID";

/// Keeps nginx from gathering a stream until a buffer is full.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What the client has had last, where it says so.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty())?;
    Some(value.to_str().unwrap_or_default())
}

/// A stream as an answer.
pub(crate) fn answer(messages: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    use futures::StreamExt as _;
    let mut response = Body::from_stream(messages.map(Ok::<_, Infallible>)).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    out.insert(UNBUFFERED, HeaderValue::from_static("no"));
    response
}
