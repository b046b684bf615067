//! Projects: one, a page, and the assets in one.
use postsync_core::asset::Visibility;
use postsync_core::ids::{OrgId, ProjectId};
use postsync_core::project::{Mode, Project, ProjectPlace};
use postsync_engine::ports::{AssetPage, AssetQuery};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};
use uuid::Uuid;

use super::assets::{ABOVE_ALL, asset, asset_columns};
use super::rows::{time, word};
use super::{all, at_most};
use crate::page::page_of_few_assets;

macro_rules! columns {
    () => {
        "id, org, name, visibility, mode, created_at, updated_at"
    };
}

const PROJECT: &str = concat!("SELECT ", columns!(), " FROM projects WHERE org = ?1 AND id = ?2");

const PAGE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM projects INDEXED BY projects_by_time WHERE org = ?1 AND (created_at, id) < (?2, ?3)
     ORDER BY created_at DESC, id DESC LIMIT ?4"
);

/// At most as many as a project may have.
const ASSETS: &str = concat!(
    "SELECT ",
    asset_columns!(),
    " FROM assets WHERE id IN (SELECT asset FROM project_assets WHERE org = ?1 AND project = ?2)"
);

/// For the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PROJECT, PAGE, ASSETS];

pub(in crate::sqlite) fn one(conn: &Connection, org: &OrgId, id: ProjectId) -> Result<Option<Project>> {
    conn.prepare_cached(PROJECT)?.query_row(params![org.as_str(), id.0.as_bytes()], project).optional()
}

pub(in crate::sqlite) fn page(
    conn: &mut Connection,
    org: &OrgId,
    after: Option<ProjectPlace>,
    limit: usize,
) -> Result<Vec<Project>> {
    let (created_at, id) = match &after {
        Some(place) => (place.created_at.0, place.id.0.as_bytes().as_slice()),
        None => (i64::MAX, ABOVE_ALL),
    };
    all(conn, PAGE, params![org.as_str(), created_at, id, at_most(limit)], project)
}

pub(in crate::sqlite) fn assets_of(
    conn: &mut Connection,
    id: ProjectId,
    query: &AssetQuery,
) -> Result<(AssetPage, u64)> {
    let found = all(conn, ASSETS, params![query.org.as_str(), id.0.as_bytes()], asset)?;
    Ok(page_of_few_assets(found, query))
}

fn project(row: &Row<'_>) -> Result<Project> {
    Ok(Project {
        id: ProjectId(row.get(0).map(Uuid::from_bytes)?),
        org: OrgId::new(row.get_ref(1)?.as_str()?),
        name: row.get(2)?,
        visibility: word(row, 3, Visibility::parse)?,
        mode: word(row, 4, Mode::parse)?,
        created_at: time(row, 5)?,
        updated_at: time(row, 6)?,
    })
}
