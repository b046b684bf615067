//! Deliveries: what is due, what is open, one with its attempts, a page.
use postsync_core::event::Event;
use postsync_core::ids::{DeliveryId, EndpointId, EventId};
use postsync_core::limits::BACKLOG_COUNTED_MAX;
use postsync_core::parking::Lane;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{Backlog, BacklogQuery, DeliveryQuery, DeliveryRecord, DueCursor, DueDelivery};
use rusqlite::{Connection, OptionalExtension as _, Params, Result, Row, params};

use super::rows::{self, any_columns, attempt_columns, delivery_columns, due_columns, parked_columns};
use super::{all, at_most};
use crate::page::{cut_attempts, cut_due, cut_due_at};
use crate::sqlite::words;

/// Read in the order of the table itself. CROSS JOIN keeps SQLite from starting elsewhere, and the `+` from taking the index
/// on `open`: it would read and sort the whole backlog for each page.
const DUE: &str = concat!(
    "SELECT ",
    due_columns!(),
    ", e.body FROM due q CROSS JOIN deliveries d ON d.id = q.id CROSS JOIN events e ON e.id = d.event
     WHERE (q.due_at, q.id) > (?1, ?2) AND q.due_at <= ?3 AND +q.open = 0 ORDER BY q.due_at, q.id LIMIT ?4"
);

const DUE_PLACES: &str = "SELECT due_at, id FROM due
    WHERE (due_at, id) > (?1, ?2) AND due_at <= ?3 AND +open = 0 ORDER BY due_at, id LIMIT ?4";

const DUE_AT: &str = concat!(
    "SELECT ",
    due_columns!(),
    ", e.body FROM due q CROSS JOIN deliveries d ON d.id = q.id CROSS JOIN events e ON e.id = d.event
     WHERE q.due_at = ?1 AND q.id = ?2 AND +q.open = 0"
);

const NEXT_DUE: &str = "SELECT due_at FROM due WHERE due_at > ?1 AND +open = 0 ORDER BY due_at LIMIT 1";

const OPEN: &str = concat!(
    "SELECT ",
    due_columns!(),
    ", e.body FROM due q INDEXED BY due_by_delivery CROSS JOIN deliveries d ON d.id = q.id
     CROSS JOIN events e ON e.id = d.event WHERE q.open = 1 AND q.id > ?1 ORDER BY q.id LIMIT ?2"
);

const PARKED: &str = concat!(
    "SELECT ",
    parked_columns!(),
    ", e.body FROM parked p CROSS JOIN deliveries d ON d.id = p.id CROSS JOIN events e ON e.id = d.event
     WHERE p.lane = ?1 ORDER BY p.id LIMIT ?2"
);

/// Few of a lane have been a probe: what is read past is bounded by how many probes there are between two points.
const PROBES: &str = concat!(
    "SELECT ",
    parked_columns!(),
    ", e.body FROM parked p CROSS JOIN deliveries d ON d.id = p.id CROSS JOIN events e ON e.id = d.event
     WHERE p.lane = ?1 AND p.probe_at <= ?2 ORDER BY p.id LIMIT ?3"
);

const PARKED_UNTIL: &str = concat!(
    "SELECT ",
    parked_columns!(),
    " FROM parked p CROSS JOIN deliveries d ON d.id = p.id CROSS JOIN events e ON e.id = d.event
     WHERE p.expires_at <= ?1 ORDER BY p.expires_at, p.id LIMIT ?2"
);

const NEXT_DESTINATION: &str =
    "SELECT destination FROM parked WHERE org = ?1 AND destination > ?2 ORDER BY destination LIMIT 1";

/// Counted no further than the limit: a list must not read a million rows.
const BACKLOG: &str = "SELECT count(*) FROM (SELECT 1 FROM parked WHERE org = ?1 AND destination = ?2 LIMIT ?3)";

const NEXT_LANE: &str = "SELECT lane FROM parked WHERE lane > ?1 ORDER BY lane LIMIT 1";

const ONE: &str = concat!(
    "SELECT ",
    any_columns!(),
    ", e.body FROM deliveries d JOIN events e ON e.id = d.event LEFT JOIN due q ON q.open IN (0, 1) AND q.id = d.id
     LEFT JOIN parked p ON p.id = d.id WHERE d.id = ?1 AND d.org = ?2"
);

pub(super) const LISTED: &str = concat!(
    "SELECT ",
    any_columns!(),
    " FROM deliveries d JOIN events e ON e.id = d.event LEFT JOIN due q ON q.open IN (0, 1) AND q.id = d.id
     LEFT JOIN parked p ON p.id = d.id WHERE d.id = ?1"
);

const EVENT: &str = "SELECT id, body, org, kind, generation, created_at FROM events WHERE id = ?1";

const ATTEMPTS: &str =
    concat!("SELECT ", attempt_columns!(), " FROM attempts WHERE delivery = ?1 ORDER BY attempt DESC");

const OPEN_ATTEMPT: &str = "SELECT id, attempts, start_step, started_at FROM due WHERE open = 1 AND id = ?1";

/// ?1 organization, ?2 newest id, ?3 limit, ?4 status, ?5 generation, ?6 endpoint; NULL means any.
macro_rules! ids_by {
    ($index:literal, $key:literal) => {
        concat!(
            "SELECT id FROM deliveries INDEXED BY ",
            $index,
            " WHERE ",
            $key,
            " AND org = ?1 AND id <= ?2 AND (?4 IS NULL OR status = ?4) AND (?5 IS NULL OR generation = ?5)
              AND (?6 IS NULL OR endpoint = ?6) ORDER BY id DESC LIMIT ?3"
        )
    };
}
const IDS_BY_STATUS: &str = ids_by!("deliveries_by_status", "status = ?4");
const IDS_BY_GENERATION: &str = ids_by!("deliveries_by_generation", "generation = ?5");
const IDS_BY_ENDPOINT: &str = ids_by!("deliveries_by_endpoint", "endpoint = ?6 AND status = ?4");

const LAST_ID: &str = "SELECT max(
    (SELECT coalesce(max(id), 0) FROM events), (SELECT coalesce(max(id), 0) FROM deliveries),
    (SELECT coalesce(max(id), 0) FROM keys), (SELECT coalesce(max(id), 0) FROM secrets),
    (SELECT coalesce(max(id), 0) FROM replays))";

/// Their ids are texts, whose order is that of the numbers in them.
const LAST_ENDPOINT: &str = "SELECT coalesce(max(id), '') FROM endpoints";

/// Those of lists that may be long, and by what each must find its rows: a filter that is only asked of each row reads past
/// all that it does not want.
#[cfg(test)]
pub(super) const SEARCHES: &[(&str, &str)] = &[
    (IDS_BY_STATUS, "(org=? AND status=? AND id<?)"),
    (IDS_BY_GENERATION, "(generation=? AND id<?)"),
    (IDS_BY_ENDPOINT, "(org=? AND endpoint=? AND status=? AND id<?)"),
];

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    DUE,
    DUE_PLACES,
    DUE_AT,
    NEXT_DUE,
    OPEN,
    PARKED,
    PROBES,
    PARKED_UNTIL,
    NEXT_DESTINATION,
    BACKLOG,
    NEXT_LANE,
    ONE,
    LISTED,
    EVENT,
    ATTEMPTS,
    OPEN_ATTEMPT,
    IDS_BY_STATUS,
    IDS_BY_GENERATION,
    IDS_BY_ENDPOINT,
    LAST_ID,
    LAST_ENDPOINT,
];

fn due_page(conn: &Connection, sql: &'static str, params: impl Params, limit: usize) -> Result<Vec<DueDelivery>> {
    let mut statement = conn.prepare_cached(sql)?;
    cut_due(statement.query_map(params, rows::due_delivery)?, limit)
}

pub(in crate::sqlite) fn due(
    conn: &Connection,
    until: Timestamp,
    after: Option<DueCursor>,
    limit: usize,
) -> Result<Vec<DueDelivery>> {
    let (at, id) = behind(after);
    due_page(conn, DUE, params![at, id, until.0, at_most(limit)], limit)
}

pub(in crate::sqlite) fn due_places(
    conn: &Connection,
    until: Timestamp,
    after: Option<DueCursor>,
    limit: usize,
) -> Result<Vec<DueCursor>> {
    let (at, id) = behind(after);
    let place = |row: &Row<'_>| Ok(DueCursor { at: Timestamp(row.get(0)?), id: DeliveryId(row.get(1)?) });
    let mut statement = conn.prepare_cached(DUE_PLACES)?;
    let places = statement.query_map(params![at, id, until.0, at_most(limit)], place)?;
    let mut places = places.collect::<Result<Vec<_>>>()?;
    places.sort_unstable_by_key(|place| place.id);
    Ok(places)
}

pub(in crate::sqlite) fn due_at(conn: &Connection, places: &[DueCursor]) -> Result<Vec<DueDelivery>> {
    let mut statement = conn.prepare_cached(DUE_AT)?;
    let rows = places.iter().filter_map(|place| {
        statement.query_row(params![place.at.0, place.id.0], rows::due_delivery).optional().transpose()
    });
    cut_due(rows, places.len())
}

fn behind(after: Option<DueCursor>) -> (i64, i64) {
    after.map_or((i64::MIN, i64::MIN), |cursor| (cursor.at.0, cursor.id.0))
}

pub(in crate::sqlite) fn parked(
    conn: &Connection,
    lane: &Lane,
    limit: usize,
    bytes_max: usize,
) -> Result<Vec<DueDelivery>> {
    let mut statement = conn.prepare_cached(PARKED)?;
    let rows = statement.query_map(params![lane.as_str(), at_most(limit)], rows::due_delivery)?;
    cut_due_at(rows, limit, bytes_max)
}

pub(in crate::sqlite) fn probes(
    conn: &Connection,
    lane: &Lane,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<DueDelivery>> {
    due_page(conn, PROBES, params![lane.as_str(), until.0, at_most(limit)], limit)
}

/// From one destination to the next, past however many rows each has.
pub(in crate::sqlite) fn backlogs(conn: &mut Connection, query: &BacklogQuery) -> Result<Vec<Backlog>> {
    let snapshot = conn.transaction()?;
    let mut found: Vec<Backlog> = Vec::new();
    let mut last = query.after.clone().unwrap_or_default();
    while found.len() < query.limit {
        let next: Option<String> = snapshot
            .prepare_cached(NEXT_DESTINATION)?
            .query_row([query.org.as_str(), &last], |row| row.get(0))
            .optional()?;
        let Some(destination) = next else { break };
        let counted = params![query.org.as_str(), destination, at_most(BACKLOG_COUNTED_MAX)];
        let parked: u32 = snapshot.prepare_cached(BACKLOG)?.query_row(counted, |row| row.get(0))?;
        last.clone_from(&destination);
        found.push(Backlog { destination, parked: parked as usize });
    }
    Ok(found)
}

pub(in crate::sqlite) fn parked_until(conn: &Connection, until: Timestamp, limit: usize) -> Result<Vec<DueDelivery>> {
    let mut statement = conn.prepare_cached(PARKED_UNTIL)?;
    cut_due(statement.query_map(params![until.0, at_most(limit)], rows::listed_delivery)?, limit)
}

/// From one lane to the next, past however many rows each has.
pub(in crate::sqlite) fn parked_lanes(conn: &Connection, after: Option<Lane>, limit: usize) -> Result<Vec<Lane>> {
    let mut lanes: Vec<Lane> = Vec::new();
    let mut last = after.map_or(String::new(), |lane| lane.as_str().to_owned());
    while lanes.len() < limit {
        let next: Option<String> = conn.prepare_cached(NEXT_LANE)?.query_row([&last], |row| row.get(0)).optional()?;
        let Some(next) = next else { break };
        lanes.push(Lane::stored(&next));
        last = next;
    }
    Ok(lanes)
}

pub(in crate::sqlite) fn next_due(conn: &Connection, after: Timestamp) -> Result<Option<Timestamp>> {
    conn.prepare_cached(NEXT_DUE)?.query_row([after.0], |row| row.get(0).map(Timestamp)).optional()
}

pub(in crate::sqlite) fn open(conn: &Connection, after: Option<DeliveryId>, limit: usize) -> Result<Vec<DueDelivery>> {
    let after = after.map_or(i64::MIN, |id| id.0);
    due_page(conn, OPEN, params![after, at_most(limit)], limit)
}

pub(in crate::sqlite) fn last_id(conn: &Connection) -> Result<i64> {
    let last: i64 = conn.prepare_cached(LAST_ID)?.query_row([], |row| row.get(0))?;
    let endpoint: String = conn.prepare_cached(LAST_ENDPOINT)?.query_row([], |row| row.get(0))?;
    Ok(EndpointId::new(&endpoint).number().map_or(last, |number| last.max(number)))
}

pub(in crate::sqlite) fn event(conn: &Connection, id: EventId) -> Result<Option<Event>> {
    conn.prepare_cached(EVENT)?.query_row([id.0], rows::event).optional()
}

pub(in crate::sqlite) fn one(conn: &mut Connection, org: &str, id: DeliveryId) -> Result<Option<DeliveryRecord>> {
    let snapshot = conn.transaction()?;
    let found = snapshot.prepare_cached(ONE)?.query_row(params![id.0, org], rows::due_delivery).optional()?;
    let Some(DueDelivery { delivery, event }) = found else { return Ok(None) };
    let open = all(&snapshot, OPEN_ATTEMPT, [id.0], rows::open_attempt)?;
    let mut ended = snapshot.prepare_cached(ATTEMPTS)?;
    let ended = ended.query_map([id.0], rows::attempt)?;
    let mut attempts = cut_attempts(open.into_iter().map(Ok).chain(ended), &event)?;
    attempts.reverse();
    Ok(Some(DeliveryRecord { delivery, event, attempts }))
}

pub(in crate::sqlite) fn page(conn: &mut Connection, query: &DeliveryQuery) -> Result<Vec<DueDelivery>> {
    let snapshot = conn.transaction()?;
    let mut ids: Vec<i64> = Vec::new();
    let sql = match (query.generation, &query.endpoint) {
        // A generation has few: what else is asked is asked of each of them.
        (Some(_), _) => IDS_BY_GENERATION,
        (None, Some(_)) => IDS_BY_ENDPOINT,
        (None, None) => IDS_BY_STATUS,
    };
    match query.status {
        None if query.generation.is_some() => ids.extend(find(&snapshot, sql, query, None)?),
        status => {
            for word in words::delivery_filter(status) {
                ids.extend(find(&snapshot, sql, query, Some(word))?);
            }
        }
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids.truncate(query.limit);
    let mut listed = snapshot.prepare_cached(LISTED)?;
    ids.iter().filter_map(|id| listed.query_row([id], rows::listed_delivery).optional().transpose()).collect()
}

fn find(conn: &Connection, sql: &'static str, query: &DeliveryQuery, status: Option<&'static str>) -> Result<Vec<i64>> {
    let newest = query.after.map_or(i64::MAX, |id| id.0.saturating_sub(1));
    let params = params![
        query.org.as_str(),
        newest,
        at_most(query.limit),
        status,
        query.generation.map(|id| id.0.into_bytes()),
        query.endpoint.as_ref().map(|id| id.as_str()),
    ];
    all(conn, sql, params, |row| row.get(0))
}
