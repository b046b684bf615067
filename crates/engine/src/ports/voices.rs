//! What is asked of the store about cloned voices. What is written is [`VoiceChange`](postsync_core::voice::VoiceChange).
use async_trait::async_trait;
use postsync_core::ids::OrgId;
use postsync_core::voice::ClonedVoice;

use super::store::StoreError;

/// Cloned voices.
#[async_trait]
pub trait VoiceStore: Send + Sync {
    /// An organization's, in the order of their names.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn cloned_voices(&self, org: &OrgId) -> Result<Vec<ClonedVoice>, StoreError>;

    /// Which of these ids are clones of other organizations.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn voices_of_others(&self, org: &OrgId, ids: Vec<String>) -> Result<Vec<String>, StoreError>;
}
