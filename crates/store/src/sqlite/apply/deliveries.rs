//! Deliveries and their attempts. What moves is in `due`, the open attempt's start too; `deliveries` is written when one is
//! made and when it has ended, `attempts` when one has ended: history grows at its right edge.
use postsync_core::attempt::AttemptEnd;
use postsync_core::change::Settlement;
use postsync_core::delivery::{Delivery, State};
use postsync_core::ids::DeliveryId;
use postsync_core::time::Timestamp;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;
use crate::sqlite::words;

const ADD: &str = "INSERT INTO deliveries (id, event, org, generation, endpoint, shard, status, reason, created_at,
    ended_at, attempts, step, interrupted, url, origin, schedule, timeout_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

const ADD_DUE: &str = "INSERT INTO due (due_at, id, shard, open, attempts, step, interrupted, started_at, start_step)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const START: &str = "UPDATE due SET open = 1, attempts = ?2, started_at = ?3, start_step = ?4
    WHERE open = 0 AND id = ?1 AND attempts = ?2 - 1";

/// The row in `due` is the record of the start, and the fence: without it nothing is inserted.
const ATTEMPT_ENDED: &str = "INSERT INTO attempts (delivery, attempt, step, started_at, ended_at, outcome, http_status,
    error, message, address, tls, dns_us, connect_us, tls_us, first_byte_us, total_us, next, sent, headers, body, truncated)
    SELECT id, attempts, start_step, started_at, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19
    FROM due WHERE open = 1 AND id = ?1 AND attempts = ?2";

const DUE_AGAIN: &str = "UPDATE due SET due_at = ?2, open = 0, step = ?3, interrupted = ?4, started_at = NULL,
    start_step = NULL WHERE open = 1 AND id = ?1";

const NOT_DUE: &str = "DELETE FROM due WHERE open = 1 AND id = ?1";

const ENDED: &str = "UPDATE deliveries SET status = ?2, reason = ?3, ended_at = ?4, attempts = ?5, step = ?6,
    interrupted = ?7, last_error = ?8 WHERE id = ?1";

/// Most answers have no body, and a NULL takes no room.
fn some(bytes: &[u8]) -> Option<&[u8]> {
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

/// The start of an attempt, as the change has it.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) attempt: u32,
    pub(super) step: u32,
    pub(super) at: Timestamp,
}

/// Whether this start is the first of a delivery that is due: then no fence can refuse it.
pub(super) fn starts_at_once(delivery: &Delivery, attempt: u32) -> bool {
    matches!(delivery.state, State::Due(_)) && delivery.attempts.checked_add(1) == Some(attempt)
}

impl Unit<'_> {
    /// `start`: its next attempt starts with it.
    pub(super) fn add_delivery(&mut self, d: &Delivery, start: Option<Start>) -> Result<(), Refusal> {
        if self.added_event != Some(d.event) && self.one("SELECT 1 FROM events WHERE id = ?1", [d.event.0])?.is_none() {
            return Err(Refusal::no_event());
        }
        let (status, reason, ended_at) = words::delivery_state(d.state);
        self.run(
            ADD,
            params![
                d.id.0,
                d.event.0,
                d.org.as_str(),
                d.generation.as_ref().map(|id| id.0.as_bytes()),
                d.endpoint.as_str(),
                d.shard,
                status,
                reason,
                d.created_at.0,
                ended_at,
                d.attempts,
                d.step,
                d.interrupted,
                d.url,
                d.origin.as_str(),
                words::schedule(&d.terms),
                words::timeout_ms(&d.terms)
            ],
        )?;
        if let State::Due(at) = d.state {
            let attempts = start.map_or(d.attempts, |start| start.attempt);
            let (started_at, start_step) = (start.map(|start| start.at.0), start.map(|start| start.step));
            self.run(
                ADD_DUE,
                params![
                    at.0,
                    d.id.0,
                    d.shard,
                    start.is_some(),
                    attempts,
                    d.step,
                    d.interrupted,
                    started_at,
                    start_step
                ],
            )?;
        }
        Ok(())
    }

    pub(super) fn start_attempt(&mut self, id: DeliveryId, start: Start) -> Result<(), Refusal> {
        self.fenced(START, params![id.0, start.attempt, start.at.0, start.step])
    }

    pub(super) fn settle_attempt(&mut self, s: &Settlement) -> Result<(), Refusal> {
        self.end_attempt(s.delivery, s.attempt, &s.end)?;
        if let State::Due(at) = s.state {
            return self.fenced(DUE_AGAIN, params![s.delivery.0, at.0, s.step, s.interrupted]);
        }
        self.fenced(NOT_DUE, [s.delivery.0])?;
        let (status, reason, ended_at) = words::delivery_state(s.state);
        let error = s.end.error.map(|error| error.as_str());
        self.fenced(ENDED, params![s.delivery.0, status, reason, ended_at, s.attempt, s.step, s.interrupted, error])
    }

    fn end_attempt(&mut self, id: DeliveryId, attempt: u32, end: &AttemptEnd) -> Result<(), Refusal> {
        let us = |phase: Option<u64>| phase.map(u64::cast_signed);
        let p = end.phases;
        self.fenced(
            ATTEMPT_ENDED,
            params![
                id.0,
                attempt,
                end.at.0,
                end.outcome.as_str(),
                end.http_status,
                end.error.map(|e| e.as_str()),
                end.message,
                end.address.map(|a| a.to_string()),
                end.tls,
                us(p.dns_us),
                us(p.connect_us),
                us(p.tls_us),
                us(p.first_byte_us),
                us(p.total_us),
                end.next.map(|next| next.as_str()),
                some(end.sent.packed()),
                end.answer.as_ref().map(|answer| &answer.headers[..]),
                end.answer.as_ref().and_then(|answer| some(&answer.body)),
                end.answer.as_ref().filter(|answer| answer.truncated).map(|_| true)
            ],
        )
    }
}
