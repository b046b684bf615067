//! Reads of dead letters, with the same faults.
use async_trait::async_trait;
use postsync_engine::ports::{FailurePage, FailureQuery, FailureStore, StoreError};

use super::FaultyStore;

#[async_trait]
impl FailureStore for FaultyStore {
    async fn failures(&self, query: FailureQuery) -> Result<FailurePage, StoreError> {
        self.look().await?;
        let answer = self.inner.failures(query).await;
        self.pass().await;
        answer
    }
}
