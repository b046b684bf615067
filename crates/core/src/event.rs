//! What happened. An event never changes; its body is the exact bytes that every attempt signs and sends.
use bytes::Bytes;

use crate::ids::{EventId, GenerationId, OrgId};
use crate::time::Timestamp;

/// The kinds of event. The text goes out in `Postsync-Event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// A generation ended COMPLETED.
    GenerationCompleted,
    /// A generation ended FAILED.
    GenerationFailed,
}

impl EventType {
    /// Every kind there is.
    pub const ALL: [Self; 2] = [Self::GenerationCompleted, Self::GenerationFailed];

    /// `generation.completed`
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GenerationCompleted => "generation.completed",
            Self::GenerationFailed => "generation.failed",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name, rising with time.
    pub id: EventId,
    /// Whose it is.
    pub org: OrgId,
    /// What happened.
    pub kind: EventType,
    /// The generation that it is about.
    pub generation: GenerationId,
    /// When it happened: the schedule counts from here.
    pub created_at: Timestamp,
    /// The frozen body: a fixed point of JavaScript's `JSON.stringify(JSON.parse(body))`, under [`crate::limits::WEBHOOK_BODY_BYTES_MAX`].
    pub body: Bytes,
}
