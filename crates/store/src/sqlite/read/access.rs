//! Organizations, keys, and which files rows name.
use postsync_core::access::{ApiKey, Organization};
use postsync_core::ids::{KeyId, MediaId, OrgId};
use rusqlite::{Connection, OptionalExtension as _, Result as SqlResult, params};

use super::rows::{self, key_columns};
use super::{all, at_most};

const KEY_BY_HASH: &str = concat!("SELECT ", key_columns!(), " FROM keys WHERE hash = ?1");
const KEY: &str = concat!("SELECT ", key_columns!(), " FROM keys WHERE id = ?1");
const KEYS: &str = concat!("SELECT ", key_columns!(), " FROM keys WHERE org = ?1 ORDER BY id");
const NEWEST_KEYS: &str =
    concat!("SELECT ", key_columns!(), " FROM keys WHERE org = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
const ORGANIZATIONS: &str = "SELECT id, name, plan, concurrency, created_at FROM organizations ORDER BY created_at, id";
const ORGANIZATION: &str = "SELECT id, name, plan, concurrency, created_at FROM organizations WHERE id = ?1";
const MEDIA_IS_NAMED: &str = "SELECT EXISTS (SELECT 1 FROM assets WHERE media = ?1)
    OR EXISTS (SELECT 1 FROM assets WHERE thumbnail = ?1)
    OR EXISTS (SELECT 1 FROM generations WHERE output_media = ?1)";

/// All but the list of organizations, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[KEY_BY_HASH, KEY, KEYS, NEWEST_KEYS, ORGANIZATION, MEDIA_IS_NAMED];

pub(in crate::sqlite) fn key_by_hash(conn: &Connection, hash: [u8; 32]) -> SqlResult<Option<ApiKey>> {
    conn.prepare_cached(KEY_BY_HASH)?.query_row([hash], rows::key).optional()
}

pub(in crate::sqlite) fn key(conn: &Connection, id: KeyId) -> SqlResult<Option<ApiKey>> {
    conn.prepare_cached(KEY)?.query_row([id.0], rows::key).optional()
}

pub(in crate::sqlite) fn keys(conn: &Connection, org: &OrgId) -> SqlResult<Vec<ApiKey>> {
    all(conn, KEYS, [org.as_str()], rows::key)
}

pub(in crate::sqlite) fn newest_keys(
    conn: &Connection,
    org: &OrgId,
    before: Option<KeyId>,
    limit: usize,
) -> SqlResult<Vec<ApiKey>> {
    let before = before.map_or(i64::MAX, |id| id.0);
    all(conn, NEWEST_KEYS, params![org.as_str(), before, at_most(limit)], rows::key)
}

pub(in crate::sqlite) fn organization(conn: &Connection, id: &OrgId) -> SqlResult<Option<Organization>> {
    conn.prepare_cached(ORGANIZATION)?.query_row([id.as_str()], rows::organization).optional()
}

pub(in crate::sqlite) fn organizations(conn: &Connection) -> SqlResult<Vec<Organization>> {
    all(conn, ORGANIZATIONS, [], rows::organization)
}

pub(in crate::sqlite) fn named_media(conn: &Connection, ids: &[MediaId]) -> SqlResult<Vec<MediaId>> {
    let mut statement = conn.prepare_cached(MEDIA_IS_NAMED)?;
    let mut named = Vec::new();
    for id in ids {
        if statement.query_row([id.0.as_bytes()], |row| row.get::<_, bool>(0))? {
            named.push(*id);
        }
    }
    Ok(named)
}
