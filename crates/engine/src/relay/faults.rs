//! How an upstream's trouble is borne, and how long is waited after it.
use std::time::Duration;

use postsync_core::error_code::GENERATION_PIPELINE_FAILED;
use postsync_core::generation::Failure;
use postsync_core::ids::GenerationId;
use postsync_core::outcome::RetryAfter;
use postsync_core::relay::{Asked, Trouble, fault_wait, is_borne};

use super::Relays;
use crate::ports::GeneratorError;

/// What one question has come to so far.
pub(super) struct Faults<'a> {
    relays: &'a Relays,
    id: GenerationId,
    asked: Asked,
    /// In a row: each makes the next wait longer.
    all: u32,
    /// In a row, of those that waiting does not mend.
    stuck: u32,
    /// When the first of those was, by the hand of the clock that never steps.
    stuck_at: Duration,
}

impl<'a> Faults<'a> {
    pub(super) fn new(relays: &'a Relays, id: GenerationId, asked: Asked) -> Self {
        Self { relays, id, asked, all: 0, stuck: 0, stuck_at: Duration::ZERO }
    }

    /// An answer came that is one.
    pub(super) fn over(&mut self) {
        (self.all, self.stuck) = (0, 0);
    }

    /// Waits, or gives up.
    pub(super) async fn bear(&mut self, trouble: Trouble) -> Result<(), GeneratorError> {
        self.all = self.all.saturating_add(1);
        let id = self.id;
        match trouble {
            Trouble::Passing { why, retry_after } => {
                tracing::warn!(generation = %id, why, faults = self.all, "the upstream can't right now; it is asked again");
                self.stuck = 0;
                self.pause(retry_after).await;
                Ok(())
            }
            Trouble::Refused(failure) => Err(GeneratorError::Failed(failure)),
            Trouble::Operators(failure) => {
                tracing::error!(generation = %id, error = failure.error, "a relay wants something of the operator");
                // What it has taken is paid for: a key that is being exchanged must not lose it.
                let at_once = self.asked == Asked::Submit;
                self.stick(failure, at_once).await
            }
            Trouble::Unknown => {
                let why = "The upstream does not know the generation any more.";
                self.stick(Failure::new(GENERATION_PIPELINE_FAILED, why), false).await
            }
            Trouble::Garbled(why) => {
                tracing::warn!(generation = %id, why, "the upstream answers with something else");
                let why = format!("The upstream can't be understood: {why}.");
                self.stick(Failure::new(GENERATION_PIPELINE_FAILED, &why), false).await
            }
        }
    }

    async fn stick(&mut self, failure: Failure, at_once: bool) -> Result<(), GeneratorError> {
        let now = self.relays.ports.clock.steady();
        if self.stuck == 0 {
            self.stuck_at = now;
        }
        self.stuck = self.stuck.saturating_add(1);
        if at_once || !is_borne(self.asked, self.stuck, now.saturating_sub(self.stuck_at)) {
            return Err(GeneratorError::Failed(failure));
        }
        self.pause(None).await;
        Ok(())
    }

    async fn pause(&self, retry_after: Option<RetryAfter>) {
        let ports = &self.relays.ports;
        ports.clock.sleep(fault_wait(self.all, retry_after, ports.clock.now(), ports.entropy.jitter())).await;
    }
}
