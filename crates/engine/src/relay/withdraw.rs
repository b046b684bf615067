//! What a client has canceled is canceled at the upstream too, where that offers it.
//!
//! Promise: our own end is on disk before, and nothing here delays or changes it. Best effort: an upstream that offers no cancel,
//! or can't be reached for a few tries, goes on with the work, and whatever comes of it is asked for by nobody.
//!
//! Deliberately absent: memory of what was withdrawn. A crash of ours forgets it.
use futures::future::BoxFuture;
use postsync_core::error_code::GENERATION_CANCELED;
use postsync_core::generation::{Ending, Failure, Generation, State};
use postsync_core::ids::GenerationId;
use postsync_core::relay::{Trouble, UpstreamId, fault_wait};

use super::RelayPorts;

/// Tries to reach an upstream with a cancel.
const TRIES_MAX: u32 = 4;

/// A submit that is under way.
pub(super) type Submitting = BoxFuture<'static, Result<UpstreamId, Trouble>>;

/// Of a generation that was canceled: by its id at the upstream, which is on record where handing it on got so far.
pub(super) async fn by_record(ports: RelayPorts, id: GenerationId) {
    match ports.store.relay(id).await {
        Ok(relay) => {
            if let Some(upstream) = relay.and_then(|relay| relay.upstream) {
                there(&ports, id, &upstream).await;
            }
        }
        Err(error) => tracing::warn!(generation = %id, %error, "a canceled generation goes on at the upstream"),
    }
}

/// The cancel came while it was being submitted. Dropping the submit would leave work there under an id that nobody knows; the
/// adapter bounds it in time.
pub(super) async fn submitted(ports: RelayPorts, id: GenerationId, submitting: Submitting) {
    if let Ok(upstream) = submitting.await {
        if_canceled(ports, id, upstream).await;
    }
}

/// The upstream has it, and that could not be put on record: because it was canceled, or because somebody else has it by now.
pub(super) async fn if_canceled(ports: RelayPorts, id: GenerationId, upstream: UpstreamId) {
    let is_over = match ports.store.generation_of_any(id).await {
        Ok(Some(generation)) => is_canceled(&generation),
        // Only what has ended is deleted, and what had this upstream's id to come had not.
        Ok(None) => true,
        Err(_) => false,
    };
    if is_over {
        there(&ports, id, &upstream).await;
    }
}

fn is_canceled(generation: &Generation) -> bool {
    matches!(&generation.state, State::Ended(_, Ending::Failed(Failure { code, .. })) if *code == GENERATION_CANCELED)
}

async fn there(ports: &RelayPorts, id: GenerationId, upstream: &UpstreamId) {
    for tries in 1..=TRIES_MAX {
        match ports.upstream.cancel(upstream).await {
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
                return tracing::warn!(generation = %id, ?trouble, "a canceled generation goes on at the upstream");
            }
        }
    }
}
