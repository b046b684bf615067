//! What goes after its retention. Rows are deleted one by one by their keys, a bounded number in a list: a statement that
//! deletes by age would hold the writer for as long as there is something old.
use postsync_core::ids::{AssetId, DeliveryId, EventId, ReplayId};
use postsync_core::time::Timestamp;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;
use crate::sqlite::read::aged::has_delivery;

const EVENT_OF: &str = "SELECT event FROM deliveries WHERE id = ?1 AND status IN ('delivered', 'exhausted')";

const DELIVERY: &str = "DELETE FROM deliveries WHERE id = ?1";

const ATTEMPTS: &str = "DELETE FROM attempts WHERE delivery = ?1";

const EVENT: &str = concat!("DELETE FROM events AS e WHERE id = ?1 AND NOT ", has_delivery!());

const ASSET: &str = "DELETE FROM assets WHERE id = ?1";

/// What is not done is stepped over: there are never many.
const REPLAYS: &str = "DELETE FROM replays WHERE id IN (
    SELECT id FROM replays WHERE id > 0 AND id < ?1 AND status = 'done' ORDER BY id LIMIT ?2)";

const REMOVED_OUTPUTS: &str = "UPDATE counters SET value = ?1 WHERE name = 'outputs' AND value < ?1";

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] =
    &[EVENT_OF, DELIVERY, ATTEMPTS, EVENT, REPLAYS, ASSET, REMOVED_OUTPUTS];

impl Unit<'_> {
    /// With their attempts, and with each event whose last delivery it is.
    pub(super) fn forget_deliveries(&mut self, ids: &[DeliveryId]) -> Result<(), Refusal> {
        let mut events = Vec::with_capacity(ids.len());
        for id in ids {
            events.push(self.one(EVENT_OF, [id.0])?.ok_or(Refusal::Stale)?);
            self.run(DELIVERY, [id.0])?;
            self.run(ATTEMPTS, [id.0])?;
        }
        events.sort_unstable();
        events.dedup();
        for event in events {
            self.run(EVENT, [event])?;
        }
        Ok(())
    }

    pub(super) fn forget_events(&mut self, ids: &[EventId]) -> Result<(), Refusal> {
        for id in ids {
            self.fenced(EVENT, [id.0])?;
        }
        Ok(())
    }

    pub(super) fn forget_replays(&mut self, before: ReplayId, limit: usize) -> Result<(), Refusal> {
        self.fenced(REPLAYS, params![before.0, i64::try_from(limit).unwrap_or(i64::MAX)])
    }

    pub(super) fn forget_assets(&mut self, ids: &[AssetId]) -> Result<(), Refusal> {
        for id in ids {
            self.fenced(ASSET, [id.0.as_bytes()])?;
        }
        Ok(())
    }

    pub(super) fn removed_outputs(&mut self, before: Timestamp) -> Result<(), Refusal> {
        self.fenced(REMOVED_OUTPUTS, params![before.0])
    }
}
