//! Connections and their settings. Measured values; where a figure decides, it says which.
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Result};

/// How long a writer of another process (`keys create` beside a server) may hold the lock.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Pages of the write-ahead log after which it is copied into the database. A checkpoint thread was tried: it let the log
/// grow to 300 MB and blocked the writer for seconds.
const AUTOCHECKPOINT_PAGES: i64 = 4_000;

/// What is left of the log's file after a checkpoint, where a long reader had let it grow.
const WAL_BYTES_KEPT: i64 = 64 * 1024 * 1024;

/// Enough for the pages at the edges where history grows. With more, the end of each commit that has split an index page takes longer:
/// SQLite looks through the whole cache then.
const WRITER_CACHE_KIB: i64 = 8 * 1024;
const READER_CACHE_KIB: i64 = 4 * 1024;

/// Every statement of the store is prepared once per connection.
const STATEMENTS_MAX: usize = 128;

/// What the live writer says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pragmas {
    /// `wal`
    pub journal_mode: String,
    /// 2: each commit is on disk before it is acknowledged.
    pub synchronous: i64,
    /// 2: incremental.
    pub auto_vacuum: i64,
    /// Pages.
    pub wal_autocheckpoint: i64,
    /// Negative: in KiB.
    pub cache_size: i64,
    /// Milliseconds.
    pub busy_timeout: i64,
}

/// The connection that writes; makes the file.
pub(super) fn writer(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    set_up_writer(&conn)?;
    Ok(conn)
}

/// One that lives and dies in this process.
pub(super) fn in_memory() -> Result<Connection> {
    let conn = Connection::open_in_memory()?;
    set_up_writer(&conn)?;
    Ok(conn)
}

/// One that reads a file which is there already.
pub(super) fn reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_WAIT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    conn.pragma_update(None, "query_only", true)?;
    conn.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(conn)
}

fn set_up_writer(conn: &Connection) -> Result<()> {
    conn.busy_timeout(BUSY_WAIT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Before the first page is written, or it would need a VACUUM of the whole file later.
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES, |_| Ok(()))?;
    conn.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(()))?;
    Ok(())
}

pub(super) fn pragmas(conn: &Connection) -> Result<Pragmas> {
    let number = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok(Pragmas {
        journal_mode: conn.pragma_query_value(None, "journal_mode", |row| row.get(0))?,
        synchronous: number("synchronous")?,
        auto_vacuum: number("auto_vacuum")?,
        wal_autocheckpoint: number("wal_autocheckpoint")?,
        cache_size: number("cache_size")?,
        busy_timeout: number("busy_timeout")?,
    })
}

/// Caps the file at `pages`; gives the cap in force, which is never below what the file has.
pub(super) fn cap_pages(conn: &Connection, pages: u32) -> Result<u32> {
    conn.pragma_update_and_check(None, "max_page_count", pages, |row| row.get(0))
}
