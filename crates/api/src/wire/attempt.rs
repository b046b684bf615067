//! Attempts, as the log of a delivery shows them: all that a person needs to find out why, and to try again by hand.
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postsync_core::attempt::{Attempt, AttemptEnd};
use postsync_core::curl::curl;
use postsync_core::sent;
use postsync_engine::ports::DeliveryRecord;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// One POST.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptEntry {
    /// From 1; sent as `Postsync-Attempt`.
    pub attempt: u32,
    /// The place in the schedule, from 0.
    pub step: u32,
    /// When its start was put on record.
    pub started_at: String,
    /// When it ended; null while it is open.
    pub ended_at: Option<String>,
    /// `open`, `delivered`, `failed`, `interrupted` or `own_fault`.
    pub outcome: String,
    /// The receiver's status, where an answer came.
    pub http_status: Option<u16>,
    /// `connect_refused`, `http_status` and so on.
    pub error: Option<String>,
    /// What happened and what to do, in a sentence.
    pub message: Option<String>,
    /// The address that was dialled.
    pub address: Option<String>,
    /// How long it took; null while it is open.
    pub phases: Option<PhaseTimes>,
    /// `TLSv1.3` or `TLSv1.2`, where TLS was spoken.
    pub tls: Option<String>,
    /// Why the next attempt is when it is: `schedule`, `retry_after`, `last_chance`, `interrupted`, `own_fault` or `probe`; null
    /// where none follows.
    pub next_reason: Option<String>,
    /// What was sent, or was to be.
    pub request: AttemptRequest,
    /// What came back, where the head of an answer did.
    pub response: Option<AttemptResponse>,
    /// The same POST as a command line.
    pub curl: String,
}

/// What an attempt sent.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptRequest {
    /// `POST`
    pub method: String,
    /// Where to, in full.
    pub url: String,
    /// As they went out, in their order. Without `User-Agent` and the signatures where it did not come to signing, and where
    /// nobody saw the end of the attempt: they are kept with it.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub headers: Headers,
    /// The event's exact bytes.
    pub body: String,
}

/// What the receiver answered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptResponse {
    /// Its status.
    pub status: u16,
    /// Names in lower case. One that came several times is shown once, its values with commas between them.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub headers: Headers,
    /// The first 16 KiB of its body, as it came: a compressed one stays compressed.
    pub body: String,
    /// `utf8`, or `base64` where the body is no text.
    pub body_encoding: String,
    /// Whether there was more of it, or it broke off: `message` says which.
    pub truncated: bool,
}

/// Names and values; an object on the wire, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

/// Times in microseconds; null for what did not happen, such as a name lookup on a connection that was used again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhaseTimes {
    /// Name resolution.
    pub dns_us: Option<u64>,
    /// TCP connection.
    pub connect_us: Option<u64>,
    /// TLS handshake.
    pub tls_us: Option<u64>,
    /// From the start of writing to the first byte of the answer.
    pub first_byte_us: Option<u64>,
    /// The whole attempt.
    pub total_us: Option<u64>,
}

impl AttemptEntry {
    pub(crate) fn new(record: &DeliveryRecord, attempt: &Attempt) -> Self {
        let end = attempt.end.as_ref();
        let sent = sent::request(&record.delivery, &record.event, attempt);
        let body = String::from_utf8_lossy(&record.event.body);
        Self {
            attempt: attempt.attempt,
            step: attempt.step,
            started_at: attempt.started_at.to_string(),
            ended_at: end.map(|end| end.at.to_string()),
            outcome: end.map_or("open", |end| end.outcome.as_str()).to_owned(),
            http_status: end.and_then(|end| end.http_status),
            error: end.and_then(|end| end.error).map(|error| error.as_str().to_owned()),
            message: end.map(|end| end.message.clone()).filter(|message| !message.is_empty()),
            address: end.and_then(|end| end.address).map(|address| address.to_string()),
            phases: end.map(|end| PhaseTimes {
                dns_us: end.phases.dns_us,
                connect_us: end.phases.connect_us,
                tls_us: end.phases.tls_us,
                first_byte_us: end.phases.first_byte_us,
                total_us: end.phases.total_us,
            }),
            tls: end.and_then(|end| end.tls.clone()),
            next_reason: end.and_then(|end| end.next).map(|reason| reason.as_str().to_owned()),
            response: end.and_then(AttemptResponse::of),
            curl: curl(&sent, &body),
            request: AttemptRequest {
                method: "POST".to_owned(),
                url: sent.url,
                headers: Headers(sent.headers),
                body: body.into_owned(),
            },
        }
    }
}

impl AttemptResponse {
    fn of(end: &AttemptEnd) -> Option<Self> {
        let (status, answer) = (end.http_status?, end.answer.as_ref()?);
        let mut headers = Headers::default();
        answer.header_lines().for_each(|(name, value)| headers.add(name, &value));
        let (body, body_encoding) = shown(&answer.body);
        Some(Self { status, headers, body, body_encoding: body_encoding.to_owned(), truncated: answer.truncated })
    }
}

/// A body as JSON can carry it. Control characters are no text: they would steer a terminal.
fn shown(body: &[u8]) -> (String, &'static str) {
    let is_text = |text: &&str| !text.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n'));
    match std::str::from_utf8(body).ok().filter(is_text) {
        Some(text) => (text.to_owned(), "utf8"),
        None => (STANDARD.encode(body), "base64"),
    }
}

impl Headers {
    fn add(&mut self, name: &str, value: &str) {
        if let Some((_, values)) = self.0.iter_mut().find(|(known, _)| known == name) {
            values.push_str(", ");
            values.push_str(value);
        } else {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("header names and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Headers::default();
        while let Some((name, value)) = map.next_entry::<String, String>()? {
            headers.0.push((name, value));
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_base64() {
        for (body, want) in [
            (&b"{\"ok\":true}\r\n\t"[..], ("{\"ok\":true}\r\n\t", "utf8")),
            (b"", ("", "utf8")),
            ("caf\u{e9}".as_bytes(), ("caf\u{e9}", "utf8")),
            (b"\x1f\x8b\x08", ("H4sI", "base64")),
            (b"\xff", ("/w==", "base64")),
            // Cut in the middle of a character.
            (&"caf\u{e9}".as_bytes()[..4], ("Y2Fmww==", "base64")),
            (b"\x1b[2J", ("G1sySg==", "base64")),
        ] {
            assert_eq!(shown(body), (want.0.to_owned(), want.1));
        }
    }

    #[test]
    fn headers_keep_their_order_and_come_once() {
        let mut headers = Headers::default();
        for (name, value) in [("vary", "a"), ("x-b", "\u{e9}"), ("vary", "b")] {
            headers.add(name, value);
        }
        let text = serde_json::to_string(&headers).unwrap();
        assert_eq!(text, "{\"vary\":\"a, b\",\"x-b\":\"\u{e9}\"}");
        assert_eq!(serde_json::from_str::<Headers>(&text).unwrap(), headers);
    }
}
