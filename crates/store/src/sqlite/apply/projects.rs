//! Projects: rare, so written plainly.
use postsync_core::ids::{OrgId, ProjectId};
use postsync_core::project::{Mode, PROJECT_ASSETS_MAX, PROJECTS_MAX, Project, ProjectChange, ProjectSaid};
use postsync_core::time::Timestamp;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;

const ADD: &str = "INSERT INTO projects (org, id, name, visibility, mode, created_at, updated_at, assets)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 0 WHERE (SELECT count(*) FROM projects WHERE org = ?1) < ?8
    ON CONFLICT (org, id) DO NOTHING";

const DESCRIBE: &str = "UPDATE projects SET name = coalesce(?3, name), visibility = coalesce(?4, visibility),
    mode = coalesce(?5, mode), updated_at = ?6 WHERE org = ?1 AND id = ?2";

const REMOVE: &str = "DELETE FROM projects WHERE org = ?1 AND id = ?2";

/// One that is in it already is written again, so that the fence holds.
const ATTACH: &str = "INSERT INTO project_assets (org, project, asset)
    SELECT p.org, p.id, a.id FROM projects AS p CROSS JOIN assets AS a
    WHERE p.org = ?1 AND p.id = ?2 AND a.id = ?3 AND a.org = ?1 AND (p.assets < ?4
        OR EXISTS (SELECT 1 FROM project_assets WHERE org = ?1 AND project = ?2 AND asset = ?3))
    ON CONFLICT (org, project, asset) DO UPDATE SET asset = excluded.asset";

const DETACH: &str = "DELETE FROM project_assets WHERE org = ?1 AND project = ?2 AND asset = ?3";

/// Those that look for rows, for the test that none of them scans.
#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[ADD, DESCRIBE, REMOVE, ATTACH, DETACH];

impl Unit<'_> {
    pub(super) fn change_project(&mut self, change: &ProjectChange) -> Result<(), Refusal> {
        match change {
            ProjectChange::Add(project) => self.add_project(project),
            ProjectChange::Describe { org, id, to, at } => self.describe_project(org, *id, to, *at),
            ProjectChange::Remove { org, id } => self.fenced(REMOVE, params![org.as_str(), id.0.as_bytes()]),
            ProjectChange::Attach { org, id, asset } => {
                let max = PROJECT_ASSETS_MAX as i64;
                self.fenced(ATTACH, params![org.as_str(), id.0.as_bytes(), asset.0.as_bytes(), max])
            }
            ProjectChange::Detach { org, id, asset } => {
                self.fenced(DETACH, params![org.as_str(), id.0.as_bytes(), asset.0.as_bytes()])
            }
        }
    }

    fn add_project(&mut self, project: &Project) -> Result<(), Refusal> {
        self.fenced(
            ADD,
            params![
                project.org.as_str(),
                project.id.0.as_bytes(),
                project.name,
                project.visibility.as_str(),
                project.mode.as_str(),
                project.created_at.0,
                project.updated_at.0,
                PROJECTS_MAX as i64
            ],
        )
    }

    fn describe_project(&mut self, org: &OrgId, id: ProjectId, to: &ProjectSaid, at: Timestamp) -> Result<(), Refusal> {
        let visibility = to.visibility.map(|visibility| visibility.as_str());
        let mode = to.mode.as_ref().map(Mode::as_str);
        self.fenced(DESCRIBE, params![org.as_str(), id.0.as_bytes(), to.name, visibility, mode, at.0])
    }
}
