//! A receiver's answer: its status decides, its body is a note.
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName};
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use postsync_core::attempt::Answer;
use postsync_core::endpoint::CustomHeaders;
use postsync_core::outcome::Outcome;

use crate::connection::{Connection, NoFrame, Patience};
use crate::pool::IDLE_MAX;
use crate::retry_after;
use crate::trouble::plain;

/// Of an answer's body: what is read, and what the log keeps. What is longer costs the connection, not the outcome.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// Of a refusal's body, what a person is shown.
const EXCERPT_BYTES_MAX: usize = 200;

/// Before the end that the server announces, the connection is left alone: a request that crosses the close is lost.
const KEEP_ALIVE_MARGIN: Duration = Duration::from_secs(1);

/// A body, read as far as it is kept.
pub(crate) struct Body {
    /// Its beginning, as it came: a packed one stays packed.
    kept: Vec<u8>,
    /// What was wrong with it; `None` where it was read whole, and only then the connection can be used again.
    pub(crate) fault: Option<&'static str>,
}

impl Body {
    /// Without what the endpoint's owner has sent along: whatever is told of a body, is told of this.
    pub(crate) fn masked(self, secret: &CustomHeaders) -> Self {
        Self { kept: secret.masked_in(self.kept, self.fault.is_some()), ..self }
    }
}

/// What the head says.
pub(crate) fn judge(head: &Parts) -> Outcome {
    let status = head.status.as_u16();
    if head.status.is_success() {
        Outcome::Delivered { status }
    } else {
        Outcome::Refused { status, retry_after: retry_after::read(&head.headers) }
    }
}

/// Reads the body, within what is left of the answer's time. The outcome stands already.
pub(crate) async fn drain(connection: &mut Connection, mut body: Incoming, patience: &mut Patience) -> Body {
    let mut kept = Vec::new();
    let mut bytes = 0usize;
    let fault = loop {
        let data = match connection.frame(&mut body, patience).await {
            Ok(None) => break None,
            Ok(Some(frame)) => frame.into_data().unwrap_or_default(),
            Err(NoFrame::Broken) => break Some("the body of the answer was cut off or malformed"),
            Err(NoFrame::Late) => break Some("the body of the answer did not end in time"),
        };
        bytes += data.len();
        keep(&mut kept, &data);
        if bytes > BODY_BYTES_MAX {
            break Some("the body of the answer is longer than 16 KiB; the rest was not read");
        }
    };
    Body { kept, fault }
}

/// Copied: a piece is a view of the connection's whole buffer, which must not live as long as the record does.
fn keep(kept: &mut Vec<u8>, data: &Bytes) {
    let room = BODY_BYTES_MAX - kept.len();
    kept.extend_from_slice(&data[..data.len().min(room)]);
}

/// The answer as the log keeps it. The head has its cap already.
pub(crate) fn record(headers: &HeaderMap, body: Body, secret: &CustomHeaders) -> Answer {
    let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 3).sum();
    let mut lines = Vec::with_capacity(bytes);
    for (name, value) in headers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
        lines.push(b'\n');
    }
    Answer { headers: secret.masked_in(lines, false).into(), body: body.kept.into(), truncated: body.fault.is_some() }
}

/// The sentence of an answer: empty for a delivery whose body was in order.
pub(crate) fn sentence(outcome: Outcome, body: &Body) -> String {
    let mut said = match outcome {
        Outcome::Refused { status: 410, .. } => "the receiver answered 410 Gone: it wants no more".to_owned(),
        Outcome::Refused { status, .. } if (300..400).contains(&status) => {
            format!("the receiver answered {}; redirects are not followed: use the final URL", named(status))
        }
        Outcome::Refused { status, .. } => format!("the receiver answered {}", named(status)),
        _ => String::new(),
    };
    let begins = String::from_utf8_lossy(&body.kept[..body.kept.len().min(EXCERPT_BYTES_MAX)]);
    if !said.is_empty() && !begins.trim().is_empty() {
        said.push_str("; its answer begins: ");
        said.push_str(&plain(begins.trim()));
    }
    if let Some(fault) = body.fault {
        said.push_str(if said.is_empty() { "" } else { "; " });
        said.push_str(fault);
    }
    said
}

/// `404 Not Found`
pub(crate) fn named(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

/// For how long the connection is worth keeping. `Keep-Alive: timeout=5`, which Node sends, is believed.
pub(crate) fn idle_for(headers: &HeaderMap) -> Duration {
    let lists = |name: HeaderName, part: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(part))
    };
    if lists(CONNECTION, "close") {
        return Duration::ZERO;
    }
    let keep_alive = headers.get("keep-alive").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let timeout = keep_alive.split(',').find_map(|item| item.trim().strip_prefix("timeout=")?.trim().parse().ok());
    timeout.map_or(IDLE_MAX, |secs| Duration::from_secs(secs).saturating_sub(KEEP_ALIVE_MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_says_how_long_it_keeps_a_connection_is_believed() {
        for (name, value, secs) in [
            ("keep-alive", "timeout=5, max=100", 4),
            ("keep-alive", "max=100, timeout=1", 0),
            ("keep-alive", "timeout=soon", 60),
            ("connection", "Close", 0),
            ("connection", "keep-alive, close", 0),
            ("connection", "keep-alive", 60),
        ] {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())]);
            assert_eq!(idle_for(&headers).as_secs(), secs, "{name}: {value}");
        }
    }

    #[test]
    fn sentences_are_ascii_and_bounded() {
        let refused = |status| Outcome::Refused { status, retry_after: None };
        let body = |text: &str, fault| {
            let mut kept = Vec::new();
            keep(&mut kept, &Bytes::from(text.to_owned()));
            Body { kept, fault }
        };
        for (outcome, body, want) in [
            (Outcome::Delivered { status: 200 }, body("ok", None), ""),
            (Outcome::Delivered { status: 200 }, body("ok", Some("cut")), "cut"),
            (refused(500), body(" \n", None), "the receiver answered 500 Internal Server Error"),
            (
                refused(599),
                body("caf\u{e9}\r\n\u{7}!", Some("cut")),
                "the receiver answered 599; its answer begins: caf? ?!; cut",
            ),
        ] {
            assert_eq!(sentence(outcome, &body), want);
        }
        assert!(sentence(refused(404), &body(&"x".repeat(9_000), None)).len() < 300);
    }
}
