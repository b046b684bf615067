//! Registered endpoints: receivers that an organization has named once, beside the `webhookUrl` of each generation.
//!
//! Owns what an endpoint is and how it moves between enabled, paused and disabled, which of them an event goes to
//! ([`receivers`]), and when one has failed for too long ([`Failing`]).
//!
//! Promise: what [`Draft::read`] lets through can be stored and sent as it is. A disabled endpoint gets nothing new; a paused
//! one gets everything later.
mod draft;
mod echo;
mod failing;
mod filter;
mod headers;
mod operational;
mod receivers;
#[cfg(test)]
mod tests;
mod trial;

pub use draft::{Draft, Patch};
pub use failing::{Failing, Next};
pub use filter::EventFilter;
pub use headers::CustomHeaders;
pub use operational::{disabled_body, exhausted_body, failing_body};
pub use receivers::{Receiver, listeners, receiver_again, receiver_at, receivers};
pub use trial::{MadeUp, TEST_FILE_NAME, Trial, is_of_no_batch};

use crate::ids::{EndpointId, OrgId};
use crate::terms::Terms;
use crate::time::Timestamp;

/// A receiver that an organization has registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `ep_...`; rises with time.
    pub id: EndpointId,
    /// Whose.
    pub org: OrgId,
    /// Where to, query included, as the client wrote it.
    pub url: String,
    /// For people.
    pub description: String,
    /// Which events it takes.
    pub events: EventFilter,
    /// What goes out with each POST beside our own headers.
    pub headers: CustomHeaders,
    /// Its schedule and timeout, where it has its own.
    pub terms: Terms,
    /// Attempts that may begin in one second.
    pub per_second: Option<u32>,
    /// Attempts that may be under way at once.
    pub concurrency: Option<u32>,
    /// Whether it gets anything.
    pub state: State,
    /// Since when it has only failed, as far as that is on disk.
    pub failing_since: Option<Timestamp>,
    /// Whether `endpoint.failing` has been told since then.
    pub failing_told: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Rises by one with every change: its fence.
    pub version: u32,
}

/// Whether an endpoint gets anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It does.
    Enabled,
    /// Not now: its deliveries are made and wait.
    Paused,
    /// No: nothing is made for it, and what was pending has ended.
    Disabled(DisabledReason),
}

/// Why an endpoint gets nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisabledReason {
    /// The operator or the customer wanted it so.
    Requested,
    /// It answered 410.
    Gone,
    /// It has only failed for [`limits::ENDPOINT_DISABLED_AFTER_MS`](crate::limits::ENDPOINT_DISABLED_AFTER_MS).
    Failing,
}

impl DisabledReason {
    const ALL: [Self; 3] = [Self::Requested, Self::Gone, Self::Failing];

    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

impl State {
    /// `enabled`, as stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Disabled(_) => "disabled",
        }
    }

    /// Why it is disabled.
    #[must_use]
    pub fn reason(self) -> Option<DisabledReason> {
        match self {
            Self::Disabled(reason) => Some(reason),
            Self::Enabled | Self::Paused => None,
        }
    }

    /// From the two words that are stored.
    #[must_use]
    pub fn parse(state: &str, reason: Option<&str>) -> Option<Self> {
        match (state, reason) {
            ("enabled", None) => Some(Self::Enabled),
            ("paused", None) => Some(Self::Paused),
            ("disabled", Some(reason)) => DisabledReason::parse(reason).map(Self::Disabled),
            _ => None,
        }
    }
}

/// What may happen to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Hold everything back.
    Pause,
    /// Let it out again.
    Resume,
    /// Send nothing any more.
    Disable(DisabledReason),
}

/// Every way from one state to another, with what takes it. Rendered into `docs/STATES.md`; a test tries every input in every
/// state and finds these and no others.
pub const TRANSITIONS: [(&str, &str, &str); 5] = [
    ("enabled", "pause", "paused"),
    ("enabled", "disable (asked for, 410, or 5 days of only failures)", "disabled"),
    ("paused", "resume", "enabled"),
    ("paused", "disable (asked for, or 410)", "disabled"),
    ("disabled", "resume", "enabled"),
];

impl Endpoint {
    /// Moves it. `false` where it stays as it is: it is there already, or was disabled, which only a resume ends.
    /// The caller counts the change with [`Endpoint::touch`].
    pub fn move_by(&mut self, input: Input) -> bool {
        let state = match (self.state, input) {
            (State::Enabled, Input::Pause) => State::Paused,
            (State::Paused | State::Disabled(_), Input::Resume) => State::Enabled,
            (State::Enabled | State::Paused, Input::Disable(reason)) => State::Disabled(reason),
            _ => return false,
        };
        if state == State::Enabled {
            // What it did before it was looked after does not count against it.
            (self.failing_since, self.failing_told) = (None, false);
        }
        self.state = state;
        true
    }

    /// Whether that can be asked of it. To pause what is disabled would hold nothing back: nothing is made for it.
    #[must_use]
    pub fn takes(&self, input: Input) -> bool {
        !(input == Input::Pause && matches!(self.state, State::Disabled(_)))
    }

    /// The endpoint once that was asked of it, as it stood or moved; `None` where it is disabled and is to be paused.
    #[must_use]
    pub fn asked(&self, input: Input, now: Timestamp) -> Option<Self> {
        let mut next = self.takes(input).then(|| self.clone())?;
        if next.move_by(input) {
            next.touch(now);
        }
        Some(next)
    }

    /// Counts a change, which the store fences by.
    pub fn touch(&mut self, now: Timestamp) {
        self.version += 1;
        self.updated_at = now;
    }
}
