//! What happened. An event never changes; its body is the exact bytes that every attempt signs and sends.
use bytes::Bytes;

use crate::ids::{EventId, GenerationId, OrgId};
use crate::time::Timestamp;

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// The kinds of event. The text goes out in `Postsync-Event`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType { $($(#[$doc])* $name,)* }

        impl EventType {
            /// Every kind there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// `generation.completed`
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

event_types! {
    /// A generation ended COMPLETED.
    GenerationCompleted = "generation.completed";
    /// A generation ended FAILED.
    GenerationFailed = "generation.failed";
    /// A batch ended COMPLETED.
    BatchCompleted = "batch.completed";
    /// A batch ended FAILED.
    BatchFailed = "batch.failed";
    /// Operational: a registered endpoint has only failed for a day.
    EndpointFailing = "endpoint.failing";
    /// Operational: a registered endpoint was disabled, by itself or by somebody.
    EndpointDisabled = "endpoint.disabled";
    /// Operational: a delivery ended without a 2xx.
    DeliveryExhausted = "delivery.exhausted";
}

impl EventType {
    /// The kind of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// About this server's own work. Only registered endpoints that ask for it by name hear of it.
    #[must_use]
    pub fn is_operational(self) -> bool {
        match self {
            Self::GenerationCompleted | Self::GenerationFailed => false,
            Self::BatchCompleted | Self::BatchFailed => false,
            Self::EndpointFailing | Self::EndpointDisabled | Self::DeliveryExhausted => true,
        }
    }

    /// About a batch.
    #[must_use]
    pub fn is_of_a_batch(self) -> bool {
        matches!(self, Self::BatchCompleted | Self::BatchFailed)
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
    /// The generation that it is about, if it is about one.
    pub generation: Option<GenerationId>,
    /// When it happened: the schedule counts from here.
    pub created_at: Timestamp,
    /// The frozen body: a fixed point of JavaScript's `JSON.stringify(JSON.parse(body))`, under [`crate::limits::WEBHOOK_BODY_BYTES_MAX`].
    pub body: Bytes,
}
