//! Who asked for each generation: written with it, and gone after its retention.
use postsync_core::audit::{Asked, AuditChange, AuditEntry, inputs_text};
use postsync_core::ids::{GenerationId, OrgId};
use rusqlite::{OptionalExtension as _, params};

use super::Unit;
use crate::refusal::Refusal;
use crate::sqlite::read::audit;

const ADD: &str = "INSERT INTO audit (org, generation, key, address, named) VALUES (?1, ?2, ?3, ?4, ?5)";

/// What its row tells goes with the generation.
const KEEP: &str = "UPDATE audit SET model = ?3, inputs = ?4, named = NULL WHERE org = ?1 AND generation = ?2";

const FORGET: &str = "DELETE FROM audit WHERE org = ?1 AND generation = ?2";

/// Those that look for rows, for the test that none of them scans.
#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[KEEP, FORGET];

impl Unit<'_> {
    pub(super) fn audit(&mut self, change: &AuditChange) -> Result<(), Refusal> {
        match change {
            AuditChange::Add(asked) => self.add_audit(asked),
            AuditChange::Forget(places) => self.forget_audit(places),
        }
    }

    fn add_audit(&mut self, asked: &Asked) -> Result<(), Refusal> {
        let named = (!asked.named.is_empty()).then(|| asked.named.to_text());
        self.run(
            ADD,
            params![
                asked.org.as_str(),
                asked.generation.0.as_bytes(),
                asked.caller.key.map(|key| key.0),
                asked.caller.address.map(|address| address.to_string()),
                named
            ],
        )?;
        Ok(())
    }

    /// To be called while the generation is still there.
    pub(super) fn keep_audit(&mut self, org: &OrgId, id: GenerationId) -> Result<(), Refusal> {
        let params = params![org.as_str(), id.0.as_bytes()];
        // Its time may be over already.
        let found = self.statement(audit::ONE)?.query_row(params, audit::entry).optional()?;
        let Some(AuditEntry { model, inputs, .. }) = found else { return Ok(()) };
        self.run(KEEP, params![org.as_str(), id.0.as_bytes(), model, inputs_text(&inputs)])?;
        Ok(())
    }

    fn forget_audit(&mut self, places: &[(OrgId, GenerationId)]) -> Result<(), Refusal> {
        let mut gone = 0;
        for (org, id) in places {
            gone += self.run(FORGET, params![org.as_str(), id.0.as_bytes()])?;
        }
        if gone == 0 { Err(Refusal::Stale) } else { Ok(()) }
    }
}
