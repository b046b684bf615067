//! The store in memory: for the simulation and for tests of the engine.
//!
//! Promise: the same answers as SQLite's (one conformance suite holds both), in the same order on every run. Every method
//! completes at its first poll, so no runtime is needed. Share it as an `Arc` across simulated crashes: what was answered
//! `Done` is what a disk would have kept.
//!
//! Deliberately absent: durability, bounds on memory, encryption of secrets.
mod access;
mod aged;
mod assets;
mod audit;
mod batches;
mod counts;
mod endpoints;
mod failures;
mod feed;
mod idempotency;
mod listeners;
mod projects;
mod read;
mod relays;
mod replays;
mod speech_jobs;
mod table;
mod tables;
mod usage;
mod voices;

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use postsync_core::access::{ApiKey, Organization};
use postsync_core::asset::Asset;
use postsync_core::change::Change;
use postsync_core::endpoint::Endpoint;
use postsync_core::event::Event;
use postsync_core::feed::Seq;
use postsync_core::generation::Generation;
use postsync_core::ids::{
    AssetId, ConsumerName, DeliveryId, EndpointId, EventId, GenerationId, KeyId, MediaId, OrgId, ReplayId,
};
use postsync_core::parking::Lane;
use postsync_core::replay::{Original, Replay};
use postsync_core::rotation::{SecretOwner, Signing};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{
    AgedAsset, AgedDelivery, AgedEvent, AgedOutput, Applied, Backlog, BacklogQuery, DeliveryQuery, DeliveryRecord,
    DueCursor, DueDelivery, FeedPage, FeedQuery, GenerationQuery, ReplayCount, ReplayPage, ReplayQuery, Store,
    StoreError,
};

use crate::refusal::applied;
use tables::Tables;

/// The store in memory.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Tables>);

impl Memory {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A test that panicked while it held the lock has left whole lists only: `apply` rolls back before it lets go.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Memory {
    async fn apply(&self, changes: Vec<Change>) -> Result<Applied, StoreError> {
        applied(self.tables().apply(changes))
    }

    async fn open_generations(
        &self,
        models: &[&'static str],
        after: Option<GenerationId>,
        limit: usize,
    ) -> Result<Vec<Generation>, StoreError> {
        Ok(self.tables().open_generations(models, after, limit))
    }

    async fn due(
        &self,
        until: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        Ok(self.tables().due(until, after, limit))
    }

    async fn due_places(
        &self,
        until: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<DueCursor>, StoreError> {
        Ok(self.tables().due_places(until, after, limit))
    }

    async fn due_at(&self, places: Vec<DueCursor>) -> Result<Vec<DueDelivery>, StoreError> {
        Ok(self.tables().due_at(&places))
    }

    async fn parked(&self, lane: &Lane, limit: usize, bytes_max: usize) -> Result<Vec<DueDelivery>, StoreError> {
        Ok(self.tables().parked(lane, limit, bytes_max))
    }

    async fn probes(&self, lane: &Lane, until: Timestamp, limit: usize) -> Result<Vec<DueDelivery>, StoreError> {
        Ok(self.tables().probes(lane, until, limit))
    }

    async fn backlogs(&self, query: BacklogQuery) -> Result<Vec<Backlog>, StoreError> {
        Ok(self.tables().backlogs(&query))
    }

    async fn parked_lanes(&self, after: Option<Lane>, limit: usize) -> Result<Vec<Lane>, StoreError> {
        Ok(self.tables().parked_lanes(after, limit))
    }

    async fn parked_until(&self, until: Timestamp, limit: usize) -> Result<Vec<DueDelivery>, StoreError> {
        Ok(self.tables().parked_until(until, limit))
    }

    async fn next_due(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.tables().next_due(after))
    }

    async fn open_attempts(&self, after: Option<DeliveryId>, limit: usize) -> Result<Vec<DueDelivery>, StoreError> {
        Ok(self.tables().open_attempts(after, limit))
    }

    async fn last_id(&self) -> Result<i64, StoreError> {
        Ok(self.tables().last_id())
    }

    async fn generation(&self, org: &OrgId, id: GenerationId) -> Result<Option<Generation>, StoreError> {
        Ok(self.tables().generations.get(&id).filter(|g| g.org == *org).cloned())
    }

    async fn generation_of_any(&self, id: GenerationId) -> Result<Option<Generation>, StoreError> {
        Ok(self.tables().generations.get(&id).cloned())
    }

    async fn generations(&self, query: GenerationQuery) -> Result<Vec<Generation>, StoreError> {
        Ok(self.tables().find_generations(&query))
    }

    async fn delivery(&self, org: &OrgId, id: DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
        Ok(self.tables().delivery(org, id))
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<DueDelivery>, StoreError> {
        Ok(self.tables().find_deliveries(&query))
    }

    async fn event_of_any(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        Ok(self.tables().events.get(&id).cloned())
    }

    async fn replay(&self, org: &OrgId, id: ReplayId) -> Result<Option<Replay>, StoreError> {
        Ok(self.tables().replays.get(&id).filter(|replay| replay.org == *org).cloned())
    }

    async fn running_replays(&self, limit: usize) -> Result<Vec<Replay>, StoreError> {
        let tables = self.tables();
        let running = tables.replays.values().filter(|replay| replay.ended_at.is_none());
        Ok(running.take(limit).cloned().collect())
    }

    async fn replayable(&self, query: ReplayQuery) -> Result<ReplayPage, StoreError> {
        Ok(self.tables().replayable(&query))
    }

    async fn count_replayable(&self, query: ReplayQuery) -> Result<ReplayCount, StoreError> {
        Ok(self.tables().count_replayable(&query))
    }

    async fn original(&self, org: &OrgId, id: DeliveryId) -> Result<Option<Original>, StoreError> {
        Ok(self.tables().original(org, id))
    }

    async fn waiting(&self, ids: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<DeliveryId>, StoreError> {
        Ok(self.tables().waiting(ids, now))
    }

    async fn feed(&self, query: FeedQuery) -> Result<FeedPage, StoreError> {
        Ok(self.tables().feed(&query))
    }

    async fn consumer(&self, org: &OrgId, name: &ConsumerName) -> Result<Option<Seq>, StoreError> {
        Ok(self.tables().consumers.get(&(org.clone(), name.clone())).map(|consumer| consumer.seq))
    }

    async fn asset(&self, org: &OrgId, id: AssetId) -> Result<Option<Asset>, StoreError> {
        Ok(self.tables().assets.get(&id).filter(|asset| asset.org == *org).cloned())
    }

    async fn named_media(&self, ids: Vec<MediaId>) -> Result<Vec<MediaId>, StoreError> {
        Ok(self.tables().named_media(&ids))
    }

    async fn aged_deliveries(
        &self,
        after: Option<DeliveryId>,
        before: DeliveryId,
        limit: usize,
    ) -> Result<Vec<AgedDelivery>, StoreError> {
        Ok(self.tables().aged_deliveries(after, before, limit))
    }

    async fn aged_events(
        &self,
        after: Option<EventId>,
        before: EventId,
        limit: usize,
    ) -> Result<Vec<AgedEvent>, StoreError> {
        Ok(self.tables().aged_events(after, before, limit))
    }

    async fn aged_outputs(&self, after: MediaId, before: MediaId, limit: usize) -> Result<Vec<AgedOutput>, StoreError> {
        Ok(self.tables().aged_outputs(after, before, limit))
    }

    async fn removed_outputs(&self) -> Result<Timestamp, StoreError> {
        Ok(self.tables().removed_outputs())
    }

    async fn aged_assets(
        &self,
        after: Option<AssetId>,
        before: AssetId,
        limit: usize,
    ) -> Result<Vec<AgedAsset>, StoreError> {
        Ok(self.tables().aged_assets(after, before, limit))
    }

    async fn give_back(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn key_by_hash(&self, hash: [u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.tables().keys.values().find(|key| key.hash == hash).cloned())
    }

    async fn keys(&self, org: &OrgId) -> Result<Vec<ApiKey>, StoreError> {
        Ok(self.tables().keys.values().filter(|key| key.org == *org).cloned().collect())
    }

    async fn key(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.tables().keys.get(&id).cloned())
    }

    async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        Ok(self.tables().organizations_by_age())
    }

    async fn signing(&self, owner: &SecretOwner) -> Result<Option<Signing>, StoreError> {
        Ok(self.tables().signing.get(owner).cloned())
    }

    async fn endpoints(&self, org: &OrgId) -> Result<Vec<Endpoint>, StoreError> {
        Ok(self.tables().endpoints.values().filter(|endpoint| endpoint.org == *org).cloned().collect())
    }

    async fn all_endpoints(
        &self,
        after: Option<(OrgId, EndpointId)>,
        limit: usize,
    ) -> Result<Vec<Endpoint>, StoreError> {
        Ok(self.tables().all_endpoints(after, limit))
    }

    async fn endpoints_on_record(
        &self,
        after: Option<(OrgId, EndpointId)>,
        limit: usize,
    ) -> Result<Vec<(OrgId, EndpointId)>, StoreError> {
        Ok(self.tables().endpoints_on_record(after, limit))
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
