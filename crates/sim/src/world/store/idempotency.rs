//! Reads of keys that creates have used, with the same faults.
use async_trait::async_trait;
use postsync_core::idempotency::{IdempotencyKey, UsedKey};
use postsync_core::ids::OrgId;
use postsync_engine::ports::{IdempotencyStore, StoreError};

use super::FaultyStore;

#[async_trait]
impl IdempotencyStore for FaultyStore {
    async fn used_key(&self, org: &OrgId, key: &IdempotencyKey) -> Result<Option<UsedKey>, StoreError> {
        self.look().await?;
        let answer = self.inner.used_key(org, key).await;
        self.pass().await;
        answer
    }
}
