//! A request's body with three manners. It waits for the next bytes only so long; it does not put up with a trickle; and what
//! is left of it when the answer is ready is read and thrown away, up to a bound.
//!
//! Why the last: closing a connection with unread bytes resets it, and many clients then report a broken pipe instead of
//! the 401 or 413 that was sent to them. Beyond the bound the connection is closed; who sends that much learns it the hard way.
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, header};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// Sync's own upload limit was 20 MB for years; clients that send less than this always see our answer.
const LEFT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A slow sender does not hold the connection longer than this after its answer.
const LEFT_TIME_MAX: Duration = Duration::from_secs(10);

/// A sender that is silent for longer has gone: its upload must not hold a connection and a file for ever.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// From then on a body must have come at a rate that a person would not give up on. Until then a slow start is forgiven.
const TRICKLE_AFTER: Duration = Duration::from_secs(60);

/// That rate, over the whole body so far. A modem of 1998 is five times as fast.
const BYTES_PER_S_MIN: u64 = 1_000;

/// A body whose rest is read when it is dropped early.
pub(crate) struct Lingering {
    inner: Option<Body>,
    /// Runs only while the sender keeps us waiting.
    silence: Option<Pin<Box<Sleep>>>,
    /// When the first byte was asked for.
    began: Option<Instant>,
    bytes: u64,
    /// The client waits for our word before it sends: if we never ask for the body there is nothing to throw away.
    asked_first: bool,
}

/// Whether a body has ended in this error because its sender kept us waiting.
pub(crate) fn is_too_slow(error: &(dyn std::error::Error + 'static)) -> bool {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.filter_map(|error| error.downcast_ref::<io::Error>()).any(|error| error.kind() == ErrorKind::TimedOut)
}

impl Lingering {
    pub(crate) fn wrap(headers: &HeaderMap, body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        let asked_first = headers.contains_key(header::EXPECT);
        Body::new(Self { inner: Some(body), silence: None, began: None, bytes: 0, asked_first })
    }
}

impl Lingering {
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, axum::Error>>> {
        let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(SILENCE_MAX)));
        ready!(silence.as_mut().poll(cx));
        Poll::Ready(Some(self.give_up()))
    }

    fn give_up<T>(&mut self) -> Result<T, axum::Error> {
        self.inner = None;
        Err(axum::Error::new(io::Error::from(ErrorKind::TimedOut)))
    }

    /// Whether so little has come in so long that nobody can mean it.
    fn is_a_trickle(&self) -> bool {
        let elapsed = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        elapsed > TRICKLE_AFTER && self.bytes < elapsed.as_secs() * BYTES_PER_S_MIN
    }
}

impl http_body::Body for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.asked_first = false;
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) else {
            self.began.get_or_insert_with(Instant::now);
            return self.wait(cx);
        };
        self.silence = None;
        if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
            self.bytes += data.map_or(0, |data| data.len() as u64);
            if self.is_a_trickle() {
                return Poll::Ready(Some(self.give_up()));
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body_room::BodyRoom;
    use crate::error::ApiError;
    use crate::json_body::whole;

    /// So many bytes now, then again and again after that time.
    fn body(bytes: usize, every: Duration, times: usize) -> Body {
        let chunk = Bytes::from(vec![0; bytes]);
        let stream = futures::stream::unfold(0, move |n| {
            let chunk = chunk.clone();
            async move {
                tokio::time::sleep(every).await;
                (n < times).then_some((Ok::<_, std::io::Error>(chunk), n + 1))
            }
        });
        Lingering::wrap(&HeaderMap::new(), Body::from_stream(stream))
    }

    async fn len(body: Body) -> Option<usize> {
        axum::body::to_bytes(body, usize::MAX).await.ok().map(|bytes| bytes.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_given_up_and_a_slow_line_is_not() {
        let second = Duration::from_secs(1);
        assert_eq!(len(body(1, 20 * second, 100)).await, None);
        assert_eq!(len(body(1, 10 * second, 5)).await, Some(5), "not in its first minute");
        assert_eq!(len(body(2_000, second, 300)).await, Some(600_000));
        assert_eq!(len(body(1_000_000, 61 * second, 1)).await, None, "silent for too long");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_keeps_us_waiting_is_told_so() {
        let silent = || body(1, Duration::from_secs(61), 1);
        let cut = || {
            let gone = io::Error::from(ErrorKind::ConnectionReset);
            Lingering::wrap(&HeaderMap::new(), Body::from_stream(futures::stream::iter([Err::<Bytes, _>(gone)])))
        };
        let of_json = async |body| {
            let held = BodyRoom::default().for_a_body();
            let read = whole(held, &HeaderMap::new(), body, 100, ApiError::unreadable).await;
            read.err().unwrap().status().as_u16()
        };
        assert_eq!((of_json(silent()).await, of_json(cut()).await), (408, 400));
    }
}
