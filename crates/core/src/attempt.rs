//! One POST, as the log keeps it. The row is written before the POST goes out and completed after it.
use std::net::SocketAddr;

use crate::delivery::NextReason;
use crate::ids::DeliveryId;
use crate::outcome::{Phases, SendError};
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
    /// Why the next attempt is when it is; `None` where none follows.
    pub next: Option<NextReason>,
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
