//! What hyper says when there is no complete head, in our words. Conservative: whatever may have been received reads so.
use std::error::Error as _;
use std::io::ErrorKind;

use postsync_core::outcome::SendError;

use crate::trouble::Trouble;

/// Why no complete head came over a connection that was open.
pub(crate) fn trouble(error: &hyper::Error) -> Trouble {
    if error.is_parse_too_large() {
        return Trouble::new(
            SendError::ResponseTooLarge,
            "the head of the answer is larger than 16 KiB; send fewer or smaller headers",
        );
    }
    if error.is_parse() || error.is_parse_status() {
        return Trouble::new(
            SendError::ResponseMalformed,
            "the answer is not HTTP; check that the port is the web server's",
        );
    }
    if error.is_incomplete_message() {
        let closed =
            "the receiver closed the connection before its answer was complete; it may have received the webhook";
        return Trouble::new(SendError::ResponseTruncated, closed);
    }
    if error.is_body_write_aborted() {
        return Trouble::new(
            SendError::WriteReset,
            "the connection broke while the webhook was being written; it may have been received",
        );
    }
    match io_kind(error) {
        Some(ErrorKind::BrokenPipe) => Trouble::new(
            SendError::WriteReset,
            "the connection broke while the webhook was being written; it may have been received",
        ),
        Some(ErrorKind::UnexpectedEof) => Trouble::new(
            SendError::ResponseTruncated,
            "the receiver closed the connection before its answer was complete; it may have received the webhook",
        ),
        _ => Trouble::new(
            SendError::ResponseReset,
            "the receiver reset the connection before its answer was complete; it may have received the webhook",
        ),
    }
}

fn io_kind(error: &hyper::Error) -> Option<ErrorKind> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = inner.source();
    }
    None
}
