//! Whether a connection's client has said all of his request, for a stop: half a request has nobody who waits for its answer, and
//! the server would wait for the rest of it until its grace is over.
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};

/// Of one connection. Shared by the two bodies of its request and answer, and by the stream below them.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// A request has come whole, and its answer is not over.
    whole: AtomicBool,
    /// Some of an answer waits for its client to take it.
    unread: AtomicBool,
}

impl Asked {
    /// Whether the connection is at neither: its client has to say something before anything can happen.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.whole.load(Ordering::Relaxed) && !self.unread.load(Ordering::Relaxed)
    }

    pub(super) fn set_unread(&self, unread: bool) {
        self.unread.store(unread, Ordering::Relaxed);
    }

    /// The body of a request whose head has come.
    pub(super) fn coming(self: &Arc<Self>, body: Incoming) -> Body {
        if body.is_end_stream() {
            self.whole.store(true, Ordering::Relaxed);
        }
        Body::new(Coming { body, asked: self.clone() })
    }

    /// The body of its answer.
    pub(super) fn going(self: &Arc<Self>, body: Body) -> Body {
        Body::new(Going { body, asked: self.clone() })
    }
}

struct Coming {
    body: Incoming,
    asked: Arc<Asked>,
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        // Who knows its length need not ask whether there is more.
        if frame.is_none() || self.body.is_end_stream() {
            self.asked.whole.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Going {
    body: Body,
    asked: Arc<Asked>,
}

impl HttpBody for Going {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The answer is over, whole or not: the next request is to come.
impl Drop for Going {
    fn drop(&mut self) {
        self.asked.whole.store(false, Ordering::Relaxed);
    }
}
