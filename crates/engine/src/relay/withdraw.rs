//! What a client has canceled is canceled at the upstream too, where that offers it.
//!
//! Promise: our own end is on disk before, and nothing here delays or changes it. Best effort: an upstream that offers no cancel,
//! or can't be reached for a few tries, goes on with the work, and whatever comes of it is asked for by nobody. The same where more
//! is canceled at once than is kept in mind: the log says so.
//!
//! Deliberately absent: memory of what was withdrawn. A crash of ours forgets it.
use std::sync::Arc;

use futures::future::BoxFuture;
use postsync_core::error_code::GENERATION_CANCELED;
use postsync_core::generation::{Ending, Failure, Generation, State};
use postsync_core::ids::GenerationId;
use postsync_core::relay::{Trouble, UpstreamId, fault_wait};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::RelayPorts;
use crate::ports::{Applied, StoreError};

/// Tries to reach an upstream with a cancel.
const TRIES_MAX: u32 = 4;

/// Submits that go on after their cancel, beside those that are the generator's: each may be a large upload.
const SUBMITS_MAX: usize = 16;

/// Cancels that are kept in mind. Each is small, and most of them wait.
const CANCELS_MAX: usize = 1_000;

/// Cancels that are asked at once.
const AT_ONCE: usize = 8;

/// A submit that is under way.
pub(super) type Submitting = BoxFuture<'static, Result<UpstreamId, Trouble>>;

/// A record of what the upstream has taken, on its way to the disk.
pub(super) type Recording = BoxFuture<'static, Result<Applied, StoreError>>;

/// Everything that is withdrawn at this moment.
pub(super) struct Withdrawals {
    ports: RelayPorts,
    submits: Arc<Semaphore>,
    cancels: Arc<Semaphore>,
    at_once: Arc<Semaphore>,
}

/// One of them: what it needs, and its place.
struct Withdrawal {
    ports: RelayPorts,
    id: GenerationId,
    at_once: Arc<Semaphore>,
    /// Held until it is dropped.
    place: OwnedSemaphorePermit,
}

impl Withdrawals {
    pub(super) fn new(ports: RelayPorts) -> Self {
        let of = |places| Arc::new(Semaphore::new(places));
        Self { ports, submits: of(SUBMITS_MAX), cancels: of(CANCELS_MAX), at_once: of(AT_ONCE) }
    }

    /// Of a generation that was canceled: by its id at the upstream, which is on record where handing it on got so far.
    pub(super) fn by_record(&self, id: GenerationId) {
        let Some(one) = self.begin(&self.cancels, id) else { return };
        self.ports.spawn.spawn(Box::pin(async move { one.by_record().await }));
    }

    /// The cancel came while it was being submitted. Dropping the submit would leave work there under an id that nobody knows; the
    /// adapter bounds it in time.
    pub(super) fn submitted(&self, id: GenerationId, submitting: Submitting) {
        let Some(mut one) = self.begin(&self.submits, id) else { return };
        let cancels = self.cancels.clone();
        self.ports.spawn.spawn(Box::pin(async move {
            let Ok(upstream) = submitting.await else { return };
            // Its cancel may wait for minutes, and its place is for one that submits.
            if let Ok(place) = cancels.try_acquire_owned() {
                one.place = place;
            }
            one.if_canceled(&upstream).await;
        }));
    }

    /// The cancel came while its id there was being put on record. Where it still gets there, who has canceled it finds it there.
    pub(super) fn recorded(&self, id: GenerationId, upstream: UpstreamId, recording: Recording) {
        let Some(one) = self.begin(&self.cancels, id) else { return };
        self.ports.spawn.spawn(Box::pin(async move {
            if recording.await != Ok(Applied::Done) {
                one.if_canceled(&upstream).await;
            }
        }));
    }

    /// The upstream has it, and that could not be put on record: because it was canceled, or because somebody else has it by now.
    pub(super) fn unrecorded(&self, id: GenerationId, upstream: UpstreamId) {
        let Some(one) = self.begin(&self.cancels, id) else { return };
        self.ports.spawn.spawn(Box::pin(async move { one.if_canceled(&upstream).await }));
    }

    fn begin(&self, places: &Arc<Semaphore>, id: GenerationId) -> Option<Withdrawal> {
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!(generation = %id, "too many are canceled at once; the upstream is not told of this one, and may go on with it");
            return None;
        };
        Some(Withdrawal { ports: self.ports.clone(), id, at_once: self.at_once.clone(), place })
    }
}

impl Withdrawal {
    async fn by_record(self) {
        match self.ports.store.relay(self.id).await {
            Ok(relay) => {
                if let Some(upstream) = relay.and_then(|relay| relay.upstream) {
                    self.there(&upstream).await;
                }
            }
            Err(error) => {
                tracing::warn!(generation = %self.id, %error, "a canceled generation goes on at the upstream");
            }
        }
    }

    async fn if_canceled(self, upstream: &UpstreamId) {
        let is_over = match self.ports.store.generation_of_any(self.id).await {
            Ok(Some(generation)) => is_canceled(&generation),
            // Only what has ended is deleted, and what had this upstream's id to come had not.
            Ok(None) => true,
            Err(_) => false,
        };
        if is_over {
            self.there(upstream).await;
        }
    }

    async fn there(&self, upstream: &UpstreamId) {
        let (ports, id) = (&self.ports, self.id);
        for tries in 1..=TRIES_MAX {
            match self.ask(upstream).await {
                Ok(()) => return tracing::info!(generation = %id, "canceled at the upstream too"),
                Err(Trouble::Unknown) => {
                    return tracing::info!(generation = %id, "the upstream offers no cancel; it may go on with the work");
                }
                Err(Trouble::Passing { why, retry_after }) if tries < TRIES_MAX => {
                    tracing::warn!(generation = %id, why, "the upstream can't be told of a cancel right now; it is told again");
                    let wait = fault_wait(tries, retry_after, ports.clock.now(), ports.entropy.jitter());
                    ports.clock.sleep(wait).await;
                }
                Err(trouble) => {
                    return tracing::warn!(generation = %id, why = trouble.why(), "a canceled generation goes on at the upstream");
                }
            }
        }
    }

    async fn ask(&self, upstream: &UpstreamId) -> Result<(), Trouble> {
        // Never closed, so never an error.
        let _turn = self.at_once.acquire().await.ok();
        self.ports.upstream.cancel(upstream).await
    }
}

fn is_canceled(generation: &Generation) -> bool {
    matches!(&generation.state, State::Ended(_, Ending::Failed(Failure { code, .. })) if *code == GENERATION_CANCELED)
}
