//! Projects, and the assets in them.
use async_trait::async_trait;
use postsync_core::asset::Asset;
use postsync_core::ids::{AssetId, OrgId, ProjectId};
use postsync_core::project::{PROJECT_ASSETS_MAX, PROJECTS_MAX, Project, ProjectChange, ProjectPlace, ProjectSaid};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{AssetPage, AssetQuery, ProjectStore, StoreError};

use super::Memory;
use super::tables::Tables;
use crate::page::page_of_few_assets;
use crate::refusal::Refusal;

#[async_trait]
impl ProjectStore for Memory {
    async fn project(&self, org: &OrgId, id: ProjectId) -> Result<Option<Project>, StoreError> {
        Ok(self.tables().projects.get(&(org.clone(), id)).cloned())
    }

    async fn projects(
        &self,
        org: &OrgId,
        after: Option<ProjectPlace>,
        limit: usize,
    ) -> Result<Vec<Project>, StoreError> {
        let tables = self.tables();
        let mut found: Vec<&Project> = tables.projects_of(org).collect();
        found.sort_by_key(|project| std::cmp::Reverse(project.place()));
        let behind = |project: &&Project| after.is_none_or(|after| project.place() < after);
        Ok(found.into_iter().filter(behind).take(limit).cloned().collect())
    }

    async fn project_assets(&self, id: ProjectId, query: AssetQuery) -> Result<(AssetPage, u64), StoreError> {
        let tables = self.tables();
        let attached = tables.attached(&query.org, id).filter_map(|asset| tables.assets.get(&asset).cloned());
        let found: Vec<Asset> = attached.collect();
        Ok(page_of_few_assets(found, &query))
    }
}

impl Tables {
    fn projects_of(&self, org: &OrgId) -> impl Iterator<Item = &Project> {
        self.projects.values().filter(move |project| project.org == *org)
    }

    fn attached(&self, org: &OrgId, id: ProjectId) -> impl Iterator<Item = AssetId> {
        let [first, last] = [uuid::Uuid::nil(), uuid::Uuid::max()].map(|asset| (org.clone(), id, AssetId(asset)));
        self.project_assets.range(first..=last).map(|((_, _, asset), ())| *asset)
    }

    pub(super) fn change_project(&mut self, change: ProjectChange) -> Result<(), Refusal> {
        match change {
            ProjectChange::Add(project) => self.add_project(*project),
            ProjectChange::Describe { org, id, to, at } => self.describe_project((org, id), to, at),
            ProjectChange::Remove { org, id } => {
                let attached: Vec<AssetId> = self.attached(&org, id).collect();
                attached.iter().for_each(|asset| self.project_assets.remove(&(org.clone(), id, *asset)));
                let place = (org, id);
                let is_there = self.projects.contains(&place);
                self.projects.remove(&place);
                if is_there { Ok(()) } else { Err(Refusal::Stale) }
            }
            ProjectChange::Attach { org, id, asset } => self.attach(org, id, asset),
            ProjectChange::Detach { org, id, asset } => {
                let place = (org, id, asset);
                self.project_assets.get(&place).ok_or(Refusal::Stale)?;
                self.project_assets.remove(&place);
                Ok(())
            }
        }
    }

    fn add_project(&mut self, project: Project) -> Result<(), Refusal> {
        let place = (project.org.clone(), project.id);
        if self.projects.contains(&place) || self.projects_of(&project.org).count() >= PROJECTS_MAX {
            return Err(Refusal::Stale);
        }
        self.projects.put(place, project);
        Ok(())
    }

    fn describe_project(&mut self, place: (OrgId, ProjectId), to: ProjectSaid, at: Timestamp) -> Result<(), Refusal> {
        let found = self.projects.get(&place).ok_or(Refusal::Stale)?.clone();
        let described = Project {
            name: to.name.unwrap_or_else(|| found.name.clone()),
            visibility: to.visibility.unwrap_or(found.visibility),
            mode: to.mode.unwrap_or_else(|| found.mode.clone()),
            updated_at: at,
            ..found
        };
        self.projects.put(place, described);
        Ok(())
    }

    fn attach(&mut self, org: OrgId, id: ProjectId, asset: AssetId) -> Result<(), Refusal> {
        self.projects.get(&(org.clone(), id)).ok_or(Refusal::Stale)?;
        self.assets.get(&asset).filter(|found| found.org == org).ok_or(Refusal::Stale)?;
        let others = self.attached(&org, id).filter(|other| *other != asset).count();
        if others >= PROJECT_ASSETS_MAX {
            return Err(Refusal::Stale);
        }
        self.project_assets.put((org, id, asset), ());
        Ok(())
    }

    /// An asset goes: it leaves every project that it is in.
    pub(super) fn detach_everywhere(&mut self, id: AssetId) {
        let all = self.project_assets.range(..).filter(|((_, _, asset), ())| *asset == id);
        let places: Vec<_> = all.map(|(place, ())| place.clone()).collect();
        places.iter().for_each(|place| self.project_assets.remove(place));
    }
}
