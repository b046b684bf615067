//! Another master key: everything that is sealed is sealed anew, in small steps, and whoever is killed in between goes on where
//! it was.
//!
//! Promise: at every moment each sealed row says which of the two keys opens it, and both keys are named in `vault` until the
//! last row has been moved. Nobody else opens the database meanwhile, and a server that owns it keeps this from beginning.
//! What the old key had sealed is overwritten.
use std::path::Path;

use postsync_core::ids::{EndpointId, OrgId, SecretId};
use postsync_core::rotation::SecretOwner;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params, params_from_iter};

use super::failure::store_error;
use super::words::{CURRENT, NEXT};
use super::{connect, owner, setup};
use crate::vault::{Vault, bound};
use crate::{Error, MasterKey, sealed_headers};

/// Rows that one commit seals anew.
const PAGE_ROWS: usize = 256;

/// A column that holds something sealed. Whoever adds one to the schema adds a line to [`SEALED`].
struct Sealed {
    /// At most ?2 rows that are sealed under the key ?1: what is sealed, then the columns that name the row.
    read: &'static str,
    /// Puts ?1, sealed under the key ?2, into the row that ?3 and on name.
    write: &'static str,
    /// What it is bound to.
    bound: fn(&[Value]) -> Option<Vec<u8>>,
}

const SEALED: &[Sealed] = &[
    Sealed {
        read: "SELECT sealed, id, org, endpoint FROM secrets WHERE key_id = ?1 ORDER BY id LIMIT ?2",
        write: "UPDATE secrets SET sealed = ?1, key_id = ?2 WHERE id = ?3 AND org = ?4 AND endpoint IS ?5",
        bound: secret,
    },
    Sealed {
        read: "SELECT headers, org, id FROM endpoints WHERE key_id = ?1 ORDER BY org, id LIMIT ?2",
        write: "UPDATE endpoints SET headers = ?1, key_id = ?2 WHERE org = ?3 AND id = ?4",
        bound: headers,
    },
];

fn headers(name: &[Value]) -> Option<Vec<u8>> {
    let [Value::Text(org), Value::Text(id)] = name else { return None };
    Some(sealed_headers::bound(&OrgId::new(org), &EndpointId::new(id)))
}

fn secret(name: &[Value]) -> Option<Vec<u8>> {
    let [Value::Integer(id), Value::Text(org), endpoint] = name else { return None };
    let endpoint = match endpoint {
        Value::Text(id) => Some(EndpointId::new(id)),
        _ => None,
    };
    Some(bound(&SecretOwner { org: OrgId::new(org), endpoint }, SecretId(*id)))
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rekeyed {
    /// Rows that this run has sealed anew; an earlier one that was cut short has done the others.
    pub rows: usize,
    /// The database was under the new key already.
    pub was_done: bool,
}

/// The id of the key to which a change has begun that is not finished.
///
/// # Errors
/// The database can't be read.
pub fn next_key(path: &Path) -> Result<Option<String>, Error> {
    named_key(path, NEXT)
}

/// The id of the key that the database is under; while a change is not finished, of the one that it began with.
///
/// # Errors
/// The database can't be read.
pub fn current_key(path: &Path) -> Result<Option<String>, Error> {
    named_key(path, CURRENT)
}

fn named_key(path: &Path, place: &str) -> Result<Option<String>, Error> {
    let read = || -> rusqlite::Result<Option<String>> {
        let conn = connect::reader(path)?;
        if !setup::has_vault(&conn)? {
            return Ok(None);
        }
        conn.query_row("SELECT key_id FROM vault WHERE place = ?1", [place], |row| row.get(0)).optional()
    };
    read().map_err(failed)
}

/// Brings the database from one master key to another. `told` hears after each commit how many rows have been sealed anew.
///
/// # Errors
/// [`Error::Owned`] while a server runs; [`Error::Key`] where a key does not fit, or a change to another key has begun. What was
/// done until then stands, and the same call goes on with it.
pub fn rekey(path: &Path, from: &MasterKey, to: &MasterKey, told: &mut dyn FnMut(usize)) -> Result<Rekeyed, Error> {
    let _owner = owner::own(Some(path))?;
    let setting_up = setup::lock(path)?;
    let mut conn = connect::writer(path).map_err(failed)?;
    setup::migrate(&mut conn, path)?;
    drop(setting_up);
    conn.pragma_update(None, "secure_delete", true).map_err(failed)?;
    let (from, to) = (Vault::new(from)?, Vault::new(to)?);
    if begin(&mut conn, path, &from, &to)? {
        return Ok(Rekeyed { rows: 0, was_done: true });
    }
    let mut rows = 0;
    told(rows);
    for column in SEALED {
        loop {
            let moved = page(&mut conn, column, &from, &to)?;
            if moved == 0 {
                break;
            }
            rows += moved;
            told(rows);
        }
    }
    finish(&mut conn, &from, &to)?;
    Ok(Rekeyed { rows, was_done: false })
}

/// Names the new key beside the old one; from then on nobody else opens the database. `true`: it is the only one already.
fn begin(conn: &mut Connection, path: &Path, from: &Vault, to: &Vault) -> Result<bool, Error> {
    let commit = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let current = key_at(&commit, CURRENT).map_err(failed)?;
    let next = key_at(&commit, NEXT).map_err(failed)?;
    let is = |vault: &Vault, key: &(String, Vec<u8>)| key.0 == vault.key_id() && vault.check_opens(&key.1);
    let Some(current) = current else {
        return Err(Error::Key(format!(
            "the database {} has no master key yet: start the server once",
            path.display()
        )));
    };
    if from.key_id() == to.key_id() {
        return Err(Error::Key(format!("the new master key is the one in use, {}", to.key_id())));
    }
    match next {
        None if is(to, &current) => return Ok(true),
        Some(next) if !is(to, &next) => {
            return Err(Error::Key(format!(
                "a change to the master key {} has begun and is not finished: this one is {}; finish that one first",
                next.0,
                to.key_id()
            )));
        }
        _ if !is(from, &current) => {
            return Err(Error::Key(format!(
                "the master key does not fit the database {}: it is sealed under the key {}, this one is {}",
                path.display(),
                current.0,
                from.key_id()
            )));
        }
        Some(_) => {}
        None => {
            let write = "INSERT INTO vault (place, key_id, sealed) VALUES (?1, ?2, ?3)";
            commit.execute(write, params![NEXT, to.key_id(), to.seal_check()?]).map_err(failed)?;
        }
    }
    commit.commit().map_err(failed)?;
    Ok(false)
}

fn key_at(conn: &Connection, place: &str) -> rusqlite::Result<Option<(String, Vec<u8>)>> {
    let read = "SELECT key_id, sealed FROM vault WHERE place = ?1";
    conn.query_row(read, [place], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// Seals the next rows of a column anew, in one commit; gives how many.
fn page(conn: &mut Connection, column: &Sealed, from: &Vault, to: &Vault) -> Result<usize, Error> {
    let commit = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let rows = rows(&commit, column, from.key_id(), PAGE_ROWS).map_err(failed)?;
    for (sealed, name) in &rows {
        let bound = (column.bound)(name);
        let anew = bound.map(|bound| to.take_over(from, &bound, sealed)).transpose()?.flatten();
        let Some(anew) = anew else {
            return Err(Error::Key(format!(
                "a row that is named {name:?} can't be read with its master key: it was changed"
            )));
        };
        let mut values = vec![Value::Blob(anew), Value::Text(to.key_id().to_owned())];
        values.extend(name.iter().cloned());
        commit
            .prepare_cached(column.write)
            .and_then(|mut write| write.execute(params_from_iter(values)))
            .map_err(failed)?;
    }
    commit.commit().map_err(failed)?;
    Ok(rows.len())
}

type Found = (Vec<u8>, Vec<Value>);

fn rows(conn: &Connection, column: &Sealed, key_id: &str, limit: usize) -> rusqlite::Result<Vec<Found>> {
    let mut read = conn.prepare_cached(column.read)?;
    let columns = read.column_count();
    let found = |row: &Row<'_>| {
        let name = (1..columns).map(|i| row.get(i)).collect::<rusqlite::Result<Vec<Value>>>()?;
        Ok((row.get(0)?, name))
    };
    read.query_map(params![key_id, i64::try_from(limit).unwrap_or(i64::MAX)], found)?.collect()
}

/// The new key is the only one, if nothing is left under the old one.
fn finish(conn: &mut Connection, from: &Vault, to: &Vault) -> Result<(), Error> {
    let commit = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    for column in SEALED {
        if !rows(&commit, column, from.key_id(), 1).map_err(failed)?.is_empty() {
            return Err(Error::Key("something was sealed under the old master key meanwhile: run it again".to_owned()));
        }
    }
    commit.execute("DELETE FROM vault WHERE place = ?1", [CURRENT]).map_err(failed)?;
    let switch = "UPDATE vault SET place = ?1 WHERE place = ?2 AND key_id = ?3";
    let switched = commit.execute(switch, params![CURRENT, NEXT, to.key_id()]).map_err(failed)?;
    if switched != 1 {
        return Err(Error::Key("the new master key is not on record any more: run it again".to_owned()));
    }
    commit.commit().map_err(failed)?;
    // The log still holds what the old key had sealed.
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)
}

fn failed(error: rusqlite::Error) -> Error {
    Error::Store(store_error(&error))
}
