//! Replays, and the walk over the deliveries that one may mean: by the index that its filter allows, a bounded part at once.
use postsync_core::ids::{DeliveryId, EndpointId, GenerationId, ReplayId};
use postsync_core::outcome::SendError;
use postsync_core::replay::{Ended, EndedAs, Filter, Original, Replay};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{ReplayCount, ReplayPage, ReplayQuery};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use super::rows::{
    self, any_columns, delivery_columns, maybe_time, maybe_word, original_columns, replay_columns, time,
};
use super::{all, at_most};

const ONE: &str = concat!("SELECT ", replay_columns!(), " FROM replays WHERE id = ?1 AND org = ?2");

const RUNNING: &str = concat!(
    "SELECT ",
    replay_columns!(),
    " FROM replays INDEXED BY replays_running WHERE status = 'running' AND id > 0 ORDER BY id LIMIT ?1"
);

/// ?1 organization, ?2 status, ?3 behind, ?4 up to, ?5 limit, ?6 generation, ?7 endpoint; NULL means any of the last two.
macro_rules! ended_by {
    ($index:literal, $key:literal) => {
        concat!(
            "SELECT id, created_at, last_error, replayed_at FROM deliveries INDEXED BY ",
            $index,
            " WHERE ",
            $key,
            " AND org = ?1 AND status = ?2 AND id > ?3 AND id <= ?4 AND origin <> 'listener' AND (?6 IS NULL OR generation = ?6)
              AND (?7 IS NULL OR endpoint = ?7) ORDER BY id LIMIT ?5"
        )
    };
}
const ENDED_BY_STATUS: &str = ended_by!("deliveries_by_status", "1");
const ENDED_BY_GENERATION: &str = ended_by!("deliveries_by_generation", "generation = ?6");
const ENDED_BY_ENDPOINT: &str = ended_by!("deliveries_by_endpoint", "endpoint = ?7");

const ORIGINAL: &str = concat!(
    "SELECT ",
    original_columns!(),
    " FROM deliveries d LEFT JOIN events e ON e.id = d.event LEFT JOIN due q ON q.open IN (0, 1) AND q.id = d.id
     LEFT JOIN parked p ON p.id = d.id WHERE d.id = ?1 AND d.org = ?2"
);

const DUE_NOW: &str = "SELECT id FROM due WHERE open IN (0, 1) AND id = ?1 AND due_at <= ?2";

const IN_A_BACKLOG: &str = "SELECT id FROM parked WHERE id = ?1 AND reason = 'backlog'";

/// By what each must find its rows: see the deliveries' own.
#[cfg(test)]
pub(super) const SEARCHES: &[(&str, &str)] = &[
    (ENDED_BY_STATUS, "(org=? AND status=? AND id>? AND id<?)"),
    (ENDED_BY_GENERATION, "(generation=? AND id>? AND id<?)"),
    (ENDED_BY_ENDPOINT, "(org=? AND endpoint=? AND status=? AND id>? AND id<?)"),
];

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[ONE, RUNNING, ENDED_BY_STATUS, ENDED_BY_GENERATION, ENDED_BY_ENDPOINT, ORIGINAL, DUE_NOW, IN_A_BACKLOG];

pub(in crate::sqlite) fn one(conn: &Connection, org: &str, id: ReplayId) -> Result<Option<Replay>> {
    conn.prepare_cached(ONE)?.query_row(params![id.0, org], rows::replay).optional()
}

pub(in crate::sqlite) fn running(conn: &Connection, limit: usize) -> Result<Vec<Replay>> {
    all(conn, RUNNING, [at_most(limit)], rows::replay)
}

pub(in crate::sqlite) fn original(conn: &Connection, org: &str, id: DeliveryId) -> Result<Option<Original>> {
    conn.prepare_cached(ORIGINAL)?.query_row(params![id.0, org], rows::original).optional()
}

pub(in crate::sqlite) fn page(conn: &mut Connection, query: &ReplayQuery) -> Result<ReplayPage> {
    let snapshot = conn.transaction()?;
    let (looked_at, mut read_to) = look(&snapshot, query)?;
    let mut original = snapshot.prepare_cached(ORIGINAL)?;
    let mut found: Vec<Original> = Vec::new();
    for (id, _) in looked_at.iter().filter(|(_, ended)| query.filter.fits(ended)) {
        if found.len() == query.limit {
            read_to = Some(found.last().map_or(query.after, |last| last.delivery.id));
            break;
        }
        found.push(original.query_row(params![id.0, query.org.as_str()], rows::original)?);
    }
    Ok(ReplayPage { found, read_to })
}

pub(in crate::sqlite) fn count(conn: &mut Connection, query: &ReplayQuery) -> Result<ReplayCount> {
    let (looked_at, read_to) = look(conn, query)?;
    let count = looked_at.iter().filter(|(_, ended)| query.filter.fits(ended)).count() as u64;
    Ok(ReplayCount { count, read_to })
}

/// Deliveries that may be meant, in the order of their ids, and how far that is; `None` where it is all.
type Looked = (Vec<(DeliveryId, Ended)>, Option<DeliveryId>);

fn look(conn: &Connection, query: &ReplayQuery) -> Result<Looked> {
    let Filter { status, generation, endpoint, .. } = &query.filter;
    let sql = match (generation, endpoint) {
        (Some(_), _) => ENDED_BY_GENERATION,
        (None, Some(_)) => ENDED_BY_ENDPOINT,
        (None, None) => ENDED_BY_STATUS,
    };
    let mut looked_at = Vec::new();
    for word in EndedAs::ALL.into_iter().filter(|word| status.is_none_or(|status| status == *word)) {
        let params = params![
            query.org.as_str(),
            word.as_str(),
            query.after.0,
            query.until.0,
            at_most(query.look),
            generation.map(|id: GenerationId| id.0.into_bytes()),
            endpoint.as_ref().map(EndpointId::as_str),
        ];
        let mut statement = conn.prepare_cached(sql)?;
        let rows = statement.query_map(params, |row| ended(row, word))?;
        looked_at.extend(rows.collect::<Result<Vec<_>>>()?);
    }
    let is_all = looked_at.len() < query.look;
    looked_at.sort_unstable_by_key(|(id, _)| *id);
    looked_at.truncate(query.look);
    let read_to = looked_at.last().map(|(id, _)| *id).filter(|_| !is_all);
    Ok((looked_at, read_to))
}

fn ended(row: &Row<'_>, word: EndedAs) -> Result<(DeliveryId, Ended)> {
    let ended = Ended {
        ended: word,
        created_at: time(row, 1)?,
        error: maybe_word(row, 2, SendError::parse)?,
        replayed_at: maybe_time(row, 3)?,
    };
    Ok((DeliveryId(row.get(0)?), ended))
}

/// Those of these that wait for nothing but their turn.
pub(in crate::sqlite) fn waiting(conn: &mut Connection, ids: &[DeliveryId], now: Timestamp) -> Result<Vec<DeliveryId>> {
    let snapshot = conn.transaction()?;
    let mut due = snapshot.prepare_cached(DUE_NOW)?;
    let mut parked = snapshot.prepare_cached(IN_A_BACKLOG)?;
    let mut waiting = Vec::new();
    for id in ids {
        if due.exists(params![id.0, now.0])? || parked.exists([id.0])? {
            waiting.push(*id);
        }
    }
    Ok(waiting)
}
