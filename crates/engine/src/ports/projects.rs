//! What is asked of the store about projects. What is written is [`ProjectChange`](postsync_core::project::ProjectChange).
use async_trait::async_trait;
use postsync_core::ids::{OrgId, ProjectId};
use postsync_core::project::{Project, ProjectPlace};

use super::assets::{AssetPage, AssetQuery};
use super::store::StoreError;

/// Projects, and the assets in them.
#[async_trait]
pub trait ProjectStore: Send + Sync {
    /// One of an organization's.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn project(&self, org: &OrgId, id: ProjectId) -> Result<Option<Project>, StoreError>;

    /// An organization's, newest first, behind a place.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn projects(
        &self,
        org: &OrgId,
        after: Option<ProjectPlace>,
        limit: usize,
    ) -> Result<Vec<Project>, StoreError>;

    /// A page of the assets in a project, and how many of the kinds that are asked for are in it; none where there is no such
    /// project.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn project_assets(&self, id: ProjectId, query: AssetQuery) -> Result<(AssetPage, u64), StoreError>;
}
