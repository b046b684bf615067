//! Reads of what has ended, with the same faults.
use async_trait::async_trait;
use postsync_engine::ports::{StoreError, UsageQuery, UsageStore, Used};

use super::FaultyStore;

#[async_trait]
impl UsageStore for FaultyStore {
    async fn usage(&self, query: UsageQuery) -> Result<Vec<Used>, StoreError> {
        self.look().await?;
        let answer = self.inner.usage(query).await;
        self.pass().await;
        answer
    }
}
