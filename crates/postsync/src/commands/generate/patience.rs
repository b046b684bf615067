//! How long a server is waited for that does not answer, or says that it can't right now.
use std::time::{Duration, Instant};

use super::sight::Sight;
use crate::commands::client::Failure;

/// How long it may be away, as while it is started again.
const AWAY_MAX: Duration = Duration::from_secs(120);

/// How long it may say that it is too busy, or has no room.
const BUSY_MAX: Duration = Duration::from_mins(30);

/// Between two tries, at least and at most; twice as long each time. What the server asks for with `Retry-After` comes before that.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// See [`WAIT_MIN`].
const WAIT_MAX: Duration = Duration::from_secs(10);

/// One for all that a command asks of a server.
pub(super) struct Patience<'a> {
    pub(super) sight: &'a Sight,
    /// It has answered something before: it is there, and was rightly named.
    has_answered: bool,
    since: Option<Instant>,
    tries: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(sight: &'a Sight) -> Self {
        Self { sight, has_answered: false, since: None, tries: 0 }
    }

    /// It goes on.
    pub(super) fn over(&mut self) {
        (self.has_answered, self.since, self.tries) = (true, None, 0);
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// The failure, where it will not pass, has not passed for long enough, or came from a server that has never answered.
    pub(super) async fn bear(&mut self, failure: Failure) -> anyhow::Result<()> {
        let own = WAIT_MIN.saturating_mul(1 << self.tries.min(8)).min(WAIT_MAX);
        let (wait, max) = match (&failure, failure.refusal()) {
            (Failure::Lasting(_), _) => return Err(failure.into()),
            (_, Some(refusal)) => {
                self.has_answered = true;
                (refusal.retry_after.unwrap_or(own).max(WAIT_MIN), BUSY_MAX)
            }
            _ if !self.has_answered => return Err(failure.into()),
            _ => (own, AWAY_MAX),
        };
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() + wait > max {
            return Err(failure.into());
        }
        if self.tries == 0 {
            self.sight.say(&format!("{failure}; trying again in {} s", wait.as_secs()));
        }
        self.tries += 1;
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
