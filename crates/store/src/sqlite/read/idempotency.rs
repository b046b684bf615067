//! Keys that creates have used.
use postsync_core::idempotency::{Fingerprint, IdempotencyKey, UsedKey};
use postsync_core::ids::{MadeId, OrgId};
use postsync_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result};
use uuid::Uuid;

const USED_KEY: &str = "SELECT fingerprint, made, used_at FROM idempotency_keys WHERE org = ?1 AND key = ?2";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[USED_KEY];

pub(in crate::sqlite) fn used_key(conn: &Connection, org: &OrgId, key: &IdempotencyKey) -> Result<Option<UsedKey>> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(UsedKey {
            org: org.clone(),
            key: key.clone(),
            fingerprint: Fingerprint(row.get(0)?),
            made: MadeId(Uuid::from_bytes(row.get(1)?)),
            at: Timestamp(row.get(2)?),
        })
    };
    conn.prepare_cached(USED_KEY)?.query_row([org.as_str(), key.as_str()], read).optional()
}
