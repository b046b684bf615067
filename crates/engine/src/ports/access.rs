//! Organizations and keys, beside what every caller needs of them.
use async_trait::async_trait;
use postsync_core::access::{ApiKey, Organization};
use postsync_core::ids::{KeyId, OrgId};

use super::store::StoreError;

/// What is remembered of organizations and their keys.
#[async_trait]
pub trait AccessStore: Send + Sync {
    /// One organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn organization(&self, id: &OrgId) -> Result<Option<Organization>, StoreError>;

    /// An organization's keys, newest first, revoked ones too, those made before `before`.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn newest_keys(&self, org: &OrgId, before: Option<KeyId>, limit: usize) -> Result<Vec<ApiKey>, StoreError>;
}
