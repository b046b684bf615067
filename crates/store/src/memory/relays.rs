//! Generations that an upstream makes.
use async_trait::async_trait;
use postsync_core::generation::State;
use postsync_core::ids::GenerationId;
use postsync_core::relay::{Relay, RelayChange};
use postsync_engine::ports::{RelayStore, StoreError};

use super::Memory;
use super::tables::Tables;
use crate::refusal::Refusal;

#[async_trait]
impl RelayStore for Memory {
    async fn relay(&self, id: GenerationId) -> Result<Option<Relay>, StoreError> {
        Ok(self.tables().relays.get(&id).cloned())
    }
}

impl Tables {
    pub(super) fn change_relay(&mut self, change: RelayChange) -> Result<(), Refusal> {
        let (RelayChange::Begin { generation: id, tries, .. } | RelayChange::Take { generation: id, tries, .. }) =
            change;
        let at_work = self.generations.get(&id).is_some_and(|g| g.state == State::Processing && g.tries == tries);
        let known = self.relays.get(&id).cloned();
        let changed = match (change, known) {
            _ if !at_work => return Err(Refusal::Stale),
            (RelayChange::Begin { at, .. }, None) => Relay { generation: id, begun_at: at, upstream: None },
            (RelayChange::Take { upstream, .. }, Some(relay)) if relay.upstream.is_none() => {
                Relay { upstream: Some(upstream), ..relay }
            }
            _ => return Err(Refusal::Stale),
        };
        self.relays.put(id, changed);
        Ok(())
    }
}
