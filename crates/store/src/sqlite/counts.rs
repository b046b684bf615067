//! The engine's port for counters.
use async_trait::async_trait;
use postsync_core::generation::Status;
use postsync_core::ids::OrgId;
use postsync_engine::ports::{CountStore, StoreError};

use super::Sqlite;
use super::read::generations;

#[async_trait]
impl CountStore for Sqlite {
    async fn count_generations(&self, org: &OrgId, statuses: Vec<Status>) -> Result<u64, StoreError> {
        let org = org.clone();
        self.list(move |conn| generations::count(conn, &org, &statuses)).await
    }
}
