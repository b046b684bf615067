//! Counters, counted.
use async_trait::async_trait;
use postsync_core::generation::{Generation, Status};
use postsync_core::ids::{GenerationId, OrgId};
use postsync_engine::ports::{CountStore, StoreError};

use super::Memory;
use super::tables::Tables;
use crate::refusal::Refusal;

#[async_trait]
impl CountStore for Memory {
    async fn count_generations(&self, org: &OrgId, statuses: Vec<Status>) -> Result<u64, StoreError> {
        let fits = |g: &&Generation| g.org == *org && (statuses.is_empty() || statuses.contains(&g.status()));
        Ok(self.tables().generations.values().filter(fits).count() as u64)
    }
}

impl Tables {
    pub(super) fn remove_generation(&mut self, org: &OrgId, id: GenerationId) -> Result<(), Refusal> {
        self.generations.get(&id).filter(|g| g.org == *org && g.is_final()).ok_or(Refusal::Stale)?;
        self.keep_audit(org, id);
        self.generations.remove(&id);
        self.relays.remove(&id);
        Ok(())
    }
}
