//! What a connection answers. Several statements that must fit together run in one read transaction, over in milliseconds:
//! a long one would keep the log from being reused.
pub(super) mod access;
pub(super) mod deliveries;
pub(super) mod generations;
mod rows;

use rusqlite::{Connection, Params, Result, Row};

fn all<T>(
    conn: &Connection,
    sql: &'static str,
    params: impl Params,
    read: fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    conn.prepare_cached(sql)?.query_map(params, read)?.collect()
}

fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
