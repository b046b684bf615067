//! Generations that wait for room.
use postsync_core::hold::HoldChange;
use postsync_core::ids::{GenerationId, OrgId};
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;

const LEAVE_WORK: &str =
    "DELETE FROM work WHERE model = (SELECT model FROM generations WHERE id = ?1 AND org = ?2) AND id = ?1";

const HOLD: &str = "INSERT INTO held (org, id) VALUES (?1, ?2)";

const LET_IN: &str = "DELETE FROM held WHERE org = ?1 AND id = ?2";

const ENTER_WORK: &str = "INSERT INTO work (model, id, org, batch)
    SELECT model, id, org, coalesce(batch, x'') FROM generations WHERE id = ?1";

const WAIT_NO_MORE: &str = "DELETE FROM held WHERE org = (SELECT org FROM generations WHERE id = ?1) AND id = ?1";

/// Those that look for rows, for the test that none of them scans.
#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[LEAVE_WORK, LET_IN, ENTER_WORK, WAIT_NO_MORE];

impl Unit<'_> {
    pub(super) fn change_hold(&mut self, change: &HoldChange) -> Result<(), Refusal> {
        match change {
            HoldChange::Hold { org, id } => self.hold(org, *id),
            HoldChange::LetIn { org, id } => self.let_in(org, *id),
        }
    }

    fn hold(&mut self, org: &OrgId, id: GenerationId) -> Result<(), Refusal> {
        self.fenced(LEAVE_WORK, params![id.0.as_bytes(), org.as_str()])?;
        self.run(HOLD, params![org.as_str(), id.0.as_bytes()])?;
        Ok(())
    }

    fn let_in(&mut self, org: &OrgId, id: GenerationId) -> Result<(), Refusal> {
        self.fenced(LET_IN, params![org.as_str(), id.0.as_bytes()])?;
        self.run(ENTER_WORK, [id.0.as_bytes()])?;
        Ok(())
    }

    /// One that is ended has waited long enough.
    pub(super) fn waits_no_more(&mut self, id: GenerationId) -> Result<(), Refusal> {
        self.run(WAIT_NO_MORE, [id.0.as_bytes()])?;
        Ok(())
    }
}
