//! The port of what has ended.
use async_trait::async_trait;
use postsync_engine::ports::{StoreError, UsageQuery, UsageStore, Used};

use super::Sqlite;
use super::read::usage;

#[async_trait]
impl UsageStore for Sqlite {
    async fn usage(&self, query: UsageQuery) -> Result<Vec<Used>, StoreError> {
        self.list(move |conn| usage::page(conn, &query)).await
    }
}
