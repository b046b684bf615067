//! A request's body with two manners. It waits for the next bytes only so long; and what is left of it when the answer is
//! ready is read and thrown away, up to a bound.
//!
//! Why the second: closing a connection with unread bytes resets it, and many clients then report a broken pipe instead of
//! the 401 or 413 that was sent to them. Beyond the bound the connection is closed; who sends that much learns it the hard way.
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, header};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::Sleep;

/// Sync's own upload limit was 20 MB for years; clients that send less than this always see our answer.
const LEFT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A slow sender does not hold the connection longer than this after its answer.
const LEFT_TIME_MAX: Duration = Duration::from_secs(10);

/// A sender that is silent for longer has gone: its upload must not hold a connection and a file for ever.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A body whose rest is read when it is dropped early.
pub(crate) struct Lingering {
    inner: Option<Body>,
    /// Runs only while the sender keeps us waiting.
    silence: Option<Pin<Box<Sleep>>>,
    /// The client waits for our word before it sends: if we never ask for the body there is nothing to throw away.
    asked_first: bool,
}

impl Lingering {
    pub(crate) fn wrap(headers: &HeaderMap, body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::new(Self { inner: Some(body), silence: None, asked_first: headers.contains_key(header::EXPECT) })
    }
}

impl Lingering {
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, axum::Error>>> {
        let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(SILENCE_MAX)));
        ready!(silence.as_mut().poll(cx));
        self.inner = None;
        Poll::Ready(Some(Err(axum::Error::new(std::io::Error::from(std::io::ErrorKind::TimedOut)))))
    }
}

impl http_body::Body for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.asked_first = false;
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) else { return self.wait(cx) };
        self.silence = None;
        if !matches!(frame, Some(Ok(_))) {
            self.inner = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let left = self.inner.take().filter(|body| !body.is_end_stream() && !self.asked_first);
        if let (Some(body), Ok(runtime)) = (left, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(LEFT_TIME_MAX, throw_away(body.into_data_stream())));
        }
    }
}

async fn throw_away(mut body: BodyDataStream) {
    let mut bytes = 0;
    while let Some(Ok(chunk)) = body.next().await {
        bytes += chunk.len();
        if bytes > LEFT_BYTES_MAX {
            return;
        }
    }
}
