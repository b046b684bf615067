//! The engine's port for cloned voices.
use async_trait::async_trait;
use postsync_core::ids::OrgId;
use postsync_core::voice::{ClonedVoice, VoiceTag};
use postsync_engine::ports::{StoreError, VoiceStore};

use super::Sqlite;
use super::read::voices;

#[async_trait]
impl VoiceStore for Sqlite {
    async fn cloned_voices(&self, org: &OrgId) -> Result<Vec<ClonedVoice>, StoreError> {
        let org = org.clone();
        self.query(move |conn| voices::of(conn, &org)).await
    }

    async fn clones_among(&self, ids: Vec<String>, tags: Vec<VoiceTag>) -> Result<Vec<ClonedVoice>, StoreError> {
        self.query(move |conn| voices::among(conn, &ids, &tags)).await
    }

    async fn voices_of_others(&self, org: &OrgId, ids: Vec<String>) -> Result<Vec<String>, StoreError> {
        let org = org.clone();
        self.query(move |conn| voices::of_others(conn, &org, &ids)).await
    }
}
