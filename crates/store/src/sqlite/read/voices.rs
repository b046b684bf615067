//! Cloned voices: an organization's, and whose some are.
use postsync_core::ids::OrgId;
use postsync_core::voice::ClonedVoice;
use rusqlite::{Connection, OptionalExtension as _, Result};

use super::all;
use super::rows::time;

/// At most as many as an organization may have.
const OF: &str = "SELECT id, org, name, created_at FROM voices WHERE org = ?1 ORDER BY name";

const OF_ANOTHER: &str = "SELECT id FROM voices WHERE id = ?1 AND org <> ?2";

/// For the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[OF, OF_ANOTHER];

pub(in crate::sqlite) fn of(conn: &Connection, org: &OrgId) -> Result<Vec<ClonedVoice>> {
    all(conn, OF, [org.as_str()], |row| {
        Ok(ClonedVoice {
            id: row.get(0)?,
            org: OrgId::new(row.get_ref(1)?.as_str()?),
            name: row.get(2)?,
            created_at: time(row, 3)?,
        })
    })
}

pub(in crate::sqlite) fn of_others(conn: &Connection, org: &OrgId, ids: &[String]) -> Result<Vec<String>> {
    let mut statement = conn.prepare_cached(OF_ANOTHER)?;
    let mut found = Vec::new();
    for id in ids {
        found.extend(statement.query_row([id.as_str(), org.as_str()], |row| row.get(0)).optional()?);
    }
    Ok(found)
}
