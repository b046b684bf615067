//! Projects come, are described, and go; assets come into them and leave.
use postsync_core::change::Change;
use postsync_core::ids::{AssetId, OrgId, ProjectId};
use postsync_core::project::{PROJECT_ASSETS_MAX, PROJECTS_MAX, Project, ProjectChange, ProjectSaid};

use crate::engine::Engine;
use crate::ports::{Applied, StoreError};
use crate::world::World;

/// Why a project is not as it was wanted. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// There is none of that id in the organization.
    #[error("there is no such project")]
    Unknown,
    /// One of that id is there already.
    #[error("a project of that id is there already")]
    Known,
    /// The organization has as many as it may.
    #[error(
        "the organization has {PROJECTS_MAX} projects, which is as many as it may; delete one that is not needed any more"
    )]
    TooMany,
    /// There is no such asset in the organization, or in the project.
    #[error("there is no such asset")]
    NoAsset,
    /// The project has as many assets as it may.
    #[error("the project would have more than the {PROJECT_ASSETS_MAX} assets that it may; use another project")]
    Full,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Makes a project; `id` is the client's own, where it brings one.
    ///
    /// # Errors
    /// See [`ProjectError`].
    pub async fn add_project(
        &self,
        org: &OrgId,
        id: Option<ProjectId>,
        said: ProjectSaid,
    ) -> Result<Project, ProjectError> {
        add(&self.world, org, id, said).await
    }

    /// Says something else of a project.
    ///
    /// # Errors
    /// See [`ProjectError`].
    pub async fn describe_project(&self, org: &OrgId, id: ProjectId, to: ProjectSaid) -> Result<Project, ProjectError> {
        if to == ProjectSaid::default() {
            // Nothing is said, so nothing has changed, its time neither.
            return self.world.ports.store.project(org, id).await?.ok_or(ProjectError::Unknown);
        }
        let change = ProjectChange::Describe { org: org.clone(), id, to, at: self.world.now() };
        match write(&self.world, vec![change]).await? {
            Applied::Done => self.world.ports.store.project(org, id).await?.ok_or(ProjectError::Unknown),
            Applied::Stale => Err(ProjectError::Unknown),
        }
    }

    /// Removes a project. Its assets stay.
    ///
    /// # Errors
    /// See [`ProjectError`].
    pub async fn remove_project(&self, org: &OrgId, id: ProjectId) -> Result<(), ProjectError> {
        match write(&self.world, vec![ProjectChange::Remove { org: org.clone(), id }]).await? {
            Applied::Done => Ok(()),
            Applied::Stale => Err(ProjectError::Unknown),
        }
    }

    /// Has assets come into a project: all of them or none. Those that are in it already stay.
    ///
    /// # Errors
    /// See [`ProjectError`].
    pub async fn attach_assets(&self, org: &OrgId, id: ProjectId, assets: &[AssetId]) -> Result<(), ProjectError> {
        attach(&self.world, org, id, assets).await
    }

    /// Has an asset leave a project. The asset stays.
    ///
    /// # Errors
    /// See [`ProjectError`].
    pub async fn detach_asset(&self, org: &OrgId, id: ProjectId, asset: AssetId) -> Result<(), ProjectError> {
        match write(&self.world, vec![ProjectChange::Detach { org: org.clone(), id, asset }]).await? {
            Applied::Done => Ok(()),
            Applied::Stale if self.world.ports.store.project(org, id).await?.is_none() => Err(ProjectError::Unknown),
            Applied::Stale => Err(ProjectError::NoAsset),
        }
    }
}

async fn add(world: &World, org: &OrgId, id: Option<ProjectId>, said: ProjectSaid) -> Result<Project, ProjectError> {
    let now = world.now();
    let project = Project {
        id: id.unwrap_or_else(|| world.new_project_id()),
        org: org.clone(),
        name: said.name.unwrap_or_default(),
        visibility: said.visibility.unwrap_or_default(),
        mode: said.mode.unwrap_or_default(),
        created_at: now,
        updated_at: now,
    };
    match write(world, vec![ProjectChange::Add(Box::new(project.clone()))]).await? {
        Applied::Done => Ok(project),
        Applied::Stale if world.ports.store.project(org, project.id).await?.is_some() => Err(ProjectError::Known),
        Applied::Stale => Err(ProjectError::TooMany),
    }
}

async fn attach(world: &World, org: &OrgId, id: ProjectId, assets: &[AssetId]) -> Result<(), ProjectError> {
    let attach = |asset: &AssetId| ProjectChange::Attach { org: org.clone(), id, asset: *asset };
    if write(world, assets.iter().map(attach).collect()).await? == Applied::Done {
        return Ok(());
    }
    // Which of its fences it was, as it is now.
    let store = &world.ports.store;
    store.project(org, id).await?.ok_or(ProjectError::Unknown)?;
    for asset in assets {
        store.asset(org, *asset).await?.ok_or(ProjectError::NoAsset)?;
    }
    Err(ProjectError::Full)
}

async fn write(world: &World, changes: Vec<ProjectChange>) -> Result<Applied, StoreError> {
    world.ports.store.apply(changes.into_iter().map(Change::Project).collect()).await
}
