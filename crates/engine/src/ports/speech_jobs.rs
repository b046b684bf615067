//! What is asked of the store about speech jobs. What is written is
//! [`SpeechJobChange`](postsync_core::speech_job::SpeechJobChange).
use async_trait::async_trait;
use postsync_core::idempotency::IdempotencyKey;
use postsync_core::ids::{OrgId, SpeechJobId};
use postsync_core::speech::SpeechLane;
use postsync_core::speech_job::SpeechJob;

use super::store::StoreError;

/// Whose turn it is to be spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeechTurn {
    /// Of those that are spoken there.
    pub lane: SpeechLane,
    /// The organization behind this one begins; behind the last one the first follows.
    pub after: Option<OrgId>,
    /// Not these: they are at work.
    pub not: Vec<SpeechJobId>,
}

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

    /// The one whose turn it is among those that have not ended: organizations take turns, and in each the oldest is first.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn next_speech_job(&self, turn: SpeechTurn) -> Result<Option<SpeechJob>, StoreError>;
}
