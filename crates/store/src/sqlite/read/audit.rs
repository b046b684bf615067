//! Who asked for each generation. Ids tell when a generation was accepted, so that a span of time is a range of ids.
use postsync_core::audit::{Asked, AuditEntry, Caller, Named, read_inputs};
use postsync_core::ids::{GenerationId, KeyId, OrgId};
use postsync_core::retention::first_generation_at;
use postsync_engine::ports::AuditQuery;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use super::{all, at_most, rows};
use crate::page::cut_audit;

/// Entries, with their generations as far as those are there.
macro_rules! entries {
    ($by:literal, $which:literal) => {
        concat!(
            "SELECT a.generation, a.org, a.key, a.address, a.named, coalesce(a.model, g.model), a.inputs, g.input FROM audit a ",
            $by,
            " LEFT JOIN generations g ON g.id = a.generation
            WHERE a.org = ?1 AND coalesce(a.model, g.model) IS NOT NULL AND ",
            $which
        )
    };
}

/// That of one generation.
pub(in crate::sqlite) const ONE: &str = entries!("", "a.generation = ?2");

const NEWEST_FIRST: &str = entries!("", "a.generation >= ?2 AND a.generation < ?3 ORDER BY a.generation DESC LIMIT ?4");

const OF_KEY: &str = entries!(
    "INDEXED BY audit_by_key",
    "a.key = ?5 AND a.generation >= ?2 AND a.generation < ?3 ORDER BY a.generation DESC LIMIT ?4"
);

const NEXT_ORG: &str = "SELECT org FROM audit WHERE org > ?1 ORDER BY org LIMIT 1";

const AGED: &str = "SELECT org, generation FROM audit WHERE org = ?1 AND generation > ?2 AND generation < ?3
    ORDER BY generation LIMIT ?4";

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[ONE, NEWEST_FIRST, OF_KEY, NEXT_ORG, AGED];

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

/// Old ones stand at the left edge of each organization's.
pub(in crate::sqlite) fn aged(
    conn: &mut Connection,
    after: Option<(OrgId, GenerationId)>,
    before: GenerationId,
    limit: usize,
) -> Result<Vec<(OrgId, GenerationId)>> {
    let snapshot = conn.transaction()?;
    let mut places = Vec::new();
    let (mut org, mut behind) = match after {
        Some((org, id)) => (Some(org), id.0.as_bytes().to_vec()),
        None => (next_org(&snapshot, "")?, Vec::new()),
    };
    while let Some(of) = org
        && places.len() < limit
    {
        let params = params![of.as_str(), behind, before.0.as_bytes(), at_most(limit - places.len())];
        places.extend(all(&snapshot, AGED, params, |row| Ok((rows::org(row, 0)?, GenerationId(rows::uuid(row, 1)?))))?);
        (org, behind) = (next_org(&snapshot, of.as_str())?, Vec::new());
    }
    Ok(places)
}

fn next_org(conn: &Connection, after: &str) -> Result<Option<OrgId>> {
    conn.prepare_cached(NEXT_ORG)?.query_row([after], |row| rows::org(row, 0)).optional()
}

pub(in crate::sqlite) fn entry(row: &Row<'_>) -> Result<AuditEntry> {
    let key: Option<i64> = row.get(2)?;
    let (generation, org) = (GenerationId(rows::uuid(row, 0)?), rows::org(row, 1)?);
    let caller = Caller { key: key.map(KeyId), address: rows::maybe_word(row, 3, |text| text.parse().ok())? };
    let model = row.get(5)?;
    if let Some(inputs) = rows::maybe_word(row, 6, read_inputs)? {
        return Ok(AuditEntry { generation, org, caller, model, inputs });
    }
    let named = rows::maybe_word(row, 4, Named::read)?.unwrap_or_default();
    Ok(AuditEntry::of(Asked { generation, org, caller, named }, model, row.get_ref(7)?.as_str()?))
}
