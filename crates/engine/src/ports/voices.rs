//! What is asked of the store about cloned voices. What is written is [`VoiceChange`](postsync_core::voice::VoiceChange).
use async_trait::async_trait;
use postsync_core::ids::OrgId;
use postsync_core::voice::{ClonedVoice, VoiceTag};

use super::store::StoreError;

/// Cloned voices.
#[async_trait]
pub trait VoiceStore: Send + Sync {
    /// An organization's, in the order of their names, with those that have no id yet.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn cloned_voices(&self, org: &OrgId) -> Result<Vec<ClonedVoice>, StoreError>;

    /// The clones of any organization that have one of these ids or one of these tags.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn clones_among(&self, ids: Vec<String>, tags: Vec<VoiceTag>) -> Result<Vec<ClonedVoice>, StoreError>;

    /// Which of these ids are clones of other organizations.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn voices_of_others(&self, org: &OrgId, ids: Vec<String>) -> Result<Vec<String>, StoreError>;
}
