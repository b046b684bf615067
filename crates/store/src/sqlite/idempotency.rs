//! The port of keys that creates have used.
use async_trait::async_trait;
use postsync_core::idempotency::{IdempotencyKey, UsedKey};
use postsync_core::ids::OrgId;
use postsync_engine::ports::{IdempotencyStore, StoreError};

use super::Sqlite;
use super::read::idempotency;

#[async_trait]
impl IdempotencyStore for Sqlite {
    async fn used_key(&self, org: &OrgId, key: &IdempotencyKey) -> Result<Option<UsedKey>, StoreError> {
        let (org, key) = (org.clone(), key.clone());
        self.query(move |conn| idempotency::used_key(conn, &org, &key)).await
    }
}
