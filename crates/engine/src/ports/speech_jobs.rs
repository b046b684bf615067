//! What is asked of the store about speech jobs. What is written is
//! [`SpeechJobChange`](postsync_core::speech_job::SpeechJobChange).
use async_trait::async_trait;
use postsync_core::idempotency::IdempotencyKey;
use postsync_core::ids::{OrgId, SpeechJobId};
use postsync_core::speech_job::SpeechJob;

use super::store::StoreError;

/// Speech jobs.
#[async_trait]
pub trait SpeechJobStore: Send + Sync {
    /// One of an organization's.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn speech_job(&self, org: &OrgId, id: SpeechJobId) -> Result<Option<SpeechJob>, StoreError>;

    /// The newest that an organization has made with that key, whatever its age.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn speech_job_of_key(&self, org: &OrgId, key: &IdempotencyKey) -> Result<Option<SpeechJob>, StoreError>;

    /// Those that have not ended, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn open_speech_jobs(&self, limit: usize) -> Result<Vec<SpeechJob>, StoreError>;
}
