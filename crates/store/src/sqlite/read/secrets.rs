//! What signs webhooks. Opened here, on its way out: nothing else of the store holds it in the clear.
use postsync_core::access::StoredSecret;
use postsync_core::ids::SecretId;
use postsync_core::rotation::{Previous, SecretOwner, Signing};
use postsync_core::time::Timestamp;
use postsync_engine::ports::StoreError;
use rusqlite::{Connection, Result as SqlResult, Row};

use super::all;
use crate::sqlite::failure::store_error;
use crate::sqlite::words::{CURRENT, NEXT, PREVIOUS};
use crate::vault::Vault;

const SIGNING: &str = "SELECT id, place, key_id, sealed, created_at, expires_at
    FROM secrets WHERE org = ?1 AND coalesce(endpoint, '') = ?2";

/// For the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[SIGNING];

/// A row of `secrets`, still encrypted.
struct Sealed {
    id: SecretId,
    place: String,
    key_id: String,
    sealed: Vec<u8>,
    created_at: Timestamp,
    expires_at: Option<i64>,
}

pub(in crate::sqlite) fn signing(
    conn: &Connection,
    vault: &Vault,
    owner: &SecretOwner,
) -> Result<Option<Signing>, StoreError> {
    let endpoint = owner.endpoint.as_ref().map_or("", |endpoint| endpoint.as_str());
    let rows = all(conn, SIGNING, [owner.org.as_str(), endpoint], sealed).map_err(|error| store_error(&error))?;
    let (mut current, mut next, mut previous) = (None, None, None);
    for row in rows {
        let secret = vault.open(owner, row.id, &row.key_id, &row.sealed)?;
        let secret = StoredSecret { id: row.id, secret, created_at: row.created_at };
        match (row.place.as_str(), row.expires_at) {
            (CURRENT, None) => current = Some(secret),
            (NEXT, None) => next = Some(secret),
            (PREVIOUS, Some(at)) => previous = Some(Previous { secret, expires_at: Timestamp(at) }),
            (place, _) => return Err(StoreError::Failed(format!("a signing secret stands as {place:?}"))),
        }
    }
    Ok(current.map(|current| Signing { owner: owner.clone(), current, next, previous }))
}

fn sealed(row: &Row<'_>) -> SqlResult<Sealed> {
    Ok(Sealed {
        id: SecretId(row.get(0)?),
        place: row.get(1)?,
        key_id: row.get(2)?,
        sealed: row.get(3)?,
        created_at: Timestamp(row.get(4)?),
        expires_at: row.get(5)?,
    })
}
