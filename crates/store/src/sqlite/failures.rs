//! The port of dead letters.
use async_trait::async_trait;
use postsync_engine::ports::{FailurePage, FailureQuery, FailureStore, StoreError};

use super::Sqlite;
use super::read::failures;

#[async_trait]
impl FailureStore for Sqlite {
    async fn failures(&self, query: FailureQuery) -> Result<FailurePage, StoreError> {
        self.list(move |conn| failures::page(conn, &query)).await
    }
}
