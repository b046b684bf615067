//! What is held back. A row moves between `due` and `parked` whole; its history row says where it is, for who lists it.
use postsync_core::change::Parking;
use postsync_core::delivery::ExhaustedReason;
use postsync_core::ids::DeliveryId;
use postsync_core::time::Timestamp;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;
use crate::sqlite::words;

const PARK: &str = "INSERT INTO parked (lane, id, org, destination, reason, due_at, shard, attempts, step, interrupted,
    expires_at, probe_at)
    SELECT ?2, q.id, d.org, ?6, ?3, q.due_at, q.shard, q.attempts, q.step, q.interrupted, ?4, ?5
    FROM due q CROSS JOIN deliveries d ON d.id = q.id WHERE q.open = 0 AND q.id = ?1 AND q.attempts = ?7";

const NOT_DUE: &str = "DELETE FROM due WHERE open = 0 AND id = ?1";

const UNPARK: &str = "INSERT INTO due (due_at, id, shard, open, attempts, step, interrupted)
    SELECT due_at, id, shard, 0, attempts, step, interrupted FROM parked WHERE id = ?1 AND attempts = ?2";

const WAIT_ON: &str = "UPDATE parked SET expires_at = ?3 WHERE id = ?1 AND attempts = ?2";

const STATUS: &str = "UPDATE deliveries SET status = ?2 WHERE id = ?1";

const NOT_PARKED: &str = "DELETE FROM parked WHERE id = ?1";

const DUE_EXHAUSTED: &str =
    "UPDATE deliveries SET status = 'exhausted', reason = ?2, ended_at = ?3, attempts = q.attempts,
    step = q.step, interrupted = q.interrupted FROM due q WHERE deliveries.id = ?1 AND q.open = 0 AND q.id = ?1";

/// ?4: starts so far; NULL where nobody asks.
const EXHAUSTED: &str = "UPDATE deliveries SET status = 'exhausted', reason = ?2, ended_at = ?3, attempts = p.attempts,
    step = p.step, interrupted = p.interrupted,
    last_error = (SELECT error FROM attempts a WHERE a.delivery = p.id AND a.attempt = p.attempts)
    FROM parked p WHERE deliveries.id = ?1 AND p.id = ?1 AND p.attempts = coalesce(?4, p.attempts)";

impl Unit<'_> {
    pub(super) fn park(&mut self, p: &Parking) -> Result<(), Refusal> {
        self.fenced(
            PARK,
            params![
                p.id.0,
                p.lane.as_str(),
                p.reason.as_str(),
                p.expires_at.0,
                p.probe_at.0,
                p.destination,
                p.attempts
            ],
        )?;
        self.fenced(NOT_DUE, [p.id.0])?;
        self.fenced(STATUS, params![p.id.0, words::PARKED])
    }

    pub(super) fn unpark(&mut self, id: DeliveryId, attempts: u32) -> Result<(), Refusal> {
        self.fenced(UNPARK, params![id.0, attempts])?;
        self.fenced(NOT_PARKED, [id.0])?;
        self.fenced(STATUS, params![id.0, words::DUE])
    }

    pub(super) fn wait_on(&mut self, id: DeliveryId, attempts: u32, expires_at: Timestamp) -> Result<(), Refusal> {
        self.fenced(WAIT_ON, params![id.0, attempts, expires_at.0])
    }

    pub(super) fn exhaust(
        &mut self,
        id: DeliveryId,
        attempts: u32,
        at: Timestamp,
        reason: ExhaustedReason,
    ) -> Result<(), Refusal> {
        self.fenced(EXHAUSTED, params![id.0, reason.as_str(), at.0, attempts])?;
        self.fenced(NOT_PARKED, [id.0])
    }

    pub(super) fn exhaust_pending(
        &mut self,
        id: DeliveryId,
        at: Timestamp,
        reason: ExhaustedReason,
    ) -> Result<(), Refusal> {
        if self.run(EXHAUSTED, params![id.0, reason.as_str(), at.0, None::<u32>])? > 0 {
            return self.fenced(NOT_PARKED, [id.0]);
        }
        self.fenced(DUE_EXHAUSTED, params![id.0, reason.as_str(), at.0])?;
        self.fenced(NOT_DUE, [id.0])
    }
}
