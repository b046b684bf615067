//! Reads of who asked for what, with the same faults.
use async_trait::async_trait;
use postsync_core::audit::AuditEntry;
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
}
