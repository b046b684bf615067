//! Reads of organizations, keys and what waits for room, with the same faults.
use async_trait::async_trait;
use postsync_core::access::{ApiKey, Organization};
use postsync_core::generation::Status;
use postsync_core::ids::{GenerationId, KeyId, OrgId};
use postsync_engine::ports::{AccessStore, HoldStore, StoreError};

use super::FaultyStore;

#[async_trait]
impl AccessStore for FaultyStore {
    async fn organization(&self, id: &OrgId) -> Result<Option<Organization>, StoreError> {
        self.look().await?;
        let answer = self.inner.organization(id).await;
        self.pass().await;
        answer
    }

    async fn newest_keys(&self, org: &OrgId, before: Option<KeyId>, limit: usize) -> Result<Vec<ApiKey>, StoreError> {
        self.look().await?;
        let answer = self.inner.newest_keys(org, before, limit).await;
        self.pass().await;
        answer
    }
}

#[async_trait]
impl HoldStore for FaultyStore {
    async fn held(
        &self,
        after: Option<(OrgId, GenerationId)>,
        limit: usize,
    ) -> Result<Vec<(OrgId, GenerationId)>, StoreError> {
        self.look().await?;
        let answer = self.inner.held(after, limit).await;
        self.pass().await;
        answer
    }

    async fn oldest_held(&self) -> Result<Option<GenerationId>, StoreError> {
        self.look().await?;
        let answer = self.inner.oldest_held().await;
        self.pass().await;
        answer
    }

    async fn in_status(
        &self,
        org: &OrgId,
        status: Status,
        after: Option<GenerationId>,
        limit: usize,
    ) -> Result<Vec<GenerationId>, StoreError> {
        self.look().await?;
        let answer = self.inner.in_status(org, status, after, limit).await;
        self.pass().await;
        answer
    }
}
