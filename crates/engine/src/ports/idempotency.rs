//! Which create has used which key.
use async_trait::async_trait;
use postsync_core::idempotency::{IdempotencyKey, UsedKey};
use postsync_core::ids::OrgId;

use super::store::StoreError;

/// What is remembered of `Idempotency-Key`s; see [`IdempotencyChange`](postsync_core::idempotency::IdempotencyChange).
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// The create that has used that key last, however long ago.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn used_key(&self, org: &OrgId, key: &IdempotencyKey) -> Result<Option<UsedKey>, StoreError>;
}
