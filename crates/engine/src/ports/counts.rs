//! How many there are, without reading them.
use async_trait::async_trait;
use postsync_core::generation::Status;
use postsync_core::ids::OrgId;

use super::store::StoreError;

/// Counters.
#[async_trait]
pub trait CountStore: Send + Sync {
    /// How many generations an organization has in these states; in all where none is named.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn count_generations(&self, org: &OrgId, statuses: Vec<Status>) -> Result<u64, StoreError>;
}
