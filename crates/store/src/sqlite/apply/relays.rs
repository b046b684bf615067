//! Generations that an upstream makes. Both changes want the generation at work with the count of whoever writes.
use postsync_core::ids::GenerationId;
use postsync_core::relay::RelayChange;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;

const BEGIN: &str = "INSERT INTO relays (generation, begun_at)
    SELECT id, ?3 FROM generations WHERE id = ?1 AND tries = ?2 AND status = 'PROCESSING'
    AND NOT EXISTS (SELECT 1 FROM relays WHERE generation = ?1)";

const TAKE: &str = "UPDATE relays SET upstream = ?3, taken_at = ?4 WHERE generation = ?1 AND upstream IS NULL
    AND EXISTS (SELECT 1 FROM generations WHERE id = ?1 AND tries = ?2 AND status = 'PROCESSING')";

impl Unit<'_> {
    pub(super) fn relay(&mut self, change: &RelayChange) -> Result<(), Refusal> {
        match change {
            RelayChange::Begin { generation, tries, at } => {
                self.fenced(BEGIN, params![generation.0.as_bytes(), tries, at.0])
            }
            RelayChange::Take { generation, tries, upstream, at } => {
                self.fenced(TAKE, params![generation.0.as_bytes(), tries, upstream.as_str(), at.0])
            }
        }
    }

    /// With its generation.
    pub(super) fn forget_relay(&mut self, id: GenerationId) -> Result<(), Refusal> {
        self.run("DELETE FROM relays WHERE generation = ?1", [id.0.as_bytes()])?;
        Ok(())
    }
}
