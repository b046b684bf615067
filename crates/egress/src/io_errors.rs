//! What hyper says when there is no complete head, in our words. Conservative: whatever may have been received reads so.
use std::error::Error as _;
use std::io;

use postsync_core::outcome::SendError;

use crate::trouble::Trouble;
use crate::wire::Meter;

/// Why no complete head came over a connection that was open.
pub(crate) fn trouble(error: &hyper::Error, meter: &Meter) -> Trouble {
    if error.is_parse_too_large() {
        return too_large();
    }
    if error.is_parse_version_h2() {
        return Trouble::new(
            SendError::ResponseMalformed,
            "the answer is HTTP/2, which was not agreed on; let the server speak HTTP/1.1 too",
        );
    }
    if error.is_parse() || error.is_parse_status() {
        return Trouble::new(
            SendError::ResponseMalformed,
            "the answer is not HTTP; check that the port is the web server's",
        );
    }
    broken(io_cause(error), meter)
}

/// A head over its cap, or interim ones without an end.
pub(crate) fn too_large() -> Trouble {
    Trouble::new(
        SendError::ResponseTooLarge,
        "the head of the answer is larger than 16 KiB or has too many headers; send fewer or smaller ones",
    )
}

fn broken(cause: Option<&io::Error>, meter: &Meter) -> Trouble {
    if let Some(rustls::Error::AlertReceived(alert)) = cause.and_then(tls_cause) {
        let message = format!(
            "the server ended TLS with the alert {alert:?} instead of an answer; if it asks for client certificates, except this path from that"
        );
        return Trouble::new(SendError::ResponseReset, message);
    }
    if meter.sent_at().is_none() {
        return Trouble::new(
            SendError::WriteReset,
            "the connection broke while the request was being written; it may have been received",
        );
    }
    let closed = cause.is_none_or(|cause| cause.kind() == io::ErrorKind::UnexpectedEof);
    match (closed, meter.heard()) {
        (true, true) => Trouble::new(
            SendError::ResponseTruncated,
            "the server closed the connection in the middle of its answer's head; the request may have been received",
        ),
        (true, false) => Trouble::new(
            SendError::ResponseReset,
            "the server closed the connection without an answer; the request may have been received; look for a crash in its log",
        ),
        (false, _) => Trouble::new(
            SendError::ResponseReset,
            "the server reset the connection before its answer was complete; the request may have been received",
        ),
    }
}

fn io_cause(error: &hyper::Error) -> Option<&io::Error> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Some(io);
        }
        cause = inner.source();
    }
    None
}

fn tls_cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
