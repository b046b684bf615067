//! Who asked for each generation: written with it, and gone after its retention.
use postsync_core::audit::{AuditChange, AuditEntry, inputs_text};
use postsync_core::retention::first_generation_at;
use postsync_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::Unit;
use crate::refusal::Refusal;

const ADD: &str = "INSERT INTO audit (org, generation, key, address, model, inputs) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const NEXT_ORG: &str = "SELECT org FROM audit WHERE org > ?1 ORDER BY org LIMIT 1";

const FORGET: &str = "DELETE FROM audit WHERE org = ?1 AND generation IN (
    SELECT generation FROM audit WHERE org = ?1 AND generation < ?2 ORDER BY generation LIMIT ?3)";

/// Those that look for rows, for the test that none of them scans.
#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[NEXT_ORG, FORGET];

impl Unit<'_> {
    pub(super) fn audit(&mut self, change: &AuditChange) -> Result<(), Refusal> {
        match change {
            AuditChange::Add(entry) => self.add_audit(entry),
            AuditChange::Forget { before, limit } => self.forget_audit(*before, *limit),
        }
    }

    fn add_audit(&mut self, entry: &AuditEntry) -> Result<(), Refusal> {
        self.run(
            ADD,
            params![
                entry.org.as_str(),
                entry.generation.0.as_bytes(),
                entry.caller.key.map(|key| key.0),
                entry.caller.address.map(|address| address.to_string()),
                entry.model,
                inputs_text(&entry.inputs)
            ],
        )?;
        Ok(())
    }

    /// Old ones stand at the left edge of each organization's.
    fn forget_audit(&mut self, before: Timestamp, limit: usize) -> Result<(), Refusal> {
        let before = first_generation_at(before).0;
        let (mut org, mut gone) = (String::new(), 0);
        while gone < limit {
            let next = self.statement(NEXT_ORG)?.query_row([&org], |row| row.get(0)).optional()?;
            let Some(next) = next else { break };
            org = next;
            let left = i64::try_from(limit - gone).unwrap_or(i64::MAX);
            gone += self.run(FORGET, params![org, before.as_bytes(), left])?;
        }
        if gone == 0 { Err(Refusal::Stale) } else { Ok(()) }
    }
}
