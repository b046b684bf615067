//! Listeners, and what waits for one beside its feed.
use postsync_core::endpoint::EventFilter;
use postsync_core::feed::Seq;
use postsync_core::ids::{EventId, ListenerName, OrgId};
use postsync_core::listener::{Answered, Listener};
use postsync_engine::ports::Queued;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use super::rows::{self, maybe_time, time, word};
use super::{all, at_most};

macro_rules! listeners {
    ($which:literal) => {
        concat!(
            "SELECT org, name, forward_to, events, seq, created_at, seen_at, status, answered_at FROM listeners WHERE ",
            $which
        )
    };
}

/// At most as many as an organization may have.
const OF: &str = listeners!("org = ?1 ORDER BY name");

const ONE: &str = listeners!("org = ?1 AND name = ?2");

const QUEUE: &str = "SELECT event FROM listener_queue WHERE org = ?1 AND name = ?2 ORDER BY event LIMIT ?3";

const EVENT: &str = "SELECT id, body, org, kind, generation, created_at FROM events WHERE id = ?1";

/// For the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[OF, ONE, QUEUE, EVENT];

pub(in crate::sqlite) fn of(conn: &Connection, org: &OrgId) -> Result<Vec<Listener>> {
    all(conn, OF, [org.as_str()], listener)
}

pub(in crate::sqlite) fn one(conn: &Connection, org: &OrgId, name: &ListenerName) -> Result<Option<Listener>> {
    conn.prepare_cached(ONE)?.query_row([org.as_str(), name.as_str()], listener).optional()
}

pub(in crate::sqlite) fn queue(
    conn: &Connection,
    org: &OrgId,
    name: &ListenerName,
    limit: usize,
) -> Result<Vec<Queued>> {
    let id = |row: &Row<'_>| row.get(0).map(EventId);
    let ids = all(conn, QUEUE, params![org.as_str(), name.as_str(), at_most(limit)], id)?;
    let mut event = conn.prepare_cached(EVENT)?;
    ids.into_iter().map(|id| Ok((id, event.query_row([id.0], rows::event).optional()?))).collect()
}

fn listener(row: &Row<'_>) -> Result<Listener> {
    let status: Option<u16> = row.get(7)?;
    let answered_at = maybe_time(row, 8)?;
    Ok(Listener {
        org: OrgId::new(row.get_ref(0)?.as_str()?),
        name: ListenerName::new(row.get_ref(1)?.as_str()?),
        forward_to: row.get(2)?,
        events: word(row, 3, EventFilter::parse)?,
        seq: Seq(row.get(4)?),
        created_at: time(row, 5)?,
        seen_at: time(row, 6)?,
        answered: status.zip(answered_at).map(|(status, at)| Answered { status, at }),
    })
}
