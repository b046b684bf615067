//! What is remembered of batches.
use async_trait::async_trait;
use postsync_core::batch::{Batch, RowResult, Status};
use postsync_core::ids::{BatchId, OrgId};
use postsync_core::time::Timestamp;

use super::StoreError;

/// Which batches of an organization, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchQuery {
    /// Whose.
    pub org: OrgId,
    /// In this one.
    pub status: Option<Status>,
    /// Made later than that.
    pub after: Option<Timestamp>,
    /// Made before that.
    pub before: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

/// Reads batches. What changes them is a [`BatchChange`](postsync_core::batch::BatchChange).
#[async_trait]
pub trait BatchStore: Send + Sync {
    /// One batch, whoever it belongs to: for the end of its rows, and for token URLs.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn batch_of_any(&self, id: BatchId) -> Result<Option<Batch>, StoreError>;

    /// A page of batches.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn batches(&self, query: BatchQuery) -> Result<Vec<Batch>, StoreError>;

    /// How the rows of a batch stand, in their order.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn batch_results(&self, id: BatchId) -> Result<Vec<RowResult>, StoreError>;
}
