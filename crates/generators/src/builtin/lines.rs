//! Reads a child's pipes: lines with an upper bound on each and on all, and the beginning of its complaints.
use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt};

/// Why a child's output was not read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overrun {
    /// One line was too long.
    Line,
    /// All lines together were too much.
    Total,
}

/// Lines, bounded.
pub(crate) struct Lines<R> {
    from: R,
    line: Vec<u8>,
    line_bytes_max: usize,
    total_bytes_left: usize,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(crate) fn new(from: R, line_bytes_max: usize, total_bytes_max: usize) -> Self {
        Self { from, line: Vec::new(), line_bytes_max, total_bytes_left: total_bytes_max }
    }

    /// The next line without its end; `None` at the end of the pipe. A last line without an end is one that was cut: it
    /// does not count. Dropping the future loses nothing that was read.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Overrun> {
        loop {
            // A pipe that can't be read has no more to say.
            let Ok(read) = self.from.fill_buf().await else { return Ok(None) };
            if read.is_empty() {
                return Ok(None);
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(read.len(), |end| end + 1);
            self.line.extend_from_slice(&read[..end.unwrap_or(taken)]);
            self.from.consume(taken);
            self.total_bytes_left = self.total_bytes_left.checked_sub(taken).ok_or(Overrun::Total)?;
            if self.line.len() > self.line_bytes_max {
                return Err(Overrun::Line);
            }
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.line)));
            }
        }
    }
}

/// The first bytes of a pipe; the rest is read and dropped, so that the child can neither fill our memory nor block.
pub(crate) struct Captured<R> {
    from: R,
    kept: Vec<u8>,
}

/// Bytes that are kept of what a child complains of.
const CAPTURED_BYTES_MAX: usize = 4 * 1024;

impl<R: AsyncRead + Unpin> Captured<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from, kept: Vec::new() }
    }

    /// Reads to the end. Dropping the future loses nothing that was read.
    pub(crate) async fn drain(&mut self) -> io::Result<()> {
        let mut buffer = [0; 1024];
        loop {
            let read = self.from.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            let room = CAPTURED_BYTES_MAX - self.kept.len();
            self.kept.extend_from_slice(&buffer[..read.min(room)]);
        }
    }

    /// What was kept, as printable ASCII: it goes into a log, where escapes and line ends would forge entries.
    pub(crate) fn text(&self) -> String {
        self.kept.trim_ascii().escape_ascii().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8], line_bytes_max: usize, total_bytes_max: usize) -> Result<Vec<Vec<u8>>, Overrun> {
        let mut lines = Lines::new(tokio::io::BufReader::with_capacity(3, bytes), line_bytes_max, total_bytes_max);
        let mut read = Vec::new();
        while let Some(line) = lines.next().await? {
            read.push(line);
        }
        Ok(read)
    }

    #[tokio::test]
    async fn reads_lines_within_their_bounds() {
        assert_eq!(all(b"one\n\nthree\ncut", 5, 100).await.unwrap(), [b"one".as_slice(), b"", b"three"]);
        assert_eq!(all(b"", 5, 100).await.unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(all(b"sixsix\n", 5, 100).await, Err(Overrun::Line));
        assert_eq!(all(&[b'x'; 1_000], 5, 100).await, Err(Overrun::Line), "without an end, too");
        assert_eq!(all(&[b'\n'; 100], 5, 100).await.map(|lines| lines.len()), Ok(100));
        assert_eq!(all(&[b'\n'; 101], 5, 100).await, Err(Overrun::Total));
    }

    #[tokio::test]
    async fn keeps_the_beginning_in_plain_ascii() {
        let mut captured = Captured::new(b" \x1b[31mno\nfile\xc3\xa9\n".as_slice());
        captured.drain().await.unwrap();
        assert_eq!(captured.text(), r"\x1b[31mno\nfile\xc3\xa9");
        let flood = vec![b'x'; 1_000_000];
        let mut captured = Captured::new(flood.as_slice());
        captured.drain().await.unwrap();
        assert_eq!(captured.text().len(), CAPTURED_BYTES_MAX);
    }
}
