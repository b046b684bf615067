//! Batches: one, a page, the results of one.
use postsync_core::batch::{Batch, Counts, End, RowResult, State, Status};
use postsync_core::ids::BatchId;
use postsync_core::limits::BATCH_ROWS_SETTING_MAX;
use postsync_engine::ports::BatchQuery;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use super::{all, at_most, rows};

macro_rules! batch_columns {
    () => {
        "id, org, status, created_at, ended_at, total, succeeded, failed, webhook_url, output_url"
    };
}

const BY_ID: &str = concat!("SELECT ", batch_columns!(), " FROM batches WHERE id = ?1");

const BY_TIME: &str = concat!(
    "SELECT ",
    batch_columns!(),
    " FROM batches INDEXED BY batches_by_time WHERE org = ?1 AND created_at > ?2 AND created_at < ?3
    ORDER BY created_at DESC, id DESC LIMIT ?4"
);

const BY_STATUS: &str = concat!(
    "SELECT ",
    batch_columns!(),
    " FROM batches INDEXED BY batches_by_status WHERE org = ?1 AND status = ?5 AND created_at > ?2 AND created_at < ?3
    ORDER BY created_at DESC, id DESC LIMIT ?4"
);

/// The columns of a generation without what was asked for: all rows of a batch may bring five megabytes of it.
const RESULTS: &str = "SELECT id, org, status, tries, created_at, updated_at, ended_at, model, NULL, NULL, output_url,
    output_media, duration_ms, error_code, error, '', NULL, NULL, NULL, NULL, batch, batch_row, request_id
    FROM generations INDEXED BY generations_by_batch WHERE batch = ?1 ORDER BY batch_row LIMIT ?2";

/// Those of lists, and by what each must find its rows.
#[cfg(test)]
pub(super) const SEARCHES: &[(&str, &str)] = &[
    (BY_TIME, "USING INDEX batches_by_time (org=? AND created_at>? AND created_at<?)"),
    (BY_STATUS, "USING INDEX batches_by_status (org=? AND status=? AND created_at>? AND created_at<?)"),
    (RESULTS, "USING INDEX generations_by_batch (batch=?)"),
];

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[BY_ID, BY_TIME, BY_STATUS, RESULTS];

pub(in crate::sqlite) fn one(conn: &Connection, id: BatchId) -> Result<Option<Batch>> {
    conn.prepare_cached(BY_ID)?.query_row([id.0.as_bytes()], batch).optional()
}

pub(in crate::sqlite) fn page(conn: &Connection, query: &BatchQuery) -> Result<Vec<Batch>> {
    let (after, before) = (query.after.map_or(i64::MIN, |at| at.0), query.before.map_or(i64::MAX, |at| at.0));
    let (org, limit) = (query.org.as_str(), at_most(query.limit));
    match query.status {
        None => all(conn, BY_TIME, params![org, after, before, limit], batch),
        Some(status) => all(conn, BY_STATUS, params![org, after, before, limit, status.as_str()], batch),
    }
}

pub(in crate::sqlite) fn results(conn: &Connection, id: BatchId) -> Result<Vec<RowResult>> {
    all(conn, RESULTS, params![id.0.as_bytes(), at_most(BATCH_ROWS_SETTING_MAX)], |row| {
        let generation = rows::generation(row)?;
        let request_id = generation.row.map(|row| row.request_id).unwrap_or_default();
        Ok(RowResult { request_id, generation: generation.id, state: generation.state })
    })
}

fn batch(row: &Row<'_>) -> Result<Batch> {
    let state = match rows::word(row, 2, Status::parse)? {
        Status::Pending => State::Pending,
        Status::JobsCreated => State::JobsCreated,
        Status::Processing => State::Processing,
        Status::Completed | Status::Failed => State::Ended(End { at: rows::time(row, 4)?, output_url: row.get(9)? }),
    };
    Ok(Batch {
        id: BatchId(rows::uuid(row, 0)?),
        org: rows::org(row, 1)?,
        created_at: rows::time(row, 3)?,
        webhook_url: row.get(8)?,
        counts: Counts { total: row.get(5)?, succeeded: row.get(6)?, failed: row.get(7)? },
        state,
    })
}
