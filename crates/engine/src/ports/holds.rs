//! Generations that wait until their organization has room, and those that take it.
use async_trait::async_trait;
use postsync_core::generation::Status;
use postsync_core::ids::{GenerationId, OrgId};

use super::store::StoreError;

/// What is remembered of them; see [`HoldChange`](postsync_core::hold::HoldChange).
#[async_trait]
pub trait HoldStore: Send + Sync {
    /// Those that wait, in the order of organizations and ids behind `after`.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn held(
        &self,
        after: Option<(OrgId, GenerationId)>,
        limit: usize,
    ) -> Result<Vec<(OrgId, GenerationId)>, StoreError>;

    /// Which of all that wait came first.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn oldest_held(&self) -> Result<Option<GenerationId>, StoreError>;

    /// An organization's generations in that status, in id order behind `after`: those that are of no batch.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn in_status(
        &self,
        org: &OrgId,
        status: Status,
        after: Option<GenerationId>,
        limit: usize,
    ) -> Result<Vec<GenerationId>, StoreError>;
}
