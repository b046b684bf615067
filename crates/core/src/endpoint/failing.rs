//! How long an endpoint has only failed, and what follows: nothing, a word to the others, its end.
//!
//! Promise: an endpoint that fails now and then costs no write; one that fails on and on costs three. A clock that is set
//! forward by a week ends nobody by itself: failures must go on after it.
use crate::attempt::Word;
use crate::limits;
use crate::time::Timestamp;

/// What is remembered of one endpoint's failures since its last success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failing {
    since: Option<Timestamp>,
    /// Heard by this process since then.
    failures: u32,
    /// `since` is on disk.
    is_noted: bool,
    is_told: bool,
}

/// What an outcome asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Nothing,
    /// Its success is to be written down: it was known as failing.
    Clear,
    /// It is to be written down that it has failed since then.
    Note(Timestamp),
    /// The others are to be told `endpoint.failing`.
    Tell(Timestamp),
    /// It is to be disabled.
    Disable(Timestamp),
}

impl Failing {
    /// As an earlier process has left it on disk.
    #[must_use]
    pub fn stored(since: Option<Timestamp>, is_told: bool) -> Self {
        Self { since, failures: 0, is_noted: since.is_some(), is_told }
    }

    /// An attempt has ended. Our own faults, and attempts that were cut, say nothing of the endpoint.
    pub fn heard(&mut self, word: Word, now: Timestamp) -> Next {
        match word {
            Word::Delivered => {
                let was_noted = self.is_noted;
                *self = Self::default();
                if was_noted { Next::Clear } else { Next::Nothing }
            }
            Word::Failed => self.failed(now),
            Word::OwnFault | Word::Interrupted => Next::Nothing,
        }
    }

    fn failed(&mut self, now: Timestamp) -> Next {
        self.failures = self.failures.saturating_add(1);
        // A clock that was set back must not count from the future.
        let since = self.since.map_or(now, |since| since.min(now));
        self.since = Some(since);
        let failing_ms = now.0.saturating_sub(since.0);
        let is_enough = self.failures >= limits::ENDPOINT_FAILURES_MIN;
        if failing_ms >= limits::ENDPOINT_DISABLED_AFTER_MS && is_enough {
            return Next::Disable(since);
        }
        if failing_ms >= limits::ENDPOINT_FAILING_AFTER_MS && is_enough && !self.is_told {
            (self.is_told, self.is_noted) = (true, true);
            return Next::Tell(since);
        }
        if failing_ms >= limits::ENDPOINT_NOTED_AFTER_MS && !self.is_noted {
            self.is_noted = true;
            return Next::Note(since);
        }
        Next::Nothing
    }
}
