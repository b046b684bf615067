//! Who asked for each generation.
use async_trait::async_trait;
use postsync_core::audit::AuditEntry;
use postsync_core::ids::{GenerationId, KeyId, OrgId};
use postsync_core::time::Timestamp;

use super::StoreError;

/// Which entries of an organization, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditQuery {
    /// Whose.
    pub org: OrgId,
    /// Of this one.
    pub generation: Option<GenerationId>,
    /// That this key asked for.
    pub key: Option<KeyId>,
    /// Accepted then or later.
    pub since: Option<Timestamp>,
    /// Accepted before that.
    pub until: Option<Timestamp>,
    /// Older than that one: where the page before ended.
    pub before: Option<GenerationId>,
    /// At most so many.
    pub limit: usize,
}

/// Reads the audit. What writes it is an [`AuditChange`](postsync_core::audit::AuditChange).
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// A page of entries: at least one wherever one is left, and fewer than `limit` also where their texts come to
    /// [`LIST_BYTES_MAX`](postsync_core::limits::LIST_BYTES_MAX) before.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, StoreError>;

    /// Entries of generations below `before`, behind `after`: of one organization after another, in the order of their ids.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn aged_audit(
        &self,
        after: Option<(OrgId, GenerationId)>,
        before: GenerationId,
        limit: usize,
    ) -> Result<Vec<(OrgId, GenerationId)>, StoreError>;
}
