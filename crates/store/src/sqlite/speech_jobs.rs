//! The engine's port for speech jobs.
use async_trait::async_trait;
use postsync_core::idempotency::IdempotencyKey;
use postsync_core::ids::{OrgId, SpeechJobId};
use postsync_core::speech_job::SpeechJob;
use postsync_engine::ports::{SpeechJobStore, SpeechTurn, StoreError};

use super::Sqlite;
use super::read::speech_jobs;

#[async_trait]
impl SpeechJobStore for Sqlite {
    async fn speech_job(&self, org: &OrgId, id: SpeechJobId) -> Result<Option<SpeechJob>, StoreError> {
        let org = org.clone();
        self.query(move |conn| speech_jobs::one(conn, &org, id)).await
    }

    async fn speech_job_of_key(&self, org: &OrgId, key: &IdempotencyKey) -> Result<Option<SpeechJob>, StoreError> {
        let (org, key) = (org.clone(), key.clone());
        self.query(move |conn| speech_jobs::of_key(conn, &org, &key)).await
    }

    async fn next_speech_job(&self, turn: SpeechTurn) -> Result<Option<SpeechJob>, StoreError> {
        self.query(move |conn| speech_jobs::next(conn, &turn)).await
    }
}
