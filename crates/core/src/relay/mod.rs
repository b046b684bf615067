//! A generation that somebody else makes: what is remembered of it, and what the other side's answers mean.
//!
//! Promise: nothing is submitted twice. The upstream's id is on disk as soon as it is known; until then every submit carries the
//! same idempotency key, and none is made any more once the upstream may have forgotten that key. No IO: the loop is the
//! engine's, the words on the wire are the adapter's.
mod answer;
mod genuine;
mod patience;
mod token;
mod wait;

use std::time::Duration;

use crate::ids::GenerationId;
use crate::time::Timestamp;

pub use answer::{Asked, Trouble, code_of, of_status, passes};
pub use genuine::is_genuine;
pub use patience::{BORNE_MAX, FAULTS_IN_A_ROW_MAX, is_borne};
pub use token::{DoorKey, TOKEN_CHARS};
pub use wait::{fault_wait, look_wait};

/// Sync keeps an idempotency key for a day. An hour of it is left for clocks that differ and for an answer that is slow.
const KEY_IS_KNOWN_FOR: Duration = Duration::from_secs(23 * 3600);

/// The longest id of an upstream that is taken.
const UPSTREAM_ID_CHARS_MAX: usize = 128;

/// What the upstream calls a generation of ours. Opaque; put into a path only percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UpstreamId(String);

impl UpstreamId {
    /// `None` for what can be no id: empty, too long, or with characters that no id has.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte));
        // A path's `.` and `..` lead elsewhere.
        let fits = (1..=UPSTREAM_ID_CHARS_MAX).contains(&text.len()) && !text.bytes().all(|byte| byte == b'.');
        (plain && fits).then(|| Self(text.to_owned()))
    }

    /// As the upstream wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is remembered of a generation that is handed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Which.
    pub generation: GenerationId,
    /// When handing it on was begun, by the first of our processes that did: its time runs from here, over all restarts.
    pub begun_at: Timestamp,
    /// What the upstream calls it, once that is known.
    pub upstream: Option<UpstreamId>,
}

impl Relay {
    /// Whether a submit is safe: the upstream still knows the idempotency key of one that may have arrived before.
    #[must_use]
    pub fn may_submit(&self, now: Timestamp) -> bool {
        now.since(self.begun_at) < KEY_IS_KNOWN_FOR
    }
}

/// What is written down of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayChange {
    /// Handing on begins. Fence: the generation is at work with that count of starts, and none is on record.
    Begin {
        /// Which.
        generation: GenerationId,
        /// Its count of starts.
        tries: u32,
        /// When.
        at: Timestamp,
    },
    /// The upstream has it. Fence: the generation is at work with that count of starts, and no upstream id is on record.
    Take {
        /// Which.
        generation: GenerationId,
        /// Its count of starts.
        tries: u32,
        /// What the upstream calls it.
        upstream: UpstreamId,
        /// When.
        at: Timestamp,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_would_lead_elsewhere_are_none() {
        for good in ["6533643b-aceb-4c40-967e-d9ba9baac39e", "gen_1", "a.b~c:d", &"x".repeat(128)] {
            assert_eq!(UpstreamId::new(good).map(|id| id.as_str().to_owned()).as_deref(), Some(good));
        }
        for bad in ["", ".", "..", "a/b", "a?b", "a b", "a%2fb", "\u{e9}", "a\n", &"x".repeat(129)] {
            assert_eq!(UpstreamId::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn nothing_is_submitted_once_its_key_may_be_forgotten() {
        let relay = Relay { generation: GenerationId(uuid::Uuid::nil()), begun_at: Timestamp(0), upstream: None };
        let hours = |h: i64| Timestamp(h * 3_600_000);
        assert!(relay.may_submit(hours(0)) && relay.may_submit(Timestamp(23 * 3_600_000 - 1)));
        assert!(!relay.may_submit(hours(23)) && !relay.may_submit(hours(500)));
    }
}
