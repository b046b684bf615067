//! The list of voices, as it was last told.
//!
//! Promise: it is asked for once a minute, and by one at a time, however many want it. A failure is told again for some seconds, so
//! that nobody waits behind others for what fails slowly. Once the voices are others, what was told before is told to nobody any more,
//! and what was asked for before only to who has asked; saying so waits for nobody.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use postsync_core::generation::Failure;
use postsync_engine::ports::Voice;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a list is told from memory.
pub(super) const IS_GOOD_FOR: Duration = Duration::from_secs(60);

/// How long it is told that there is none.
pub(super) const FAILED_FOR: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct List {
    last: Mutex<Option<Told>>,
    /// Rises whenever the voices have become others.
    epoch: AtomicU64,
}

struct Told {
    at: Instant,
    /// When it was asked for.
    epoch: u64,
    voices: Result<Vec<Voice>, Failure>,
}

impl Told {
    fn is_good(&self, epoch: u64) -> bool {
        let good_for = if self.voices.is_ok() { IS_GOOD_FOR } else { FAILED_FOR };
        self.epoch == epoch && self.at.elapsed() < good_for
    }
}

impl List {
    /// The voices are others now.
    pub(super) fn is_over(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// What was told last, or else what `ask` comes to.
    pub(super) async fn told(
        &self,
        ask: impl Future<Output = Result<Vec<Voice>, Failure>>,
    ) -> Result<Vec<Voice>, Failure> {
        let mut last = self.last.lock().await;
        let epoch = self.epoch.load(Ordering::SeqCst);
        if let Some(told) = last.as_ref().filter(|told| told.is_good(epoch)) {
            return told.voices.clone();
        }
        let voices = ask.await;
        *last = Some(Told { at: Instant::now(), epoch, voices: voices.clone() });
        voices
    }
}
