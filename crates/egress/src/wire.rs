//! The bytes of one connection, counted: what was written, when the request was out, when the first byte of the answer came.
//!
//! hyper says neither when a request has left nor whether any of it has. Both decide: the phases have deadlines of their own,
//! and a request is repeated only if nothing of it was written.
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use postsync_core::moment;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use crate::content::Content;

pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What has passed since [`Meter::begin`]. All of it is written by the one future that drives the connection.
pub(crate) struct Meter {
    origin: Instant,
    written_bytes: AtomicU64,
    read_bytes: AtomicU64,
    /// hyper has the whole request in its buffer: the next flush that ends has sent it.
    handed_over: AtomicBool,
    /// Microseconds after the origin, at least 1; 0 is "not yet".
    sent_us: AtomicU64,
    first_byte_us: AtomicU64,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
            written_bytes: AtomicU64::new(0),
            read_bytes: AtomicU64::new(0),
            handed_over: AtomicBool::new(false),
            sent_us: AtomicU64::new(0),
            first_byte_us: AtomicU64::new(0),
        }
    }

    /// A new request begins.
    fn begin(&self) {
        self.handed_over.store(false, Relaxed);
        for count in [&self.written_bytes, &self.read_bytes, &self.sent_us, &self.first_byte_us] {
            count.store(0, Relaxed);
        }
    }

    /// Whether any byte of the request may have left.
    pub(crate) fn wrote(&self) -> bool {
        self.written_bytes.load(Relaxed) > 0
    }

    /// What has left of the request so far.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.written_bytes.load(Relaxed)
    }

    /// Whether any byte of an answer came.
    pub(crate) fn heard(&self) -> bool {
        self.read_bytes() > 0
    }

    /// What came of an answer so far.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Relaxed)
    }

    /// When the whole request was with the system.
    pub(crate) fn sent_at(&self) -> Option<Instant> {
        self.instant(&self.sent_us)
    }

    pub(crate) fn first_byte_at(&self) -> Option<Instant> {
        self.instant(&self.first_byte_us)
    }

    fn instant(&self, us: &AtomicU64) -> Option<Instant> {
        Some(us.load(Relaxed)).filter(|&us| us > 0).map(|us| self.origin + Duration::from_micros(us))
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    fn read(&self, bytes: usize) {
        if bytes > 0 && self.read_bytes.fetch_add(bytes as u64, Relaxed) == 0 {
            self.first_byte_us.store(self.now_us(), Relaxed);
            moment::passes("answer begins");
        }
    }

    fn flushed(&self) {
        if self.handed_over.load(Relaxed) && self.wrote() && self.sent_us.load(Relaxed) == 0 {
            self.sent_us.store(self.now_us(), Relaxed);
            moment::passes("post out");
        }
    }
}

/// The body of a request, or none.
pub(crate) struct Payload {
    content: Option<Content>,
    meter: Arc<Meter>,
}

impl Payload {
    /// Begins a request on the connection that `meter` belongs to.
    pub(crate) fn new(content: Content, meter: &Arc<Meter>) -> Self {
        meter.begin();
        let content = Some(content).filter(|content| left_bytes(content) > 0);
        // Without a body the head is all there is.
        meter.handed_over.store(content.is_none(), Relaxed);
        Self { content, meter: meter.clone() }
    }
}

fn left_bytes(content: &Content) -> u64 {
    match content {
        Content::Bytes(bytes) => bytes.len() as u64,
        Content::Pieces(pieces) => pieces.left_bytes(),
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let next = match self.content.as_mut() {
            Some(Content::Pieces(pieces)) => {
                let next = ready!(pieces.poll_next(cx));
                if pieces.left_bytes() == 0 {
                    self.content = None;
                }
                next
            }
            Some(Content::Bytes(bytes)) => {
                let bytes = std::mem::take(bytes);
                self.content = None;
                Some(Ok(bytes))
            }
            None => None,
        };
        self.meter.handed_over.store(self.content.is_none(), Relaxed);
        Poll::Ready(next.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.content.as_ref().map_or(0, left_bytes))
    }
}

/// A stream and its meter.
pub(crate) struct Wire {
    stream: Stream,
    meter: Arc<Meter>,
}

impl Wire {
    pub(crate) fn new(stream: Stream, meter: Arc<Meter>) -> Self {
        Self { stream, meter }
    }
}

/// The same call on whichever stream it is.
macro_rules! on_stream {
    ($wire:expr, $method:ident, $cx:expr $(, $argument:expr)*) => {
        match &mut $wire.stream {
            Stream::Plain(stream) => Pin::new(stream).$method($cx $(, $argument)*),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).$method($cx $(, $argument)*),
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = on_stream!(self, poll_read, cx, buf);
        self.meter.read(buf.filled().len() - before);
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = on_stream!(self, poll_write, cx, buf);
        self.count(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = on_stream!(self, poll_write_vectored, cx, bufs);
        self.count(polled)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = on_stream!(self, poll_flush, cx);
        if matches!(polled, Poll::Ready(Ok(()))) {
            self.meter.flushed();
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, poll_shutdown, cx)
    }
}

impl Wire {
    fn count(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = polled {
            self.meter.written_bytes.fetch_add(bytes as u64, Relaxed);
        }
        polled
    }
}
