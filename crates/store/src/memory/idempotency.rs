//! Keys that creates have used.
use async_trait::async_trait;
use postsync_core::idempotency::{IdempotencyChange, IdempotencyKey, UsedKey};
use postsync_core::ids::OrgId;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{IdempotencyStore, StoreError};

use super::Memory;
use super::tables::Tables;
use crate::refusal::Refusal;

#[async_trait]
impl IdempotencyStore for Memory {
    async fn used_key(&self, org: &OrgId, key: &IdempotencyKey) -> Result<Option<UsedKey>, StoreError> {
        Ok(self.tables().used_keys.get(&(org.clone(), key.clone())).cloned())
    }
}

impl Tables {
    pub(super) fn change_idempotency(&mut self, change: IdempotencyChange) -> Result<(), Refusal> {
        match change {
            IdempotencyChange::Use(used) => self.use_key(*used),
            IdempotencyChange::Forget { before, limit } => self.forget_used_keys(before, limit),
        }
    }

    fn use_key(&mut self, used: UsedKey) -> Result<(), Refusal> {
        let place = (used.org.clone(), used.key.clone());
        if self.used_keys.get(&place).is_some_and(|before| before.is_kept(used.at)) {
            return Err(Refusal::Stale);
        }
        self.used_keys.put(place, used);
        Ok(())
    }

    fn forget_used_keys(&mut self, before: Timestamp, limit: usize) -> Result<(), Refusal> {
        let mut old: Vec<_> = self.used_keys.values().filter(|used| used.at < before).collect();
        old.sort_by_key(|used| (used.at, used.org.clone(), used.key.clone()));
        let places: Vec<_> = old.into_iter().take(limit).map(|used| (used.org.clone(), used.key.clone())).collect();
        places.iter().for_each(|place| self.used_keys.remove(place));
        if places.is_empty() { Err(Refusal::Stale) } else { Ok(()) }
    }
}
