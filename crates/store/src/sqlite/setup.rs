//! From a file, or none, to a database that this binary may use: not newer than it, brought to its schema, and made with
//! this master key.
//!
//! Done under a lock of its own, since a server and a command may both be the first to open a new database.
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use postsync_engine::ports::StoreError;
use rusqlite::{Connection, OptionalExtension as _};

use super::failure::store_error;
use crate::vault::Vault;
use crate::{Error, MASTER_KEY_VARIABLE};

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

/// How often, and how long apart, the lock is tried: 30 seconds in all, more than a migration should take.
const LOCK_TRIES_MAX: u32 = 600;
const LOCK_WAIT: Duration = Duration::from_millis(50);

/// A file beside the database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Held while a database is set up.
pub(super) fn lock(path: &Path) -> Result<File, Error> {
    let path = beside(path, ".setup");
    let at = |error| Error::File { path: path.clone(), error };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(at)?;
    for _ in 0..LOCK_TRIES_MAX {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_WAIT),
            Err(TryLockError::Error(error)) => return Err(at(error)),
        }
    }
    Err(Error::Store(StoreError::Busy))
}

/// Brings the schema to this binary's; refuses a newer one.
pub(super) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), Error> {
    // In one transaction, each step with the note that it is done: a full disk or a kill between the two would have every
    // later start try the step again on tables that are there.
    let runner = embedded::migrations::runner().set_grouped(true);
    let known = known_version();
    let found = schema_version(conn).map_err(|error| store_error(&error))?;
    if found > known {
        return Err(Error::Newer { path: path.to_path_buf(), found, known });
    }
    if found < known {
        let failed = |error: refinery::Error| Error::Migrate { path: path.to_path_buf(), reason: error.to_string() };
        let report = runner.run(conn).map_err(failed)?;
        tracing::info!(
            from = found,
            to = known,
            steps = report.applied_migrations().len(),
            "brought the database up to date"
        );
    }
    Ok(())
}

/// The newest schema that this binary knows.
pub(super) fn known_version() -> i32 {
    let migrations = embedded::migrations::runner();
    migrations.get_migrations().iter().map(refinery::Migration::version).max().unwrap_or(0)
}

/// The version of what is there; 0 of a new file.
pub(super) fn schema_version(conn: &Connection) -> rusqlite::Result<i32> {
    if !has_table(conn, "refinery_schema_history")? {
        return Ok(0);
    }
    conn.query_row("SELECT coalesce(max(version), 0) FROM refinery_schema_history", [], |row| row.get(0))
}

fn has_table(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    conn.query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1", [name], |row| {
        Ok(row.get::<_, i64>(0)? > 0)
    })
}

/// The first open leaves a row that only the same master key can read; later ones must read it.
pub(super) fn check_master_key(conn: &Connection, path: &Path, vault: &Vault) -> Result<(), Error> {
    let read = "SELECT key_id, sealed FROM vault WHERE place = 'current'";
    let row = conn.query_row(read, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)));
    match row.optional().map_err(|error| store_error(&error))? {
        None => {
            let write = "INSERT INTO vault (place, key_id, sealed) VALUES ('current', ?1, ?2)";
            let sealed = vault.seal_check()?;
            conn.execute(write, (vault.key_id(), sealed)).map_err(|error| store_error(&error))?;
            Ok(())
        }
        Some(_) if is_being_changed(conn).map_err(|error| store_error(&error))? => Err(being_changed(path)),
        Some((key_id, sealed)) if key_id == vault.key_id() && vault.check_opens(&sealed) => Ok(()),
        Some((key_id, _)) => Err(Error::Key(format!(
            "the master key does not fit the database {}: it was made with the key {key_id}, this one is {}; \
             set {MASTER_KEY_VARIABLE} to the right one or put its file back",
            path.display(),
            vault.key_id()
        ))),
    }
}

/// For whoever needs one master key to fit all of it.
pub(super) fn being_changed(path: &Path) -> Error {
    Error::Key(format!(
        "a change of the master key of the database {} has begun and is not finished: run `postsync secret rekey` again",
        path.display()
    ))
}

/// Whether some of it is sealed under one master key and some under the next.
pub(super) fn is_being_changed(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row("SELECT count(*) FROM vault WHERE place = 'next'", [], |row| Ok(row.get::<_, i64>(0)? > 0))
}

/// Whether a database was made with a master key already, so that a new one must not be drawn.
///
/// # Errors
/// The file is there and can't be read.
pub(crate) fn wants_master_key(path: &Path) -> Result<bool, Error> {
    if !path.exists() {
        return Ok(false);
    }
    let look = || -> rusqlite::Result<bool> {
        let conn = super::connect::reader(path)?;
        has_vault(&conn)
    };
    look().map_err(|error| Error::Store(store_error(&error)))
}

/// Whether it is a database of ours that was made with a master key.
pub(super) fn has_vault(conn: &Connection) -> rusqlite::Result<bool> {
    if !has_table(conn, "vault")? {
        return Ok(false);
    }
    conn.query_row("SELECT count(*) FROM vault", [], |row| Ok(row.get::<_, i64>(0)? > 0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::sqlite::connect;

    #[test]
    fn a_migration_that_is_cut_short_can_be_made_again() {
        let name = Path::new(":memory:");
        let mut failed = 0;
        loop {
            let mut conn = connect::in_memory().unwrap();
            let commits = Arc::new(AtomicUsize::new(0));
            let refuse = move || commits.fetch_add(1, Ordering::SeqCst) == failed;
            let _ = conn.commit_hook(Some(refuse));
            if migrate(&mut conn, name).is_ok() {
                break;
            }
            let _ = conn.commit_hook(None::<fn() -> bool>);
            migrate(&mut conn, name).unwrap_or_else(|error| panic!("after commit {failed} had failed: {error}"));
            failed += 1;
        }
        assert!(failed >= 2, "each of its commits has failed once: {failed}");
    }
}
