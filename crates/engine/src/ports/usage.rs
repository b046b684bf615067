//! What has ended, for bills.
use async_trait::async_trait;
use postsync_core::generation::Status;
use postsync_core::ids::{GenerationId, OrgId};
use postsync_core::time::Timestamp;

use super::StoreError;

/// Which generations of an organization, by when they ended, the last one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// Whose.
    pub org: OrgId,
    /// Ended then or later.
    pub since: Option<Timestamp>,
    /// Ended before that.
    pub until: Option<Timestamp>,
    /// In front of that place: where the page before ended.
    pub before: Option<(Timestamp, GenerationId)>,
    /// At most so many.
    pub limit: usize,
}

/// One that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// Which.
    pub generation: GenerationId,
    /// What it was made with.
    pub model: String,
    /// COMPLETED or FAILED.
    pub status: Status,
    /// When.
    pub ended_at: Timestamp,
    /// How long its video is, where there is one and that is known.
    pub duration_ms: Option<u64>,
}

/// Reads what has ended.
#[async_trait]
pub trait UsageStore: Send + Sync {
    /// A page of them. Those that were deleted are not there.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn usage(&self, query: UsageQuery) -> Result<Vec<Used>, StoreError>;
}
