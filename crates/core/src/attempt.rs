//! One POST, as the log keeps it. The row is written before the POST goes out and completed after it.
use std::net::SocketAddr;

use bytes::Bytes;

use crate::delivery::NextReason;
use crate::ids::DeliveryId;
use crate::outcome::{Phases, SendError};
use crate::sent::Sent;
use crate::time::Timestamp;

/// One POST of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Whose attempt.
    pub delivery: DeliveryId,
    /// From 1, one more at every start; sent in `Postsync-Attempt`.
    pub attempt: u32,
    /// The place in the schedule that it was made for, from 0.
    pub step: u32,
    /// When its start was put on record.
    pub started_at: Timestamp,
    /// How it ended; `None` while it is under way.
    pub end: Option<AttemptEnd>,
}

impl Attempt {
    /// What it comes to where it is shown: the event's body twice, as itself and in a command line, and the answer.
    #[must_use]
    pub fn shown_bytes(&self, event_body_bytes: usize) -> usize {
        let answer = self.end.as_ref().and_then(|end| end.answer.as_ref());
        answer.map_or(0, |answer| answer.headers.len() + answer.body.len()) + 2 * event_body_bytes
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptEnd {
    /// When.
    pub at: Timestamp,
    /// `delivered`, `failed`, `interrupted`, `own_fault`.
    pub outcome: Word,
    /// The status, where a head came.
    pub http_status: Option<u16>,
    /// The typed error.
    pub error: Option<SendError>,
    /// A sentence for a person.
    pub message: String,
    /// What was dialled.
    pub address: Option<SocketAddr>,
    /// How long the phases took.
    pub phases: Phases,
    /// `TLSv1.3` and the like.
    pub tls: Option<String>,
    /// What of the request's head no other row tells.
    pub sent: Sent,
    /// What the receiver answered, where a head came.
    pub answer: Option<Answer>,
    /// Why the next attempt is when it is; `None` where none follows.
    pub next: Option<NextReason>,
}

/// An answer behind its status, as far as it is kept: both parts have a bound in egress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// `name: value`, each with its line end, in their order. Bytes: a receiver may send what is no UTF-8.
    pub headers: Bytes,
    /// The beginning of the body, as it came: nothing is decompressed.
    pub body: Bytes,
    /// Whether there was more of it, or it broke off.
    pub truncated: bool,
}

impl Answer {
    /// Names and values, read back. HTTP's bytes are Latin-1 by history: so none is lost, and each is one character.
    pub fn header_lines(&self) -> impl Iterator<Item = (&str, String)> {
        self.headers.split(|byte| *byte == b'\n').filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let value = line[colon + 1..].iter().skip(1).map(|byte| char::from(*byte)).collect();
            Some((std::str::from_utf8(&line[..colon]).ok()?, value))
        })
    }
}

/// The outcome in one word, as stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The receiver said 2xx.
    Delivered,
    /// The receiver, or the way to it, failed.
    Failed,
    /// We died or stopped while it was under way: it may have been received.
    Interrupted,
    /// Our fault; no step was used.
    OwnFault,
}

impl Word {
    /// As shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::OwnFault => "own_fault",
        }
    }

    /// The word of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Delivered, Self::Failed, Self::Interrupted, Self::OwnFault].into_iter().find(|w| w.as_str() == text)
    }
}
