//! Cloned voices: an organization's, and whose some are.
use postsync_core::ids::OrgId;
use postsync_core::voice::{ClonedVoice, VoiceTag};
use rusqlite::{Connection, OptionalExtension as _, Result, Row};

use super::all;
use super::rows::time;

macro_rules! voices {
    ($which:literal) => {
        concat!("SELECT tag, org, name, id, created_at FROM voices WHERE ", $which)
    };
}

/// At most as many as an organization may have.
const OF: &str = voices!("org = ?1 ORDER BY name");

const OF_ID: &str = voices!("id = ?1");

const OF_TAG: &str = voices!("tag = ?1");

const OF_ANOTHER: &str = "SELECT id FROM voices WHERE id = ?1 AND org <> ?2";

/// For the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[OF, OF_ID, OF_TAG, OF_ANOTHER];

pub(in crate::sqlite) fn of(conn: &Connection, org: &OrgId) -> Result<Vec<ClonedVoice>> {
    all(conn, OF, [org.as_str()], voice)
}

/// One that has both is found once.
pub(in crate::sqlite) fn among(conn: &Connection, ids: &[String], tags: &[VoiceTag]) -> Result<Vec<ClonedVoice>> {
    let (mut of_id, mut of_tag) = (conn.prepare_cached(OF_ID)?, conn.prepare_cached(OF_TAG)?);
    let mut found: Vec<ClonedVoice> = Vec::new();
    for id in ids {
        found.extend(of_id.query_row([id], voice).optional()?);
    }
    for tag in tags {
        found.extend(of_tag.query_row([tag.0], voice).optional()?);
    }
    found.sort_by_key(|voice| voice.tag);
    found.dedup_by_key(|voice| voice.tag);
    Ok(found)
}

pub(in crate::sqlite) fn of_others(conn: &Connection, org: &OrgId, ids: &[String]) -> Result<Vec<String>> {
    let mut statement = conn.prepare_cached(OF_ANOTHER)?;
    let mut found = Vec::new();
    for id in ids {
        found.extend(statement.query_row([id.as_str(), org.as_str()], |row| row.get(0)).optional()?);
    }
    Ok(found)
}

fn voice(row: &Row<'_>) -> Result<ClonedVoice> {
    Ok(ClonedVoice {
        tag: VoiceTag(row.get(0)?),
        org: OrgId::new(row.get_ref(1)?.as_str()?),
        name: row.get(2)?,
        id: row.get(3)?,
        created_at: time(row, 4)?,
    })
}
