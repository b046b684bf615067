//! Creates with an `Idempotency-Key`: who comes first makes the generation, the batch or the asset, who comes later is shown it.
//!
//! Promise: of creates with one key that are under way at once, one is worked on and the others wait for their turn, each for a
//! bounded time. The store decides, not this: a key is used in the commit of what it makes, and is refused there where
//! it was used meanwhile.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postsync_core::asset::Asset;
use postsync_core::batch::Batch;
use postsync_core::change::Change;
use postsync_core::generation::Generation;
use postsync_core::idempotency::{Fingerprint, IdempotencyChange, IdempotencyKey, UsedKey};
use postsync_core::ids::{AssetId, BatchId, GenerationId, MadeId, OrgId};
use postsync_core::time::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::Engine;
use crate::ports::StoreError;
use crate::world::{World, locked};

/// How long a create waits for another one with its key: an upload is kept on disk meanwhile.
const TURN_MAX: Duration = Duration::from_secs(10);

/// Keys of creates under way, before those are looked for that nobody waits for any more.
const TURNS_SWEPT_AT: usize = 1_024;

/// Why a create with a key is not taken. Nothing was written, and the key is as it was.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key stands for another payload.
    #[error("the key was used for another request")]
    Reused,
    /// The key stands for something that was deleted since.
    #[error("the key was used for something that was deleted")]
    Gone,
    /// Another create with this key takes longer than one waits.
    #[error("a create with this key is under way")]
    InUse,
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a create with a key begins.
pub enum Begun<Made> {
    /// It is the first: to be submitted with this.
    First(Keyed),
    /// It was taken before, and became this.
    Before(Box<Made>),
}

/// The turn of one create with a key. Dropped, it is the next one's.
pub struct Keyed {
    org: OrgId,
    key: IdempotencyKey,
    fingerprint: Fingerprint,
    _turn: OwnedSemaphorePermit,
}

impl Keyed {
    /// To be written in one list with what is made, in front of it: a key that was used meanwhile refuses the list.
    pub(crate) fn used_for(&self, made: MadeId, at: Timestamp) -> Change {
        let (org, key, fingerprint) = (self.org.clone(), self.key.clone(), self.fingerprint);
        Change::Idempotency(IdempotencyChange::Use(Box::new(UsedKey { org, key, fingerprint, made, at })))
    }
}

/// Keys of creates under way, each with a permit for the one whose turn it is.
#[derive(Default)]
pub(crate) struct Turns(Mutex<BTreeMap<(OrgId, IdempotencyKey), Arc<Semaphore>>>);

impl Turns {
    fn of(&self, org: &OrgId, key: &IdempotencyKey) -> Arc<Semaphore> {
        let mut turns = locked(&self.0);
        if turns.len() >= TURNS_SWEPT_AT {
            // Who waits, and whose turn it is, holds on to it.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        turns.entry((org.clone(), key.clone())).or_insert_with(|| Arc::new(Semaphore::new(1))).clone()
    }
}

impl Engine {
    /// Begins a create with an `Idempotency-Key`: the first one is to be submitted, each later one is shown what that became.
    ///
    /// # Errors
    /// [`KeyError`]; nothing was written then.
    pub async fn begin_keyed(
        &self,
        org: &OrgId,
        key: IdempotencyKey,
        fingerprint: Fingerprint,
    ) -> Result<Begun<Generation>, KeyError> {
        let begun = begin(&self.world, org, key, fingerprint).await?;
        shown(begun, async |id| self.store().generation(org, GenerationId(id.0)).await).await
    }

    /// The same of a batch.
    ///
    /// # Errors
    /// See [`KeyError`]; the key is as it was.
    pub async fn begin_keyed_batch(
        &self,
        org: &OrgId,
        key: IdempotencyKey,
        fingerprint: Fingerprint,
    ) -> Result<Begun<Batch>, KeyError> {
        let begun = begin(&self.world, org, key, fingerprint).await?;
        let look = async |id: MadeId| {
            let found = self.store().batch_of_any(BatchId(id.0)).await?;
            Ok(found.filter(|batch| batch.org == *org))
        };
        shown(begun, look).await
    }

    /// The same of an asset.
    ///
    /// # Errors
    /// See [`KeyError`]; the key is as it was.
    pub async fn begin_keyed_asset(
        &self,
        org: &OrgId,
        key: IdempotencyKey,
        fingerprint: Fingerprint,
    ) -> Result<Begun<Asset>, KeyError> {
        let begun = begin(&self.world, org, key, fingerprint).await?;
        shown(begun, async |id| self.store().asset(org, AssetId(id.0)).await).await
    }
}

/// Waits for the turn; gives the id of what an earlier create made.
async fn begin(
    world: &World,
    org: &OrgId,
    key: IdempotencyKey,
    fingerprint: Fingerprint,
) -> Result<Begun<MadeId>, KeyError> {
    let turn = tokio::select! {
        biased;
        turn = world.turns.of(org, &key).acquire_owned() => turn.map_err(|_| KeyError::InUse)?,
        () = world.ports.clock.sleep(TURN_MAX) => return Err(KeyError::InUse),
    };
    match world.ports.store.used_key(org, &key).await?.filter(|used| used.is_kept(world.now())) {
        None => Ok(Begun::First(Keyed { org: org.clone(), key, fingerprint, _turn: turn })),
        Some(used) if used.fingerprint != fingerprint => Err(KeyError::Reused),
        Some(used) => Ok(Begun::Before(Box::new(used.made))),
    }
}

async fn shown<Made>(
    begun: Begun<MadeId>,
    look: impl AsyncFnOnce(MadeId) -> Result<Option<Made>, StoreError>,
) -> Result<Begun<Made>, KeyError> {
    match begun {
        Begun::First(keyed) => Ok(Begun::First(keyed)),
        Begun::Before(id) => look(*id).await?.map(|made| Begun::Before(Box::new(made))).ok_or(KeyError::Gone),
    }
}
