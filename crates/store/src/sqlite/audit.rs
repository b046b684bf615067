//! The port of who asked for each generation.
use async_trait::async_trait;
use postsync_core::audit::AuditEntry;
use postsync_engine::ports::{AuditQuery, AuditStore, StoreError};

use super::Sqlite;
use super::read::audit;

#[async_trait]
impl AuditStore for Sqlite {
    async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        self.list(move |conn| audit::page(conn, &query)).await
    }
}
