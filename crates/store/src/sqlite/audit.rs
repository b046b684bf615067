//! The port of who asked for each generation.
use async_trait::async_trait;
use postsync_core::audit::AuditEntry;
use postsync_core::ids::{GenerationId, OrgId};
use postsync_engine::ports::{AuditQuery, AuditStore, StoreError};

use super::Sqlite;
use super::read::audit;

#[async_trait]
impl AuditStore for Sqlite {
    async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        self.list(move |conn| audit::page(conn, &query)).await
    }

    async fn aged_audit(
        &self,
        after: Option<(OrgId, GenerationId)>,
        before: GenerationId,
        limit: usize,
    ) -> Result<Vec<(OrgId, GenerationId)>, StoreError> {
        self.list(move |conn| audit::aged(conn, after, before, limit)).await
    }
}
