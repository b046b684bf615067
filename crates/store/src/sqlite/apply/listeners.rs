//! Listeners: where each is in its feed, and what waits for it beside it.
use postsync_core::event::EventType;
use postsync_core::ids::{EventId, OrgId};
use postsync_core::limits::{LISTENER_IDLE_MS, LISTENER_QUEUE_MAX, LISTENERS_MAX};
use postsync_core::listener::{Answered, Listener, ListenerChange, Passed};
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;

const SEAT: &str =
    "UPDATE listeners SET forward_to = ?3, events = ?4, seq = ?5, seen_at = ?6 WHERE org = ?1 AND name = ?2";

const ADD: &str = "INSERT INTO listeners (org, name, forward_to, events, seq, seen_at, created_at)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE (SELECT count(*) FROM listeners WHERE org = ?1) < ?8";

/// Only where a new one finds no room: as long as there is some, a name is known however long it was silent.
const DROP_IDLE: &str = "DELETE FROM listeners WHERE org = ?1 AND seen_at < ?2
    AND (SELECT count(*) FROM listeners WHERE org = ?1) >= ?3";

const PASS: &str = "UPDATE listeners SET seq = max(seq, ?3), seen_at = ?4, status = coalesce(?5, status),
    answered_at = coalesce(?6, answered_at) WHERE org = ?1 AND name = ?2";

const UNQUEUE: &str = "DELETE FROM listener_queue WHERE org = ?1 AND name = ?2 AND event = ?3";

/// `events` is what each takes: the names with commas between them, or nothing, which is all that are not operational.
const QUEUE: &str = "INSERT OR IGNORE INTO listener_queue (org, name, event) SELECT l.org, l.name, ?2 FROM listeners l
    WHERE l.org = ?1 AND (l.events = '' AND ?4 OR instr(',' || l.events || ',', ',' || ?3 || ',') > 0)
    AND (SELECT count(*) FROM listener_queue q WHERE q.org = l.org AND q.name = l.name) < ?5";

/// Those that look for rows, for the test that none of them scans.
#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[SEAT, ADD, DROP_IDLE, PASS, UNQUEUE, QUEUE];

impl Unit<'_> {
    pub(super) fn change_listener(&mut self, change: &ListenerChange) -> Result<(), Refusal> {
        match change {
            ListenerChange::Seat(listener) => self.seat(listener),
            ListenerChange::Pass { org, name, what, answered, at } => {
                let seq = match what {
                    Passed::Place(seq) => seq.0,
                    Passed::Queued(_) | Passed::Again => 0,
                };
                if let Passed::Queued(event) = what {
                    self.run(UNQUEUE, params![org.as_str(), name.as_str(), event.0])?;
                }
                let (status, answered_at) = answered.map(|Answered { status, at }| (status, at.0)).unzip();
                self.fenced(PASS, params![org.as_str(), name.as_str(), seq, at.0, status, answered_at])
            }
            ListenerChange::Queue { org, event, kind } => self.queue(org, *event, *kind),
        }
    }

    fn seat(&mut self, listener: &Listener) -> Result<(), Refusal> {
        let Listener { org, name, forward_to, events, seq, created_at, seen_at, answered: _ } = listener;
        let (org, name, events) = (org.as_str(), name.as_str(), events.stored());
        if self.run(SEAT, params![org, name, forward_to, events, seq.0, seen_at.0])? > 0 {
            return Ok(());
        }
        let max = i64::try_from(LISTENERS_MAX).unwrap_or(i64::MAX);
        self.run(DROP_IDLE, params![org, seen_at.0.saturating_sub(LISTENER_IDLE_MS), max])?;
        self.fenced(ADD, params![org, name, forward_to, events, seq.0, seen_at.0, created_at.0, max])
    }

    fn queue(&mut self, org: &OrgId, event: EventId, kind: EventType) -> Result<(), Refusal> {
        let max = i64::try_from(LISTENER_QUEUE_MAX).unwrap_or(i64::MAX);
        self.run(QUEUE, params![org.as_str(), event.0, kind.as_str(), !kind.is_operational(), max])?;
        Ok(())
    }
}
