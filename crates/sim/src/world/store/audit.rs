//! Reads of who asked for what, with the same faults.
use async_trait::async_trait;
use postsync_core::audit::AuditEntry;
use postsync_core::ids::{GenerationId, OrgId};
use postsync_engine::ports::{AuditQuery, AuditStore, StoreError};

use super::FaultyStore;

#[async_trait]
impl AuditStore for FaultyStore {
    async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        self.look().await?;
        let answer = self.inner.audit(query).await;
        self.pass().await;
        answer
    }

    async fn aged_audit(
        &self,
        after: Option<(OrgId, GenerationId)>,
        before: GenerationId,
        limit: usize,
    ) -> Result<Vec<(OrgId, GenerationId)>, StoreError> {
        self.look().await?;
        let answer = self.inner.aged_audit(after, before, limit).await;
        self.pass().await;
        answer
    }
}
