//! Splits a multipart body into parts, pulling one chunk at a time.
//!
//! Promise: never more than one chunk of the body and [`HEAD_BYTES_MAX`] wait in memory, whatever the sender does. (The
//! usual parser reads ahead for as long as the socket has bytes: a fast sender of 5 GiB would be held in memory.)
use bytes::{Buf as _, Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use memchr::memmem::Finder;

use super::head::{self, PartHead};
use crate::linger::is_too_slow;

/// The head of one part.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What is skipped in one go: what stands before the first part (RFC 2046 allows a note there, and no client sends one), or
/// the rest of a part that nobody wants.
const SKIPPED_BYTES_MAX: usize = 16 * 1024;

/// RFC 2046 allows 70 characters.
const BOUNDARY_CHARS_MAX: usize = 200;

/// Why the body could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FormError {
    /// It is not a form; the sentence says where it ends to be one.
    Malformed(&'static str),
    /// The client went away, or the connection did.
    Broken,
    /// The client is there and sends nothing, or next to nothing.
    Slow,
}

impl FormError {
    /// Why a body has broken off.
    pub(super) fn of(error: &axum::Error) -> Self {
        if is_too_slow(error) { Self::Slow } else { Self::Broken }
    }
}

pub(super) struct Parts<S> {
    source: S,
    buffer: BytesMut,
    /// `\r\n--boundary`; the buffer begins with a line end of ours, so that the first delimiter is like the others.
    delimiter: Finder<'static>,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a delimiter: in the preamble or in a part's body.
    Inside,
    /// Just behind a delimiter.
    Behind,
    /// Behind the last one.
    End,
}

/// The boundary of a `Content-Type`, if it has one.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let (_, mut rest) = content_type.split_once(';')?;
    loop {
        let (name, value) = rest.split_once('=')?;
        let (value, after) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_once(';').unwrap_or((value, "")),
        };
        if name.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case("boundary") {
            let value = value.trim();
            return (1..=BOUNDARY_CHARS_MAX).contains(&value.len()).then_some(value);
        }
        rest = after;
    }
}

impl<S> Parts<S>
where
    S: Stream<Item = Result<Bytes, FormError>> + Unpin,
{
    pub(super) fn new(source: S, boundary: &str) -> Self {
        let delimiter = Finder::new(&format!("\r\n--{boundary}")).into_owned();
        Self { source, buffer: BytesMut::from(&b"\r\n"[..]), delimiter, place: Place::Inside }
    }

    /// The next part's head; what was left of the part before is skipped. `None` behind the last one.
    pub(super) async fn next(&mut self) -> Result<Option<PartHead>, FormError> {
        let mut skipped = 0;
        while self.place == Place::Inside {
            skipped += self.chunk().await?.map_or(0, |bytes| bytes.len());
            if skipped > SKIPPED_BYTES_MAX {
                return Err(FormError::Malformed("its next boundary does not come"));
            }
        }
        if self.place == Place::End {
            return Ok(None);
        }
        if self.is_last().await? {
            self.place = Place::End;
            return Ok(None);
        }
        let head = self.head().await?;
        self.place = Place::Inside;
        Ok(Some(head))
    }

    /// The next bytes of the current part; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, FormError> {
        let keep = self.delimiter.needle().len() - 1;
        while self.place == Place::Inside {
            if let Some(at) = self.delimiter.find(&self.buffer) {
                let bytes = self.buffer.split_to(at).freeze();
                self.buffer.advance(self.delimiter.needle().len());
                self.place = Place::Behind;
                return Ok(Some(bytes).filter(|bytes| !bytes.is_empty()));
            }
            // The last bytes may be the beginning of a delimiter.
            if self.buffer.len() > keep {
                return Ok(Some(self.buffer.split_to(self.buffer.len() - keep).freeze()));
            }
            self.pull().await?;
        }
        Ok(None)
    }

    /// Behind a delimiter: `--` ends the form, a line end begins a part.
    async fn is_last(&mut self) -> Result<bool, FormError> {
        loop {
            let padding = self.buffer.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            if padding > HEAD_BYTES_MAX {
                return Err(FormError::Malformed("the line of a boundary does not end"));
            }
            match self.buffer.get(padding..padding + 2) {
                None => self.pull().await?,
                Some(b"--") if padding == 0 => return Ok(true),
                Some(b"\r\n") => {
                    self.buffer.advance(padding);
                    return Ok(false);
                }
                Some(_) => {
                    return Err(FormError::Malformed("a boundary is followed by something that is not a line end"));
                }
            }
        }
    }

    /// Header lines up to the empty one. The buffer begins with the line end behind the boundary, so a part without any
    /// header begins with two.
    async fn head(&mut self) -> Result<PartHead, FormError> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                let head = self.buffer.split_to(at);
                self.buffer.advance(4);
                return Ok(head::read(head.strip_prefix(b"\r\n").unwrap_or(&head)));
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(FormError::Malformed("the head of a part is too long"));
            }
            self.pull().await?;
        }
    }

    async fn pull(&mut self) -> Result<(), FormError> {
        match self.source.next().await {
            Some(Ok(chunk)) => {
                self.buffer.extend_from_slice(&chunk);
                Ok(())
            }
            Some(Err(error)) => Err(error),
            None => Err(FormError::Malformed("it ends before its last boundary")),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::TryStreamExt as _;
    use futures::executor::block_on;

    use super::*;
    use crate::error::ApiError;
    use crate::linger::Lingering;
    use proptest::prelude::*;

    type Read = Result<Vec<(Option<String>, Vec<u8>)>, FormError>;

    fn read(body: &[u8], chunk_bytes: usize) -> Read {
        let chunks: Vec<Result<Bytes, FormError>> =
            body.chunks(chunk_bytes).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
        let mut parts = Parts::new(futures::stream::iter(chunks), "B");
        block_on(async {
            let mut all = Vec::new();
            while let Some(head) = parts.next().await? {
                let mut bytes = Vec::new();
                while let Some(chunk) = parts.chunk().await? {
                    bytes.extend_from_slice(&chunk);
                }
                all.push((head.name, bytes));
            }
            Ok(all)
        })
    }

    fn part(name: &str, body: &[u8]) -> Vec<u8> {
        [format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes(), body, b"\r\n"].concat()
    }

    #[test]
    fn parts_are_the_same_however_they_are_cut() {
        let tricky: &[u8] = b"\r\n--\r\n--A\r\n-\r\r\n--";
        let parts = [part("a", b"1"), part("empty", b""), part("tricky", tricky), b"--B--\r\nepilogue".to_vec()];
        let body = [b"preamble\r\n".as_slice(), &parts.concat()].concat();
        let want = vec![
            (Some("a".to_owned()), b"1".to_vec()),
            (Some("empty".to_owned()), vec![]),
            (Some("tricky".to_owned()), tricky.to_vec()),
        ];
        for chunk_bytes in 1..=body.len() {
            assert_eq!(read(&body, chunk_bytes), Ok(want.clone()), "{chunk_bytes}");
        }
    }

    #[test]
    fn what_is_no_form_is_said_to_be_none() {
        let endless_head = [b"--B\r\nX: ".as_slice(), &[b'x'; HEAD_BYTES_MAX * 2]].concat();
        let cut = part("a", b"1");
        for body in [b"".as_slice(), b"--B", b"--Bx\r\n", b"{\"model\":1}", &cut, &endless_head] {
            assert!(matches!(read(body, 1_000), Err(FormError::Malformed(_))), "{:?}", String::from_utf8_lossy(body));
        }
        assert_eq!(read(b"--B--", 3), Ok(vec![]));
        assert_eq!(read(b"--B\r\n\r\nx\r\n--B--", 4), Ok(vec![(None, b"x".to_vec())]));
    }

    #[test]
    fn a_body_without_a_boundary_is_not_read_to_its_end() {
        let pulled = std::cell::Cell::new(0);
        let chunks = std::iter::repeat_with(|| {
            pulled.set(pulled.get() + 1);
            Ok::<_, FormError>(Bytes::from_static(&[b'x'; 1_024]))
        });
        // Far more than is wanted, and an end: a reader that takes all of it fails, and does not hang.
        let mut parts = Parts::new(futures::stream::iter(chunks.take(10_000)), "B");
        let end = block_on(parts.next());
        assert_eq!(end, Err(FormError::Malformed("its next boundary does not come")));
        assert!(pulled.get() <= SKIPPED_BYTES_MAX / 1_024 + 2, "{}", pulled.get());
        let note = [vec![b'x'; SKIPPED_BYTES_MAX / 2], b"\r\n".to_vec(), part("a", b"1"), b"--B--".to_vec()].concat();
        assert_eq!(read(&note, 999), Ok(vec![(Some("a".to_owned()), b"1".to_vec())]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_is_silent_is_told_from_one_that_is_gone() {
        let silent = futures::stream::once(async {
            tokio::time::sleep(std::time::Duration::from_secs(61)).await;
            Ok::<_, std::io::Error>(Bytes::new())
        });
        let gone = futures::stream::iter([Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset))]);
        for (body, want, says) in [
            (Body::from_stream(silent), FormError::Slow, "whole: it stopped coming"),
            (Body::from_stream(gone), FormError::Broken, "whole."),
        ] {
            let source = Lingering::wrap(&http::HeaderMap::new(), body).into_data_stream();
            let end = Parts::new(source.map_err(|error| FormError::of(&error)), "B").next().await.unwrap_err();
            assert_eq!(end, want);
            let error = ApiError::from(end);
            assert!(error.status() == 400 && error.body(None).contains(says), "{error:?}");
        }
    }

    #[test]
    fn boundaries() {
        for (content_type, want) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("multipart/form-data; charset=utf-8; Boundary=\"a b\"; x=y", Some("a b")),
            ("multipart/form-data;boundary=abc ; x=y", Some("abc")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"open", None),
        ] {
            assert_eq!(boundary(content_type), want, "{content_type}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 1usize..50) {
            let _ = read(&bytes, cut);
            let _ = read(&[b"--B\r\n", bytes.as_slice(), b"\r\n--B--"].concat(), cut);
        }

        #[test]
        fn a_body_comes_out_as_it_went_in(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 1usize..50) {
            prop_assume!(memchr::memmem::find(&bytes, b"\r\n--B").is_none());
            let form = [part("a", &bytes), b"--B--".to_vec()].concat();
            prop_assert_eq!(read(&form, cut), Ok(vec![(Some("a".to_owned()), bytes)]));
        }
    }
}
