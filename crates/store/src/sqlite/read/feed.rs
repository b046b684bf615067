//! An organization's feed, and how far its readers are.
use postsync_core::feed::{Seq, Span};
use postsync_core::ids::{ConsumerName, OrgId};
use postsync_engine::ports::{FeedFrom, FeedPage, FeedQuery};
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::{at_most, rows};
use crate::page::cut_feed;

const SPAN: &str = "SELECT forgotten, last FROM feeds WHERE org = ?1";

const AFTER: &str = "SELECT id, body, org, kind, generation, created_at, seq FROM events
    WHERE org = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";

const BEFORE: &str = "SELECT id, body, org, kind, generation, created_at, seq FROM events
    WHERE org = ?1 AND seq > ?2 AND seq < ?4 ORDER BY seq DESC LIMIT ?3";

const CONSUMER: &str = "SELECT seq FROM consumers WHERE org = ?1 AND name = ?2";

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[SPAN, AFTER, BEFORE, CONSUMER];

/// In one read transaction: what is removed between two would be missed without a word.
pub(in crate::sqlite) fn page(conn: &mut Connection, query: &FeedQuery) -> Result<FeedPage> {
    let snapshot = conn.transaction()?;
    let (org, limit) = (query.org.as_str(), at_most(query.limit));
    let read = |row: &rusqlite::Row<'_>| Ok(Span { forgotten: Seq(row.get(0)?), last: Seq(row.get(1)?) });
    let span = snapshot.prepare_cached(SPAN)?.query_row([org], read).optional()?.unwrap_or_default();
    let mut statement = snapshot.prepare_cached(match query.from {
        FeedFrom::After(_) => AFTER,
        FeedFrom::Before(_) => BEFORE,
    })?;
    let rows = match query.from {
        FeedFrom::After(after) => statement.query_map(params![org, after.max(span.forgotten).0, limit], rows::fed)?,
        FeedFrom::Before(before) => {
            let before = before.map_or(i64::MAX, |before| before.0);
            statement.query_map(params![org, span.forgotten.0, limit, before], rows::fed)?
        }
    };
    let events = cut_feed(rows, query.bytes_max)?;
    Ok(FeedPage { span, events })
}

pub(in crate::sqlite) fn consumer(conn: &Connection, org: &OrgId, name: &ConsumerName) -> Result<Option<Seq>> {
    let mut statement = conn.prepare_cached(CONSUMER)?;
    statement.query_row([org.as_str(), name.as_str()], |row| row.get(0).map(Seq)).optional()
}
