//! The ports of organizations, keys and what waits for room.
use async_trait::async_trait;
use postsync_core::access::{ApiKey, Organization};
use postsync_core::generation::Status;
use postsync_core::ids::{GenerationId, KeyId, OrgId};
use postsync_engine::ports::{AccessStore, HoldStore, StoreError};

use super::Sqlite;
use super::read::{access, holds};

#[async_trait]
impl AccessStore for Sqlite {
    async fn organization(&self, id: &OrgId) -> Result<Option<Organization>, StoreError> {
        let id = id.clone();
        self.query(move |conn| access::organization(conn, &id)).await
    }

    async fn newest_keys(&self, org: &OrgId, before: Option<KeyId>, limit: usize) -> Result<Vec<ApiKey>, StoreError> {
        let org = org.clone();
        self.list(move |conn| access::newest_keys(conn, &org, before, limit)).await
    }
}

#[async_trait]
impl HoldStore for Sqlite {
    async fn held(
        &self,
        after: Option<(OrgId, GenerationId)>,
        limit: usize,
    ) -> Result<Vec<(OrgId, GenerationId)>, StoreError> {
        self.query(move |conn| holds::held(conn, after.as_ref(), limit)).await
    }

    async fn oldest_held(&self) -> Result<Option<GenerationId>, StoreError> {
        self.query(|conn| holds::oldest(conn)).await
    }

    async fn in_status(
        &self,
        org: &OrgId,
        status: Status,
        after: Option<GenerationId>,
        limit: usize,
    ) -> Result<Vec<GenerationId>, StoreError> {
        let org = org.clone();
        let found = self.query(move |conn| holds::open(conn, &org, status.as_str(), after, limit)).await?;
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }
}
