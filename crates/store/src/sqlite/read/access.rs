//! Organizations, keys, and which files rows name.
use postsync_core::access::{ApiKey, Organization};
use postsync_core::ids::{KeyId, MediaId, OrgId};
use rusqlite::{Connection, OptionalExtension as _, Result as SqlResult};

use super::all;
use super::rows::{self, key_columns};

const KEY_BY_HASH: &str = concat!("SELECT ", key_columns!(), " FROM keys WHERE hash = ?1");
const KEY: &str = concat!("SELECT ", key_columns!(), " FROM keys WHERE id = ?1");
const KEYS: &str = concat!("SELECT ", key_columns!(), " FROM keys WHERE org = ?1 ORDER BY id");
const ORGANIZATIONS: &str = "SELECT id, name, created_at FROM organizations ORDER BY created_at, id";
const MEDIA_IS_NAMED: &str = "SELECT EXISTS (SELECT 1 FROM assets WHERE media = ?1)
    OR EXISTS (SELECT 1 FROM assets WHERE thumbnail = ?1)
    OR EXISTS (SELECT 1 FROM generations WHERE output_media = ?1)";

/// All but the list of organizations, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[KEY_BY_HASH, KEY, KEYS, MEDIA_IS_NAMED];

pub(in crate::sqlite) fn key_by_hash(conn: &Connection, hash: [u8; 32]) -> SqlResult<Option<ApiKey>> {
    conn.prepare_cached(KEY_BY_HASH)?.query_row([hash], rows::key).optional()
}

pub(in crate::sqlite) fn key(conn: &Connection, id: KeyId) -> SqlResult<Option<ApiKey>> {
    conn.prepare_cached(KEY)?.query_row([id.0], rows::key).optional()
}

pub(in crate::sqlite) fn keys(conn: &Connection, org: &OrgId) -> SqlResult<Vec<ApiKey>> {
    all(conn, KEYS, [org.as_str()], rows::key)
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
