//! Server-sent events, as they come over a connection: bytes in, messages out.
//!
//! Promise: a message comes whole or not at all, wherever the bytes were cut; one that does not end is refused at
//! [`MESSAGE_BYTES_MAX`]. Ids and reconnection are left to the reader.

/// The longest message. What a generation repeats of its request is less than a tenth of it.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// `message` where it has no name.
    pub(crate) event: String,
    pub(crate) data: String,
}

/// What has come and is not a whole message yet.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    line: Vec<u8>,
    event: String,
    data: Option<String>,
    /// A line ended with `\r`: a `\n` behind it belongs to that end.
    after_return: bool,
}

/// A message is longer than [`MESSAGE_BYTES_MAX`].
#[derive(Debug, thiserror::Error)]
#[error("a message of the stream does not end")]
pub(crate) struct Endless;

impl Reader {
    /// The messages that end in these bytes.
    ///
    /// # Errors
    /// What comes is no stream of events of ours.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Vec<Message>, Endless> {
        let mut messages = Vec::new();
        for &byte in bytes {
            let is_rest = std::mem::take(&mut self.after_return) && byte == b'\n';
            match byte {
                b'\n' if is_rest => {}
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    messages.extend(self.end_line());
                }
                byte => self.line.push(byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > MESSAGE_BYTES_MAX {
                return Err(Endless);
            }
        }
        Ok(messages)
    }

    fn end_line(&mut self) -> Option<Message> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            let event = if event.is_empty() { "message".to_owned() } else { event };
            return self.data.take().map(|data| Message { event, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // A comment, an id, a time to wait.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(event: &str, data: &str) -> Message {
        Message { event: event.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn messages_come_whole_wherever_they_were_cut() {
        let text = "retry: 1000\nevent: progress\ndata: {\"a\":\"\u{e9}\"}\n\n: still here\n\nid: x\ndata:one\ndata: two\r\n\r\n\
                    event: end\rdata\r\rdata: lost";
        let wanted = [message("progress", "{\"a\":\"\u{e9}\"}"), message("message", "one\ntwo"), message("end", "")];
        for piece in [1, 2, 3, 7, text.len()] {
            let mut reader = Reader::default();
            let read: Vec<Message> =
                text.as_bytes().chunks(piece).flat_map(|bytes| reader.read(bytes).unwrap()).collect();
            assert_eq!(read, wanted, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_does_not_end_is_refused() {
        let mut reader = Reader::default();
        let line = vec![b'x'; MESSAGE_BYTES_MAX / 2];
        assert_eq!(reader.read(&line).unwrap(), []);
        assert!(reader.read(&line).is_ok());
        assert!(reader.read(b"x").is_err());
        let mut lines = Reader::default();
        let ends = (0..3).map(|_| lines.read(&[b"data:", line.as_slice(), b"\n"].concat()));
        assert!(ends.collect::<Result<Vec<_>, _>>().is_err(), "nor one of many lines");
    }
}
