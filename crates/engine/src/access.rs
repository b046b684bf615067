//! API keys, made and revoked over the API.
use postsync_core::access::{AccessChange, ApiKey, Scopes, key_hash, key_text};
use postsync_core::change::Change;
use postsync_core::ids::{KeyId, OrgId};
use postsync_core::limits::{KEYS_MAX, LIST_MAX};

use crate::ports::{Applied, StoreError};
use crate::world::World;

/// How often a key is made anew where its id was taken.
const TRIES_MAX: usize = 4;

/// Makes a key; gives it with its text. `None` where the organization has as many that work as it may.
pub(crate) async fn make_key(
    world: &World,
    org: &OrgId,
    name: &str,
    scopes: Scopes,
) -> Result<Option<(ApiKey, String)>, StoreError> {
    for _ in 0..TRIES_MAX {
        let text = key_text(world.random());
        let key = ApiKey {
            id: world.new_key_id(),
            org: org.clone(),
            name: name.to_owned(),
            scopes: scopes.clone(),
            hash: key_hash(&text),
            created_at: world.now(),
            revoked_at: None,
            last_used_at: None,
        };
        let change = Change::Access(AccessChange::MakeKey(Box::new(key.clone())));
        if world.ports.store.apply(vec![change]).await? == Applied::Done {
            return Ok(Some((key, text)));
        }
        // Stale: there are as many as may be, or a command beside this server has just given the same id.
        if working(world, org).await? >= KEYS_MAX {
            return Ok(None);
        }
    }
    Err(StoreError::Failed("a new key was refused as stale".to_owned()))
}

/// How many work, counted up to one more than may.
async fn working(world: &World, org: &OrgId) -> Result<usize, StoreError> {
    let (mut count, mut before) = (0, None);
    loop {
        let page = world.ports.store.newest_keys(org, before, LIST_MAX).await?;
        count += page.iter().filter(|key| key.revoked_at.is_none()).count();
        before = page.last().map(|key| key.id);
        if page.len() < LIST_MAX || count >= KEYS_MAX {
            return Ok(count);
        }
    }
}

/// Has a key stop working. `None` where the organization has no such key.
pub(crate) async fn revoke_key(world: &World, org: &OrgId, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
    let Some(key) = world.ports.store.key(id).await?.filter(|key| key.org == *org) else { return Ok(None) };
    // Stale: it does not work already.
    let _ = world.ports.store.apply(vec![Change::RevokeKey { id, at: world.now() }]).await?;
    Ok(Some(key))
}
