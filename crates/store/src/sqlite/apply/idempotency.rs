//! Keys that creates have used.
use postsync_core::idempotency::{IdempotencyChange, KEPT_MS, UsedKey};
use postsync_core::time::Timestamp;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;

/// One that was used a day ago is free again, also where its row is still there.
const USE: &str = "INSERT INTO idempotency_keys (org, key, fingerprint, made, used_at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (org, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, made = excluded.made, used_at = excluded.used_at
    WHERE used_at <= excluded.used_at - ?6";

const FORGET: &str = "DELETE FROM idempotency_keys WHERE (org, key) IN (
    SELECT org, key FROM idempotency_keys WHERE used_at < ?1 ORDER BY used_at LIMIT ?2)";

/// Those that look for rows, for the test that none of them scans.
#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[FORGET];

impl Unit<'_> {
    pub(super) fn change_idempotency(&mut self, change: &IdempotencyChange) -> Result<(), Refusal> {
        match change {
            IdempotencyChange::Use(used) => self.use_key(used),
            IdempotencyChange::Forget { before, limit } => self.forget_used_keys(*before, *limit),
        }
    }

    fn use_key(&mut self, used: &UsedKey) -> Result<(), Refusal> {
        self.fenced(
            USE,
            params![
                used.org.as_str(),
                used.key.as_str(),
                used.fingerprint.0,
                used.made.0.as_bytes(),
                used.at.0,
                KEPT_MS
            ],
        )
    }

    fn forget_used_keys(&mut self, before: Timestamp, limit: usize) -> Result<(), Refusal> {
        self.fenced(FORGET, params![before.0, i64::try_from(limit).unwrap_or(i64::MAX)])
    }
}
