//! Generations that wait for room, and those that take it.
use postsync_core::ids::{GenerationId, OrgId};
use rusqlite::{Connection, Result, Row, params};
use uuid::Uuid;

use super::{all, at_most};

const HELD: &str = "SELECT org, id FROM held WHERE (org, id) > (?1, ?2) ORDER BY org, id LIMIT ?3";

const OLDEST: &str = "SELECT org, id FROM held WHERE id > x'' ORDER BY id LIMIT 1";

const OPEN: &str = "SELECT org, id FROM generations WHERE org = ?1 AND status = ?2 AND id > ?3 AND batch IS NULL
    ORDER BY id LIMIT ?4";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[HELD, OLDEST, OPEN];

pub(in crate::sqlite) fn held(
    conn: &Connection,
    after: Option<&(OrgId, GenerationId)>,
    limit: usize,
) -> Result<Vec<(OrgId, GenerationId)>> {
    // No organization has an empty id.
    let (org, id) = after.map_or(("", Uuid::nil()), |(org, id)| (org.as_str(), id.0));
    all(conn, HELD, params![org, id.as_bytes(), at_most(limit)], place)
}

pub(in crate::sqlite) fn oldest(conn: &Connection) -> Result<Option<GenerationId>> {
    Ok(all(conn, OLDEST, [], place)?.pop().map(|(_, id)| id))
}

pub(in crate::sqlite) fn open(
    conn: &Connection,
    org: &OrgId,
    status: &str,
    after: Option<GenerationId>,
    limit: usize,
) -> Result<Vec<(OrgId, GenerationId)>> {
    let after = after.map_or(Uuid::nil(), |id| id.0);
    all(conn, OPEN, params![org.as_str(), status, after.as_bytes(), at_most(limit)], place)
}

fn place(row: &Row<'_>) -> Result<(OrgId, GenerationId)> {
    let org: String = row.get(0)?;
    Ok((OrgId::new(&org), GenerationId(Uuid::from_bytes(row.get(1)?))))
}
