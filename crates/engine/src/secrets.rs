//! Signing secrets, remembered for a second: a rotation by another process is honoured within that time, and a thousand
//! deliveries a second do not decrypt a thousand times.
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use postsync_core::Secret;
use postsync_core::access::StoredSecret;
use postsync_core::change::Change;
use postsync_core::ids::{OrgId, SecretId};
use postsync_core::rule;
use postsync_core::time::Timestamp;

use crate::ports::{Applied, StoreError};
use crate::world::{World, locked};

/// How long a secret is used before it is looked at again.
const FRESH: Duration = Duration::from_secs(1);

/// Organizations whose secrets are kept in memory.
const KEPT_MAX: usize = 10_000;

#[derive(Default)]
pub(crate) struct Secrets {
    kept: Mutex<BTreeMap<OrgId, (Timestamp, Secret)>>,
    /// Held by who makes one: two made at once would sign some webhooks with the one that is not kept.
    making: tokio::sync::Mutex<()>,
}

impl Secrets {
    fn fresh(&self, org: &OrgId, now: Timestamp) -> Option<Secret> {
        let kept = locked(&self.kept);
        let (read_at, secret) = kept.get(org)?;
        // A clock that stepped back makes an entry look new for ever: only the span since the reading counts.
        (now >= *read_at && now.since(*read_at) < FRESH).then(|| secret.clone())
    }

    fn keep(&self, org: &OrgId, now: Timestamp, secret: &Secret) {
        let mut kept = locked(&self.kept);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(org.clone(), (now, secret.clone()));
    }
}

/// What signs the organization's webhooks now. Makes a secret where there is none yet.
pub(crate) async fn signing_secret(world: &World, org: &OrgId) -> Result<Secret, StoreError> {
    let now = world.now();
    if let Some(secret) = world.secrets.fresh(org, now) {
        return Ok(secret);
    }
    let secret = match world.ports.store.secret(org).await? {
        Some(stored) => stored.secret,
        None => make(world, org, now).await?,
    };
    world.secrets.keep(org, now, &secret);
    Ok(secret)
}

/// The organization's secret; made where it has none.
async fn make(world: &World, org: &OrgId, now: Timestamp) -> Result<Secret, StoreError> {
    let _alone = world.secrets.making.lock().await;
    // Who waited finds what the one before has made.
    if rule::holds("one_maker_of_secrets")
        && let Some(stored) = world.ports.store.secret(org).await?
    {
        return Ok(stored.secret);
    }
    let stored = new_secret(world.new_secret_id(), org, world.random(), now);
    match world.ports.store.apply(vec![Change::SetSecret(Box::new(stored))]).await? {
        Applied::Done | Applied::Stale => {}
    }
    // Another process may have made one at the same time: the store's word counts.
    let settled = world.ports.store.secret(org).await?;
    settled.map(|s| s.secret).ok_or_else(|| StoreError::Failed("a new secret was not kept".to_owned()))
}

/// A new signing secret of 32 random bytes.
#[must_use]
pub fn new_secret(id: SecretId, org: &OrgId, random: [u8; 32], now: Timestamp) -> StoredSecret {
    StoredSecret { id, org: org.clone(), secret: Secret::generate(random), created_at: now }
}
