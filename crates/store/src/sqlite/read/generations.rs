//! Generations: what is open, one, a page.
use postsync_core::generation::{Generation, Status};
use postsync_core::ids::{GenerationId, OrgId};
use postsync_engine::ports::{GenerationOrder, GenerationQuery};
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::rows::{self, generation_columns};
use super::{all, at_most};
use crate::page::cut;

const BY_ID: &str = concat!("SELECT ", generation_columns!(), " FROM generations WHERE id = ?1");

const STATUS_OF: &str = "SELECT status FROM generations WHERE id = ?1 AND org = ?2";

const COUNT: &str = "SELECT count FROM generation_counts WHERE org = ?1 AND status = ?2";

const OPEN_OF_MODEL: &str = "SELECT id FROM work WHERE model = ?1 AND id > ?2 ORDER BY id LIMIT ?3";

const OLDEST_FIRST: &str = "SELECT id FROM generations INDEXED BY generations_by_status
    WHERE org = ?1 AND status = ?2 AND id > ?3 ORDER BY id LIMIT ?4";

const NEWEST_FIRST: &str = "SELECT id FROM generations INDEXED BY generations_by_status
    WHERE org = ?1 AND status = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4";

/// Below and above every id: blobs compare byte by byte, then by length.
const BELOW_ALL: &[u8] = &[];
const ABOVE_ALL: &[u8] = &[0xFF; 17];

/// Those of lists, and by what each must find its rows.
#[cfg(test)]
pub(super) const SEARCHES: &[(&str, &str)] = &[
    (OLDEST_FIRST, "USING COVERING INDEX generations_by_status (org=? AND status=? AND id>?)"),
    (NEWEST_FIRST, "USING COVERING INDEX generations_by_status (org=? AND status=? AND id<?)"),
    (BY_ID, "(id=?)"),
    (STATUS_OF, "(id=?)"),
    (COUNT, "(org=? AND status=?)"),
];

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[BY_ID, STATUS_OF, COUNT, OPEN_OF_MODEL, OLDEST_FIRST, NEWEST_FIRST];

pub(in crate::sqlite) fn one(conn: &Connection, id: GenerationId) -> Result<Option<Generation>> {
    by_id(conn, id.0.as_bytes())
}

pub(in crate::sqlite) fn count(conn: &Connection, org: &OrgId, statuses: &[Status]) -> Result<u64> {
    let mut statement = conn.prepare_cached(COUNT)?;
    let mut sum = 0;
    for status in Status::ALL.into_iter().filter(|status| statuses.is_empty() || statuses.contains(status)) {
        let count: Option<i64> = statement.query_row([org.as_str(), status.as_str()], |row| row.get(0)).optional()?;
        sum += count.map_or(0, i64::cast_unsigned);
    }
    Ok(sum)
}

/// Only `work` is searched, model by model: a model whose generator is slow can have any backlog, and costs the others nothing.
pub(in crate::sqlite) fn open(
    conn: &mut Connection,
    models: &[&'static str],
    after: Option<GenerationId>,
    limit: usize,
) -> Result<Vec<Generation>> {
    let snapshot = conn.transaction()?;
    let after = after.map_or(BELOW_ALL.to_vec(), |id| id.0.as_bytes().to_vec());
    let mut ids: Vec<[u8; 16]> = Vec::new();
    for model in models {
        ids.extend(all(&snapshot, OPEN_OF_MODEL, params![model, after, at_most(limit)], |row| {
            row.get::<_, [u8; 16]>(0)
        })?);
    }
    ids.sort_unstable();
    ids.dedup();
    fetch_page(&snapshot, &ids, limit)
}

/// One index serves both kinds of list: without a filter the statuses are merged.
pub(in crate::sqlite) fn page(conn: &mut Connection, query: &GenerationQuery) -> Result<Vec<Generation>> {
    let snapshot = conn.transaction()?;
    if !query.ids.is_empty() {
        return of_ids(&snapshot, query);
    }
    let (sql, edge) = match query.order {
        GenerationOrder::OldestFirst => (OLDEST_FIRST, BELOW_ALL),
        GenerationOrder::NewestFirst => (NEWEST_FIRST, ABOVE_ALL),
    };
    let after = query.after.map_or(edge.to_vec(), |id| id.0.as_bytes().to_vec());
    let wanted = |status: &Status| query.statuses.is_empty() || query.statuses.contains(status);
    let mut ids: Vec<[u8; 16]> = Vec::new();
    for status in Status::ALL.iter().filter(|status| wanted(status)) {
        let params = params![query.org.as_str(), status.as_str(), after, at_most(query.limit)];
        ids.extend(all(&snapshot, sql, params, |row| row.get::<_, [u8; 16]>(0))?);
    }
    ids.sort_unstable();
    if query.order == GenerationOrder::NewestFirst {
        ids.reverse();
    }
    fetch_page(&snapshot, &ids, query.limit)
}

fn of_ids(conn: &Connection, query: &GenerationQuery) -> Result<Vec<Generation>> {
    let mut ids: Vec<GenerationId> = query.ids.clone();
    ids.sort_unstable();
    ids.dedup();
    let behind: fn(&GenerationId, &GenerationId) -> bool = match query.order {
        GenerationOrder::OldestFirst => |id, after| id > after,
        GenerationOrder::NewestFirst => |id, after| id < after,
    };
    if query.order == GenerationOrder::NewestFirst {
        ids.reverse();
    }
    let wanted = |status: &str| query.statuses.is_empty() || query.statuses.iter().any(|s| s.as_str() == status);
    let mut found: Vec<[u8; 16]> = Vec::new();
    for id in ids.into_iter().filter(|id| query.after.is_none_or(|after| behind(id, &after))) {
        // Only its head: what is not wanted, or not the caller's, may be large.
        let mut statement = conn.prepare_cached(STATUS_OF)?;
        let mut rows = statement.query(params![id.0.as_bytes(), query.org.as_str()])?;
        if let Some(row) = rows.next()?
            && wanted(row.get_ref(0)?.as_str()?)
        {
            found.push(id.0.into_bytes());
        }
    }
    fetch_page(conn, &found, query.limit)
}

/// In the order in which they are named, as many as a page may hold.
pub(super) fn of_these(conn: &Connection, ids: &[GenerationId]) -> Result<Vec<Generation>> {
    cut(ids.iter().filter_map(|id| by_id(conn, id.0.as_bytes()).transpose()), ids.len())
}

fn fetch_page(conn: &Connection, ids: &[[u8; 16]], limit: usize) -> Result<Vec<Generation>> {
    cut(ids.iter().filter_map(|id| by_id(conn, id).transpose()), limit)
}

fn by_id(conn: &Connection, id: &[u8; 16]) -> Result<Option<Generation>> {
    conn.prepare_cached(BY_ID)?.query_row([id], rows::generation).optional()
}
