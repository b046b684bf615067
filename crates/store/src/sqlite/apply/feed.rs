//! Places in the feeds, and how far their readers are.
//!
//! A place is given inside the commit, by the one thread that writes: in the order of places nothing comes later than what
//! stands behind it, so a reader at 6 never misses a 5. A list that is refused gives its places back, and leaves no hole.
use postsync_core::feed::Seq;
use postsync_core::ids::{ConsumerName, OrgId};
use postsync_core::limits::{CONSUMER_IDLE_MS, CONSUMERS_MAX};
use postsync_core::time::Timestamp;
use rusqlite::{Result as SqlResult, params};

use super::Unit;
use crate::refusal::Refusal;

const WRITE_LAST: &str = "INSERT INTO feeds (org, last) VALUES (?1, ?2)
    ON CONFLICT (org) DO UPDATE SET last = excluded.last";

const MOVE: &str = "UPDATE consumers SET seq = max(seq, ?3), committed_at = ?4 WHERE org = ?1 AND name = ?2";

const ADD: &str = "INSERT INTO consumers (org, name, seq, committed_at) SELECT ?1, ?2, ?3, ?4
    WHERE (SELECT count(*) FROM consumers WHERE org = ?1) < ?5";

/// Only where a new one finds no room: as long as there is some, a name is known however long it was silent.
const DROP_IDLE: &str = "DELETE FROM consumers WHERE org = ?1 AND committed_at < ?2
    AND (SELECT count(*) FROM consumers WHERE org = ?1) >= ?3";

impl Unit<'_> {
    /// The next place in a feed.
    pub(super) fn next_place(&mut self, org: &OrgId) -> SqlResult<i64> {
        let last = match self.feeds.get(org) {
            Some(last) => *last,
            None => self.one("SELECT last FROM feeds WHERE org = ?1", [org.as_str()])?.unwrap_or(0),
        };
        self.feeds.insert(org.clone(), last + 1);
        self.given.push(org.clone());
        Ok(last + 1)
    }

    /// The list that they were given to was not written.
    pub(super) fn take_back_places(&mut self) {
        for org in self.given.drain(..) {
            if let Some(last) = self.feeds.get_mut(&org) {
                *last -= 1;
            }
        }
    }

    pub(super) fn write_feeds(&mut self) -> Result<(), Refusal> {
        for (org, last) in std::mem::take(&mut self.feeds) {
            self.run(WRITE_LAST, params![org.as_str(), last])?;
        }
        Ok(())
    }

    pub(super) fn commit_cursor(
        &mut self,
        org: &OrgId,
        consumer: &ConsumerName,
        seq: Seq,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        if self.run(MOVE, params![org.as_str(), consumer.as_str(), seq.0, at.0])? > 0 {
            return Ok(());
        }
        let max = i64::try_from(CONSUMERS_MAX).unwrap_or(i64::MAX);
        self.run(DROP_IDLE, params![org.as_str(), at.0.saturating_sub(CONSUMER_IDLE_MS), max])?;
        self.fenced(ADD, params![org.as_str(), consumer.as_str(), seq.0, at.0, max])
    }
}
