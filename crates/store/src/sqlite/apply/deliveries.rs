//! Deliveries and their attempts. What moves is in `due`; `deliveries` is written when one is made and when it has ended.
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
    ended_at, attempts, step, interrupted, url)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

const ADD_DUE: &str = "INSERT INTO due (due_at, id, shard, open, attempts, step, interrupted)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const START: &str = "UPDATE due SET open = 1, attempts = ?2 WHERE open = 0 AND id = ?1 AND attempts = ?2 - 1";

const DUE_AGAIN: &str = "UPDATE due SET due_at = ?3, open = 0, step = ?4, interrupted = ?5
    WHERE open = 1 AND id = ?1 AND attempts = ?2";

const NOT_DUE: &str = "DELETE FROM due WHERE open = 1 AND id = ?1 AND attempts = ?2";

const ENDED: &str = "UPDATE deliveries SET status = ?2, reason = ?3, ended_at = ?4, attempts = ?5, step = ?6,
    interrupted = ?7 WHERE id = ?1";

const ATTEMPT_ENDED: &str =
    "UPDATE attempts SET ended_at = ?3, outcome = ?4, http_status = ?5, error = ?6, message = ?7,
    address = ?8, tls = ?9, dns_us = ?10, connect_us = ?11, tls_us = ?12, first_byte_us = ?13, total_us = ?14
    WHERE delivery = ?1 AND attempt = ?2";

/// Whether this start is the first of a delivery that is due: then no fence can refuse it.
pub(super) fn starts_at_once(delivery: &Delivery, attempt: u32) -> bool {
    matches!(delivery.state, State::Due(_)) && delivery.attempts.checked_add(1) == Some(attempt)
}

impl Unit<'_> {
    /// `open`: its next attempt starts with it.
    pub(super) fn add_delivery(&mut self, d: &Delivery, open: bool) -> Result<(), Refusal> {
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
                d.generation.0.as_bytes(),
                d.endpoint.as_str(),
                d.shard,
                status,
                reason,
                d.created_at.0,
                ended_at,
                d.attempts,
                d.step,
                d.interrupted,
                d.url
            ],
        )?;
        if let State::Due(at) = d.state {
            let attempts = d.attempts + u32::from(open);
            self.run(ADD_DUE, params![at.0, d.id.0, d.shard, open, attempts, d.step, d.interrupted])?;
        }
        Ok(())
    }

    pub(super) fn start_attempt(
        &self,
        id: DeliveryId,
        attempt: u32,
        step: u32,
        started_at: Timestamp,
    ) -> Result<(), Refusal> {
        self.fenced(START, params![id.0, attempt])?;
        self.add_attempt(id, attempt, step, started_at)
    }

    pub(super) fn add_attempt(
        &self,
        id: DeliveryId,
        attempt: u32,
        step: u32,
        started_at: Timestamp,
    ) -> Result<(), Refusal> {
        let sql = "INSERT INTO attempts (delivery, attempt, step, started_at) VALUES (?1, ?2, ?3, ?4)";
        self.run(sql, params![id.0, attempt, step, started_at.0])?;
        Ok(())
    }

    pub(super) fn settle_attempt(&self, s: &Settlement) -> Result<(), Refusal> {
        match s.state {
            State::Due(at) => self.fenced(DUE_AGAIN, params![s.delivery.0, s.attempt, at.0, s.step, s.interrupted])?,
            State::Delivered(_) | State::Exhausted(..) => {
                self.fenced(NOT_DUE, params![s.delivery.0, s.attempt])?;
                let (status, reason, ended_at) = words::delivery_state(s.state);
                self.run(ENDED, params![s.delivery.0, status, reason, ended_at, s.attempt, s.step, s.interrupted])?;
            }
        }
        self.end_attempt(s.delivery, s.attempt, &s.end)
    }

    fn end_attempt(&self, id: DeliveryId, attempt: u32, end: &AttemptEnd) -> Result<(), Refusal> {
        let us = |phase: Option<u64>| phase.map(u64::cast_signed);
        let p = end.phases;
        self.run(
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
                us(p.total_us)
            ],
        )?;
        Ok(())
    }
}
