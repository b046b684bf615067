//! Signing secrets, remembered for a second: a rotation by another process is honoured within that time, and a thousand
//! deliveries a second do not decrypt a thousand times.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postsync_core::Secret;
use postsync_core::access::StoredSecret;
use postsync_core::change::Change;
use postsync_core::ids::SecretId;
use postsync_core::rotation::{Refused, SecretOwner, Signing, Step};
use postsync_core::rule;
use postsync_core::time::Timestamp;

use crate::engine::Engine;
use crate::ports::{Applied, Store, StoreError};
use crate::world::{World, locked};

/// How long secrets are used before they are looked at again.
const FRESH: Duration = Duration::from_secs(1);

/// Owners whose secrets are kept in memory.
const KEPT_MAX: usize = 10_000;

/// How often a step is tried again because somebody else has taken one meanwhile.
const STEP_TRIES_MAX: usize = 8;

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// What signed before.
    pub before: Signing,
    /// What signs now.
    pub after: Signing,
}

/// Why a step was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The secrets are not in a stage that allows it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Default)]
pub(crate) struct Secrets {
    kept: Mutex<BTreeMap<SecretOwner, (Timestamp, Arc<Signing>)>>,
}

impl Secrets {
    fn fresh(&self, owner: &SecretOwner, now: Timestamp) -> Option<Arc<Signing>> {
        let kept = locked(&self.kept);
        let (read_at, signing) = kept.get(owner)?;
        // A clock that stepped back makes an entry look new for ever: only the span since the reading counts.
        let is_fresh = now >= *read_at && now.since(*read_at) < FRESH;
        (is_fresh || !rule::holds("secrets_are_read_again")).then(|| signing.clone())
    }

    /// They have changed: the next webhook looks again.
    pub(crate) fn forget(&self, owner: &SecretOwner) {
        locked(&self.kept).remove(owner);
    }

    fn keep(&self, now: Timestamp, signing: &Arc<Signing>) {
        let mut kept = locked(&self.kept);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(signing.owner.clone(), (now, signing.clone()));
    }
}

/// What signs the owner's webhooks now. Makes an organization's secret where it has none yet; an endpoint gets its own with
/// its registration, and one without is gone: nobody could verify what a new secret signs.
pub(crate) async fn signing(world: &World, owner: &SecretOwner) -> Result<Arc<Signing>, StoreError> {
    let now = world.now();
    if let Some(signing) = world.secrets.fresh(owner, now) {
        return Ok(signing);
    }
    let signing = match world.ports.store.signing(owner).await? {
        Some(signing) => signing,
        None if owner.endpoint.is_some() => return Err(gone()),
        None => {
            let fresh = new_secret(world.new_secret_id(), world.random(), now);
            first_secret(world.ports.store.as_ref(), owner, fresh).await?
        }
    };
    let signing = Arc::new(signing);
    world.secrets.keep(now, &signing);
    Ok(signing)
}

/// What is owed to a registered endpoint is asked for after it was deleted.
pub(crate) fn gone() -> StoreError {
    StoreError::Failed("the endpoint was deleted meanwhile".to_owned())
}

/// The owner's secrets: `fresh` is its first one, where it has none. Two may make one at once, here or in another process:
/// the first on disk counts, and the other is forgotten before it has signed anything.
///
/// # Errors
/// What the store says.
pub async fn first_secret(store: &dyn Store, owner: &SecretOwner, fresh: StoredSecret) -> Result<Signing, StoreError> {
    if let Some(found) = store.signing(owner).await? {
        return Ok(found);
    }
    let now = Signing::first(owner.clone(), fresh);
    match store.apply(vec![Change::SetSecrets { was: None, now: Box::new(now.clone()) }]).await? {
        Applied::Done => Ok(now),
        Applied::Stale if !rule::holds("one_maker_of_secrets") => Ok(now),
        Applied::Stale => {
            let theirs = store.signing(owner).await?;
            theirs.ok_or_else(|| StoreError::Failed("a new secret was not kept".to_owned()))
        }
    }
}

/// Takes a step with the owner's secrets. `None` where it has none: there is no such owner.
///
/// # Errors
/// [`StepError`]; nothing has changed then.
pub async fn step_secrets(
    store: &dyn Store,
    owner: &SecretOwner,
    step: Step,
    now: Timestamp,
) -> Result<Option<Stepped>, StepError> {
    for _ in 0..STEP_TRIES_MAX {
        let Some(before) = store.signing(owner).await? else { return Ok(None) };
        let after = before.step(step.clone(), now)?;
        let was = Some(before.places());
        // Stale: somebody else has rotated meanwhile, and whether the step can be taken is asked anew.
        if store.apply(vec![Change::SetSecrets { was, now: Box::new(after.clone()) }]).await? == Applied::Done {
            return Ok(Some(Stepped { before, after }));
        }
    }
    Err(StepError::Store(StoreError::Busy))
}

/// A new signing secret of 32 random bytes.
#[must_use]
pub fn new_secret(id: SecretId, random: [u8; 32], now: Timestamp) -> StoredSecret {
    StoredSecret { id, secret: Secret::generate(random), created_at: now }
}

impl Engine {
    /// What signs that owner's webhooks, as it is on disk. An organization gets its first secret here, where it has none;
    /// `None`: there is no such endpoint.
    ///
    /// # Errors
    /// What the store says.
    pub async fn signing(&self, owner: &SecretOwner) -> Result<Option<Signing>, StoreError> {
        match owner.endpoint {
            Some(_) => self.store().signing(owner).await,
            None => first_secret(self.store().as_ref(), owner, self.new_secret()).await.map(Some),
        }
    }

    /// Takes a step with that owner's secrets; the next webhook is signed accordingly. `None`: there is no such endpoint.
    ///
    /// # Errors
    /// [`StepError`]; nothing has changed then.
    pub async fn step_secrets(&self, owner: &SecretOwner, step: Step) -> Result<Option<Stepped>, StepError> {
        if self.signing(owner).await?.is_none() {
            return Ok(None);
        }
        let stepped = step_secrets(self.store().as_ref(), owner, step, self.now()).await;
        self.world.secrets.forget(owner);
        stepped
    }

    /// A new signing secret, which nobody has yet.
    #[must_use]
    pub fn new_secret(&self) -> StoredSecret {
        new_secret(self.world.new_secret_id(), self.world.random(), self.now())
    }

    /// A signing secret from elsewhere, ready to be kept.
    #[must_use]
    pub fn given_secret(&self, secret: Secret) -> StoredSecret {
        StoredSecret { id: self.world.new_secret_id(), secret, created_at: self.now() }
    }
}
