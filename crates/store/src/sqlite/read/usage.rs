//! Generations by when they ended, without what was asked for.
use postsync_core::generation::Status;
use postsync_core::ids::GenerationId;
use postsync_engine::ports::{UsageQuery, Used};
use rusqlite::{Connection, Result, Row, params};

use super::{all, at_most, rows};

const PAGE: &str = "SELECT id, model, status, ended_at, duration_ms FROM generations INDEXED BY generations_by_end
    WHERE org = ?1 AND ended_at >= ?2 AND (ended_at, id) < (?3, ?4) ORDER BY ended_at DESC, id DESC LIMIT ?5";

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PAGE];

pub(in crate::sqlite) fn page(conn: &Connection, query: &UsageQuery) -> Result<Vec<Used>> {
    // No id is below the empty one: only what has ended before that time is in front of it.
    let until = query.until.map(|until| (until.0, Vec::new()));
    let before = query.before.map(|(at, id)| (at.0, id.0.as_bytes().to_vec()));
    let (at, id) = until.into_iter().chain(before).min().unwrap_or((i64::MAX, Vec::new()));
    let since = query.since.map_or(i64::MIN, |since| since.0);
    all(conn, PAGE, params![query.org.as_str(), since, at, id, at_most(query.limit)], used)
}

fn used(row: &Row<'_>) -> Result<Used> {
    let duration_ms: Option<i64> = row.get(4)?;
    Ok(Used {
        generation: GenerationId(rows::uuid(row, 0)?),
        model: row.get(1)?,
        status: rows::word(row, 2, Status::parse)?,
        ended_at: rows::time(row, 3)?,
        duration_ms: duration_ms.map(i64::cast_unsigned),
    })
}
