//! The engine's port for projects.
use async_trait::async_trait;
use postsync_core::ids::{OrgId, ProjectId};
use postsync_core::project::{Project, ProjectPlace};
use postsync_engine::ports::{AssetPage, AssetQuery, ProjectStore, StoreError};

use super::Sqlite;
use super::read::projects;

#[async_trait]
impl ProjectStore for Sqlite {
    async fn project(&self, org: &OrgId, id: ProjectId) -> Result<Option<Project>, StoreError> {
        let org = org.clone();
        self.query(move |conn| projects::one(conn, &org, id)).await
    }

    async fn projects(
        &self,
        org: &OrgId,
        after: Option<ProjectPlace>,
        limit: usize,
    ) -> Result<Vec<Project>, StoreError> {
        let org = org.clone();
        self.list(move |conn| projects::page(conn, &org, after, limit)).await
    }

    async fn project_assets(&self, id: ProjectId, query: AssetQuery) -> Result<(AssetPage, u64), StoreError> {
        self.list(move |conn| projects::assets_of(conn, id, &query)).await
    }
}
