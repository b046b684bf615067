//! Copies of a whole database: out of one that a server may be running on, and back into a folder that has none.
//!
//! Promise: the copy is the database of one moment after the call, so everything that was acknowledged before the call is in
//! it, and it is whole: it is checked before this answers. Who writes meanwhile is never held up: a read transaction of the
//! log's kind blocks no writer, and the copying pauses between its steps so that others get at the disk.
//!
//! The price: until it ends the log of a running server can't be folded into the file, and grows by what is written. SQLite's
//! way without a transaction begins anew whenever somebody else has written, and beside a busy server would never end.
//!
//! How it fails: with a sentence, and what it had written until then is the caller's to remove.
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{connect, failure::store_error, setup};
use crate::vault::Vault;
use crate::{Error, MasterKey};

/// Pages copied between two pauses: 1 MiB.
const STEP_PAGES: i32 = 256;

/// Between two steps, so that the disk serves others too. Caps the copying at some 500 MB/s.
const PAUSE: Duration = Duration::from_millis(2);

/// Steps after which what was copied is brought to the disk: one sync of gigabytes at the end would hold up every commit.
const SYNC_EVERY_STEPS: u64 = 32;

/// Of the copy's own connection: what it has copied it never reads again.
const COPY_CACHE_KIB: i64 = 2 * 1024;

/// Steps of SQLite's machine between two looks whether the check should stop.
const STEPS_BETWEEN_LOOKS: i32 = 100_000;

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyProgress {
    /// Pages copied, of so many.
    Copying(u64, u64),
    /// All of them are there, and are being looked through.
    Checking,
}

/// What a copy is told, and asked.
pub struct Watch<'a> {
    /// Asked between two steps: true ends it with [`Error::Stopped`].
    pub stop: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Told after each step.
    pub progress: &'a mut dyn FnMut(CopyProgress),
}

/// A copy that is whole and on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// How large it is.
    pub bytes: u64,
    /// Its schema's version.
    pub schema: i32,
}

/// Copies the database at `database`, beside whoever uses it, into the file `to`: an empty one, or none. It needs no master
/// key, and changes nothing in the database, not even its schema's version.
///
/// # Errors
/// See [`Error`]; `to` is the caller's to remove then.
pub fn back_up(database: &Path, to: &Path, watch: &mut Watch<'_>) -> Result<Copied, Error> {
    let source = connect::reader(database).map_err(|error| unreadable(database, &error))?;
    judge(&source, database)?;
    copy(&source, database, to, watch)
}

/// Copies a backup into the file `to`, if this binary can use it with that master key.
///
/// # Errors
/// As [`back_up`]; [`Error::Newer`] and [`Error::Key`] before anything is copied.
pub fn restore(backup: &Path, to: &Path, master: &MasterKey, watch: &mut Watch<'_>) -> Result<Copied, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(backup, flags).map_err(|error| unreadable(backup, &error))?;
    let schema = judge(&source, backup)?;
    let known = setup::known_version();
    if schema > known {
        return Err(Error::Newer { path: backup.to_path_buf(), found: schema, known });
    }
    setup::check_master_key(&source, backup, &Vault::new(master)?)?;
    copy(&source, backup, to, watch)
}

/// The version of its schema, if it is a database of ours that was opened at least once.
fn judge(conn: &Connection, path: &Path) -> Result<i32, Error> {
    let ours = setup::has_vault(conn).map_err(|error| unreadable(path, &error))?;
    if !ours {
        return Err(Error::NotOurs { path: path.to_path_buf() });
    }
    setup::schema_version(conn).map_err(|error| unreadable(path, &error))
}

fn copy(source: &Connection, path: &Path, to: &Path, watch: &mut Watch<'_>) -> Result<Copied, Error> {
    let at_source = |error: rusqlite::Error| unreadable(path, &error);
    // From the first read on, what it sees does not change: without it each commit of the server would begin the copy anew.
    source.execute_batch("BEGIN").map_err(at_source)?;
    let schema = setup::schema_version(source).map_err(at_source)?;
    // Neither key would open it, and a change can only be finished where it has begun.
    if setup::is_being_changed(source).map_err(at_source)? {
        return Err(setup::being_changed(path));
    }
    copy_pages(source, path, to, watch)?;
    source.execute_batch("COMMIT").map_err(at_source)?;
    (watch.progress)(CopyProgress::Checking);
    check(path, to, watch)?;
    let at = |error| Error::File { path: to.to_path_buf(), error };
    let file = File::open(to).map_err(at)?;
    file.sync_all().map_err(at)?;
    Ok(Copied { bytes: file.metadata().map_err(at)?.len(), schema })
}

fn copy_pages(source: &Connection, path: &Path, to: &Path, watch: &mut Watch<'_>) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| copying(path, to, &error);
    let mut copy = Connection::open(to).map_err(failed)?;
    // Nobody else sees it before it is whole, and half of one is removed: it needs neither a journal nor syncs of its own.
    copy.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(())).map_err(failed)?;
    copy.pragma_update(None, "synchronous", "OFF").map_err(failed)?;
    copy.pragma_update(None, "cache_size", -COPY_CACHE_KIB).map_err(failed)?;
    // One handle for all syncs: to close it while SQLite has the file open would take SQLite's locks away.
    let file = File::open(to).map_err(|error| Error::File { path: to.to_path_buf(), error })?;
    let backup = Backup::new(source, &mut copy).map_err(failed)?;
    let mut steps: u64 = 0;
    while backup.step(STEP_PAGES).map_err(failed)? != StepResult::Done {
        if (watch.stop)() {
            return Err(Error::Stopped);
        }
        let progress = backup.progress();
        let [total, left] = [progress.pagecount, progress.remaining].map(|pages| u64::try_from(pages).unwrap_or(0));
        (watch.progress)(CopyProgress::Copying(total.saturating_sub(left), total));
        steps += 1;
        if steps.is_multiple_of(SYNC_EVERY_STEPS) {
            file.sync_data().map_err(|error| Error::File { path: to.to_path_buf(), error })?;
        }
        std::thread::sleep(PAUSE);
    }
    drop(backup);
    copy.close().map_err(|(_, error)| failed(error))
}

/// Makes one file of it, which needs no log beside it, and looks it through.
fn check(path: &Path, to: &Path, watch: &Watch<'_>) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => Error::Stopped,
        _ => unreadable(path, &error),
    };
    let mut copy = Connection::open(to).map_err(failed)?;
    let stop = watch.stop.clone();
    copy.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || stop())).map_err(failed)?;
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).map_err(failed)?;
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if found != "ok" {
        return Err(Error::Damaged { path: path.to_path_buf(), reason: found });
    }
    copy.close().map_err(|(_, error)| failed(error))
}

/// What SQLite says of a file that is no database, or no whole one any more.
fn unreadable(path: &Path, error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Error::NotOurs { path: path.to_path_buf() },
        Some(ErrorCode::DatabaseCorrupt) => Error::Damaged { path: path.to_path_buf(), reason: error.to_string() },
        _ => Error::Store(store_error(error)),
    }
}

/// Either of the two files; damage can only be in the one that was there before.
fn copying(path: &Path, to: &Path, error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            Error::File { path: to.to_path_buf(), error: std::io::ErrorKind::StorageFull.into() }
        }
        _ => unreadable(path, error),
    }
}
