//! Organizations, keys, secrets, assets.
use postsync_core::access::{ApiKey, Organization, StoredSecret};
use postsync_core::asset::Asset;
use postsync_core::ids::{AssetId, KeyId, MediaId, OrgId, SecretId};
use postsync_core::time::Timestamp;
use postsync_engine::ports::StoreError;
use rusqlite::{Connection, OptionalExtension as _, Result as SqlResult, Row, params};

use super::all;
use super::rows::{self, key_columns};
use crate::sqlite::failure::store_error;
use crate::vault::Vault;

const KEY_BY_HASH: &str = concat!("SELECT ", key_columns!(), " FROM keys WHERE hash = ?1");
const KEY: &str = concat!("SELECT ", key_columns!(), " FROM keys WHERE id = ?1");
const KEYS: &str = concat!("SELECT ", key_columns!(), " FROM keys WHERE org = ?1 ORDER BY id");
const ORGANIZATIONS: &str = "SELECT id, name, created_at FROM organizations ORDER BY created_at, id";
const ASSET: &str = "SELECT id, org, kind, name, media, bytes, created_at FROM assets WHERE id = ?1 AND org = ?2";
const MEDIA_IS_NAMED: &str = "SELECT EXISTS (SELECT 1 FROM assets WHERE media = ?1)
    OR EXISTS (SELECT 1 FROM generations WHERE output_media = ?1)";
const SECRET: &str = "SELECT id, key_id, sealed, created_at FROM secrets WHERE org = ?1 AND superseded_at IS NULL";

/// All but the list of organizations, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[KEY_BY_HASH, KEY, KEYS, ASSET, MEDIA_IS_NAMED, SECRET];

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

pub(in crate::sqlite) fn asset(conn: &Connection, org: &OrgId, id: AssetId) -> SqlResult<Option<Asset>> {
    conn.prepare_cached(ASSET)?.query_row(params![id.0.as_bytes(), org.as_str()], rows::asset).optional()
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

/// A row of `secrets`, still encrypted.
struct Sealed {
    id: SecretId,
    key_id: String,
    sealed: Vec<u8>,
    created_at: Timestamp,
}

/// Opened here, on its way out: nothing else of the store holds it in the clear.
pub(in crate::sqlite) fn secret(
    conn: &Connection,
    vault: &Vault,
    org: &OrgId,
) -> Result<Option<StoredSecret>, StoreError> {
    let Some(row) = sealed(conn, org).map_err(|error| store_error(&error))? else { return Ok(None) };
    let secret = vault.open(org, row.id, &row.key_id, &row.sealed)?;
    Ok(Some(StoredSecret { id: row.id, org: org.clone(), secret, created_at: row.created_at }))
}

fn sealed(conn: &Connection, org: &OrgId) -> SqlResult<Option<Sealed>> {
    let read = |row: &Row<'_>| {
        Ok(Sealed {
            id: SecretId(row.get(0)?),
            key_id: row.get(1)?,
            sealed: row.get(2)?,
            created_at: Timestamp(row.get(3)?),
        })
    };
    conn.prepare_cached(SECRET)?.query_row([org.as_str()], read).optional()
}
