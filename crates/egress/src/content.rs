//! The body of a request: frozen bytes in one piece, or pieces of which some are files.
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use postsync_engine::ports::Piece;
use tokio::fs::File;
use tokio::io::{AsyncRead as _, ReadBuf};

/// Of a file, what is in memory at once.
const READ_BYTES: usize = 64 * 1024;

/// What a request carries.
pub(crate) enum Content {
    Bytes(Bytes),
    Pieces(Pieces),
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

/// Told when a body broke because of us.
#[derive(Clone, Debug, Default)]
pub(crate) struct Broken(Arc<AtomicBool>);

impl Broken {
    pub(crate) fn told(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Pieces with a length that is known before.
pub(crate) struct Pieces {
    rest: VecDeque<Opened>,
    left_bytes: u64,
    broken: Broken,
}

enum Opened {
    Bytes(Bytes),
    File { file: File, left_bytes: u64 },
}

impl Pieces {
    pub(crate) async fn open(pieces: &[Piece], broken: Broken) -> io::Result<Self> {
        let mut rest = VecDeque::with_capacity(pieces.len());
        let mut all_bytes = 0u64;
        for piece in pieces {
            let (opened, bytes) = match piece {
                Piece::Bytes(bytes) => (Opened::Bytes(bytes.clone()), bytes.len() as u64),
                Piece::File(path) => {
                    let file = File::open(path).await?;
                    let bytes = file.metadata().await?.len();
                    (Opened::File { file, left_bytes: bytes }, bytes)
                }
            };
            if bytes > 0 {
                all_bytes += bytes;
                rest.push_back(opened);
            }
        }
        Ok(Self { rest, left_bytes: all_bytes, broken })
    }

    pub(crate) fn left_bytes(&self) -> u64 {
        self.left_bytes
    }

    /// The next bytes; `None` at the end. A file that has become shorter breaks the request: its length was announced.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let bytes = match self.rest.front_mut() {
            None => return Poll::Ready(None),
            Some(Opened::Bytes(bytes)) => std::mem::take(bytes),
            Some(Opened::File { file, left_bytes }) => match ready!(read(file, *left_bytes, cx)) {
                Ok(bytes) => {
                    *left_bytes -= bytes.len() as u64;
                    bytes
                }
                Err(error) => {
                    self.broken.0.store(true, Relaxed);
                    return Poll::Ready(Some(Err(error)));
                }
            },
        };
        if !matches!(self.rest.front(), Some(Opened::File { left_bytes: 1.., .. })) {
            self.rest.pop_front();
        }
        self.left_bytes -= bytes.len() as u64;
        Poll::Ready(Some(Ok(bytes)))
    }
}

fn read(file: &mut File, left_bytes: u64, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
    let wanted = usize::try_from(left_bytes).unwrap_or(READ_BYTES).min(READ_BYTES);
    let mut space = vec![0; wanted];
    let mut buffer = ReadBuf::new(&mut space);
    ready!(Pin::new(file).poll_read(cx, &mut buffer))?;
    let filled = buffer.filled().len();
    if filled == 0 {
        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
    }
    space.truncate(filled);
    Poll::Ready(Ok(space.into()))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn all(pieces: &mut Pieces) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        while let Some(bytes) = poll_fn(|cx| pieces.poll_next(cx)).await {
            out.extend_from_slice(&bytes?);
        }
        Ok(out)
    }

    #[tokio::test]
    async fn pieces_come_in_order_and_a_file_in_parts() {
        let folder = tempfile::tempdir().unwrap();
        let (large, none) = (folder.path().join("large"), folder.path().join("none"));
        let text: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        std::fs::write(&large, &text).unwrap();
        std::fs::write(&none, b"").unwrap();
        let parts = [
            Piece::Bytes(Bytes::from_static(b"<")),
            Piece::File(large),
            Piece::File(none),
            Piece::Bytes(Bytes::from_static(b">")),
        ];
        let mut pieces = Pieces::open(&parts, Broken::default()).await.unwrap();
        assert_eq!(pieces.left_bytes(), 200_002);
        assert_eq!(all(&mut pieces).await.unwrap(), [b"<".as_slice(), &text, b">"].concat());
        assert_eq!(pieces.left_bytes(), 0);
    }

    #[tokio::test]
    async fn a_file_that_shrinks_breaks_it_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 1_000]).unwrap();
        let broken = Broken::default();
        let mut pieces = Pieces::open(&[Piece::File(path.clone())], broken.clone()).await.unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_len(10).unwrap();
        assert!(all(&mut pieces).await.is_err() && broken.told());
    }
}
