//! Who asked for each generation. Ids tell when a generation was accepted, so that a span of time is a range of ids.
use postsync_core::audit::{AuditEntry, Caller, read_inputs};
use postsync_core::ids::{GenerationId, KeyId};
use postsync_core::retention::first_generation_at;
use postsync_engine::ports::AuditQuery;
use rusqlite::{Connection, Result, Row, params};

use super::{at_most, rows};
use crate::page::cut_audit;

macro_rules! audit_columns {
    () => {
        "generation, org, key, address, model, inputs"
    };
}

const NEWEST_FIRST: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM audit WHERE org = ?1 AND generation >= ?2 AND generation < ?3 ORDER BY generation DESC LIMIT ?4"
);

const OF_KEY: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM audit INDEXED BY audit_by_key WHERE org = ?1 AND key = ?5 AND generation >= ?2 AND generation < ?3
    ORDER BY generation DESC LIMIT ?4"
);

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[NEWEST_FIRST, OF_KEY];

/// Above every id: blobs compare byte by byte, then by length.
const ABOVE_ALL: [u8; 17] = [0xFF; 17];

pub(in crate::sqlite) fn page(conn: &Connection, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
    let (from, to) = span(query);
    let (org, limit) = (query.org.as_str(), at_most(query.limit));
    match query.key {
        None => read(conn, NEWEST_FIRST, params![org, from, to, limit], query.limit),
        Some(key) => read(conn, OF_KEY, params![org, from, to, limit, key.0], query.limit),
    }
}

fn read(conn: &Connection, sql: &'static str, params: impl rusqlite::Params, limit: usize) -> Result<Vec<AuditEntry>> {
    cut_audit(conn.prepare_cached(sql)?.query_map(params, entry)?, limit)
}

/// The ids that all of what is asked for leaves, the last one left out.
fn span(query: &AuditQuery) -> (Vec<u8>, Vec<u8>) {
    let bytes = |id: GenerationId| id.0.into_bytes().to_vec();
    let since = query.since.map(first_generation_at).map(bytes);
    let from = since.into_iter().chain(query.generation.map(bytes)).max().unwrap_or_default();
    // Just behind the one that is asked for.
    let only = query.generation.map(|id| [id.0.as_bytes().as_slice(), &[0]].concat());
    let until = [query.until.map(first_generation_at), query.before].into_iter().flatten().map(bytes);
    let to = until.chain(only).min().unwrap_or_else(|| ABOVE_ALL.to_vec());
    (from, to)
}

fn entry(row: &Row<'_>) -> Result<AuditEntry> {
    let key: Option<i64> = row.get(2)?;
    Ok(AuditEntry {
        generation: GenerationId(rows::uuid(row, 0)?),
        org: rows::org(row, 1)?,
        caller: Caller { key: key.map(KeyId), address: rows::maybe_word(row, 3, |text| text.parse().ok())? },
        model: row.get(4)?,
        inputs: rows::word(row, 5, read_inputs)?,
    })
}
