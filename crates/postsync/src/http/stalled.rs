//! A connection that fails when its other end takes nothing for too long.
//!
//! hyper waits without an end for a client to read its answer. Who asks and never reads would keep a slot, and the answer's
//! memory, for ever.
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::asked::Asked;

/// A stream whose pending write fails with `TimedOut` when it makes no progress for the time given.
pub(super) struct Stalled<S> {
    stream: S,
    time_max: Duration,
    /// Is told while a write waits.
    asked: Arc<Asked>,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Stalled<S> {
    pub(super) fn new(stream: S, time_max: Duration, asked: Arc<Asked>) -> Self {
        Self { stream, time_max, asked, waiting: None }
    }

    /// Bounds what a write has come to.
    fn bounded<T>(&mut self, cx: &mut Context<'_>, came_to: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.asked.set_unread(came_to.is_pending());
        if came_to.is_ready() {
            self.waiting = None;
            return came_to;
        }
        let time_max = self.time_max;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(time_max)));
        waiting.as_mut().poll(cx).map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalled<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalled<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let came_to = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.bounded(cx, came_to)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let came_to = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.bounded(cx, came_to)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_write_that_nobody_takes_ends() {
        let (ours, _theirs) = duplex(16);
        let mut stream = Stalled::new(ours, Duration::from_millis(1), Arc::default());
        let written = timeout(PATIENCE, stream.write_all(&[0; 17])).await.expect("it ends");
        assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_write_that_is_taken_goes_on() {
        let (ours, mut theirs) = duplex(16);
        let mut stream = Stalled::new(ours, Duration::from_secs(3600), Arc::default());
        let write = async {
            stream.write_all(&[7; 4096]).await.unwrap();
            assert!(stream.waiting.is_none(), "the clock stands while nothing waits");
            drop(stream);
        };
        let mut read = Vec::new();
        let (read, ()) = tokio::join!(theirs.read_to_end(&mut read), write);
        assert_eq!(read.unwrap(), 4096);
    }
}
