//! Dead letters by their last error: walked in their own order, a bounded number at a time. An index by error would be written with
//! each delivery that ends, and is asked for by people only.
use postsync_core::ids::DeliveryId;
use postsync_engine::ports::{FailurePage, FailureQuery};
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::at_most;
use super::deliveries::LISTED;
use super::rows;

const EXHAUSTED: &str = "SELECT id, last_error FROM deliveries INDEXED BY deliveries_by_status
    WHERE org = ?1 AND status = 'exhausted' AND id <= ?2 ORDER BY id DESC LIMIT ?3";

const EXHAUSTED_OF_ENDPOINT: &str = "SELECT id, last_error FROM deliveries INDEXED BY deliveries_by_endpoint
    WHERE org = ?1 AND status = 'exhausted' AND id <= ?2 AND endpoint = ?4 ORDER BY id DESC LIMIT ?3";

/// See `deliveries::SEARCHES`.
#[cfg(test)]
pub(super) const SEARCHES: &[(&str, &str)] = &[
    (EXHAUSTED, "(org=? AND status=? AND id<?)"),
    (EXHAUSTED_OF_ENDPOINT, "(org=? AND endpoint=? AND status=? AND id<?)"),
];

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[EXHAUSTED, EXHAUSTED_OF_ENDPOINT];

pub(in crate::sqlite) fn page(conn: &mut Connection, query: &FailureQuery) -> Result<FailurePage> {
    let snapshot = conn.transaction()?;
    let (ids, read_to) = look(&snapshot, query)?;
    let mut listed = snapshot.prepare_cached(LISTED)?;
    let found = ids.iter().filter_map(|id| listed.query_row([id], rows::listed_delivery).optional().transpose());
    Ok(FailurePage { found: found.collect::<Result<_>>()?, read_to })
}

/// Those that fit, and the last one that was looked at where more may follow.
fn look(conn: &Connection, query: &FailureQuery) -> Result<(Vec<i64>, Option<DeliveryId>)> {
    let newest = query.after.map_or(i64::MAX, |id| id.0.saturating_sub(1));
    let (org, look) = (query.org.as_str(), at_most(query.look));
    let mut statement = conn.prepare_cached(match query.endpoint {
        None => EXHAUSTED,
        Some(_) => EXHAUSTED_OF_ENDPOINT,
    })?;
    let mut rows = match &query.endpoint {
        None => statement.query(params![org, newest, look])?,
        Some(endpoint) => statement.query(params![org, newest, look, endpoint.as_str()])?,
    };
    let (mut ids, mut looked_at, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        let (id, error): (i64, Option<String>) = (row.get(0)?, row.get(1)?);
        (looked_at, last) = (looked_at + 1, Some(DeliveryId(id)));
        if error.as_deref() == Some(query.error.as_str()) {
            ids.push(id);
        }
        if ids.len() == query.limit {
            return Ok((ids, last));
        }
    }
    Ok((ids, last.filter(|_| looked_at == query.look)))
}
