//! The engine's port, verb by verb.
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
use rusqlite::Connection;

use super::commit::Work;
use super::failure::store_error;
use super::read::{access, aged, assets, deliveries, endpoints, feed, generations, replays, secrets};
use super::{Reads, Side, Sqlite, lock, space};

impl Sqlite {
    pub(super) async fn query<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read(Reads::ForTheEngine, move |conn| read(conn).map_err(|error| store_error(&error))).await
    }

    pub(super) async fn list<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read(Reads::Lists, move |conn| read(conn).map_err(|error| store_error(&error))).await
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn apply(&self, changes: Vec<Change>) -> Result<Applied, StoreError> {
        if changes.is_empty() {
            return Ok(Applied::Done);
        }
        self.write(Work::Apply(changes)).await
    }

    async fn open_generations(
        &self,
        models: &[&'static str],
        after: Option<GenerationId>,
        limit: usize,
    ) -> Result<Vec<Generation>, StoreError> {
        let models = models.to_vec();
        self.query(move |conn| generations::open(conn, &models, after, limit)).await
    }

    async fn due(
        &self,
        until: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        self.query(move |conn| deliveries::due(conn, until, after, limit)).await
    }

    async fn due_places(
        &self,
        until: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<DueCursor>, StoreError> {
        self.query(move |conn| deliveries::due_places(conn, until, after, limit)).await
    }

    async fn due_at(&self, places: Vec<DueCursor>) -> Result<Vec<DueDelivery>, StoreError> {
        self.query(move |conn| deliveries::due_at(conn, &places)).await
    }

    async fn parked(&self, lane: &Lane, limit: usize, bytes_max: usize) -> Result<Vec<DueDelivery>, StoreError> {
        let lane = lane.clone();
        self.query(move |conn| deliveries::parked(conn, &lane, limit, bytes_max)).await
    }

    async fn probes(&self, lane: &Lane, until: Timestamp, limit: usize) -> Result<Vec<DueDelivery>, StoreError> {
        let lane = lane.clone();
        self.query(move |conn| deliveries::probes(conn, &lane, until, limit)).await
    }

    async fn backlogs(&self, query: BacklogQuery) -> Result<Vec<Backlog>, StoreError> {
        self.list(move |conn| deliveries::backlogs(conn, &query)).await
    }

    async fn parked_lanes(&self, after: Option<Lane>, limit: usize) -> Result<Vec<Lane>, StoreError> {
        self.query(move |conn| deliveries::parked_lanes(conn, after, limit)).await
    }

    async fn parked_until(&self, until: Timestamp, limit: usize) -> Result<Vec<DueDelivery>, StoreError> {
        self.query(move |conn| deliveries::parked_until(conn, until, limit)).await
    }

    async fn next_due(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.query(move |conn| deliveries::next_due(conn, after)).await
    }

    async fn open_attempts(&self, after: Option<DeliveryId>, limit: usize) -> Result<Vec<DueDelivery>, StoreError> {
        self.query(move |conn| deliveries::open(conn, after, limit)).await
    }

    async fn last_id(&self) -> Result<i64, StoreError> {
        self.query(|conn| deliveries::last_id(conn)).await
    }

    async fn generation(&self, org: &OrgId, id: GenerationId) -> Result<Option<Generation>, StoreError> {
        let found = self.generation_of_any(id).await?;
        Ok(found.filter(|generation| generation.org == *org))
    }

    async fn generation_of_any(&self, id: GenerationId) -> Result<Option<Generation>, StoreError> {
        self.query(move |conn| generations::one(conn, id)).await
    }

    async fn generations(&self, query: GenerationQuery) -> Result<Vec<Generation>, StoreError> {
        self.list(move |conn| generations::page(conn, &query)).await
    }

    async fn delivery(&self, org: &OrgId, id: DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
        let org = org.clone();
        self.list(move |conn| deliveries::one(conn, org.as_str(), id)).await
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<DueDelivery>, StoreError> {
        self.list(move |conn| deliveries::page(conn, &query)).await
    }

    async fn event_of_any(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        self.query(move |conn| deliveries::event(conn, id)).await
    }

    async fn replay(&self, org: &OrgId, id: ReplayId) -> Result<Option<Replay>, StoreError> {
        let org = org.clone();
        self.list(move |conn| replays::one(conn, org.as_str(), id)).await
    }

    async fn running_replays(&self, limit: usize) -> Result<Vec<Replay>, StoreError> {
        self.query(move |conn| replays::running(conn, limit)).await
    }

    async fn replayable(&self, query: ReplayQuery) -> Result<ReplayPage, StoreError> {
        self.query(move |conn| replays::page(conn, &query)).await
    }

    async fn count_replayable(&self, query: ReplayQuery) -> Result<ReplayCount, StoreError> {
        self.list(move |conn| replays::count(conn, &query)).await
    }

    async fn original(&self, org: &OrgId, id: DeliveryId) -> Result<Option<Original>, StoreError> {
        let org = org.clone();
        self.list(move |conn| replays::original(conn, org.as_str(), id)).await
    }

    async fn waiting(&self, ids: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<DeliveryId>, StoreError> {
        self.query(move |conn| replays::waiting(conn, &ids, now)).await
    }

    async fn feed(&self, query: FeedQuery) -> Result<FeedPage, StoreError> {
        self.list(move |conn| feed::page(conn, &query)).await
    }

    async fn consumer(&self, org: &OrgId, name: &ConsumerName) -> Result<Option<Seq>, StoreError> {
        let (org, name) = (org.clone(), name.clone());
        self.list(move |conn| feed::consumer(conn, &org, &name)).await
    }

    async fn asset(&self, org: &OrgId, id: AssetId) -> Result<Option<Asset>, StoreError> {
        let org = org.clone();
        self.query(move |conn| assets::one(conn, &org, id)).await
    }

    async fn named_media(&self, ids: Vec<MediaId>) -> Result<Vec<MediaId>, StoreError> {
        self.query(move |conn| access::named_media(conn, &ids)).await
    }

    async fn aged_deliveries(
        &self,
        after: Option<DeliveryId>,
        before: DeliveryId,
        limit: usize,
    ) -> Result<Vec<AgedDelivery>, StoreError> {
        self.query(move |conn| aged::deliveries(conn, after, before, limit)).await
    }

    async fn aged_events(
        &self,
        after: Option<EventId>,
        before: EventId,
        limit: usize,
    ) -> Result<Vec<AgedEvent>, StoreError> {
        self.query(move |conn| aged::events(conn, after, before, limit)).await
    }

    async fn aged_outputs(&self, after: MediaId, before: MediaId, limit: usize) -> Result<Vec<AgedOutput>, StoreError> {
        self.query(move |conn| aged::outputs(conn, after, before, limit)).await
    }

    async fn removed_outputs(&self) -> Result<Timestamp, StoreError> {
        self.query(|conn| aged::removed_outputs(conn)).await
    }

    async fn aged_assets(
        &self,
        after: Option<AssetId>,
        before: AssetId,
        limit: usize,
    ) -> Result<Vec<AgedAsset>, StoreError> {
        self.query(move |conn| aged::assets(conn, after, before, limit)).await
    }

    async fn give_back(&self) -> Result<bool, StoreError> {
        match &self.side {
            Side::Threads { writer, .. } => writer.give_back().await,
            Side::Caller(writer) => space::give_back(&lock(writer).conn).map_err(|error| store_error(&error)),
        }
    }

    async fn key_by_hash(&self, hash: [u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        self.query(move |conn| access::key_by_hash(conn, hash)).await
    }

    async fn keys(&self, org: &OrgId) -> Result<Vec<ApiKey>, StoreError> {
        let org = org.clone();
        self.list(move |conn| access::keys(conn, &org)).await
    }

    async fn key(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.query(move |conn| access::key(conn, id)).await
    }

    async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        self.list(|conn| access::organizations(conn)).await
    }

    async fn signing(&self, owner: &SecretOwner) -> Result<Option<Signing>, StoreError> {
        let (owner, vault) = (owner.clone(), self.vault.clone());
        self.read(Reads::ForTheEngine, move |conn| secrets::signing(conn, &vault, &owner)).await
    }

    async fn endpoints(&self, org: &OrgId) -> Result<Vec<Endpoint>, StoreError> {
        let (org, vault) = (org.clone(), self.vault.clone());
        self.read(Reads::ForTheEngine, move |conn| endpoints::of_org(conn, &vault, &org)).await
    }

    async fn all_endpoints(
        &self,
        after: Option<(OrgId, EndpointId)>,
        limit: usize,
    ) -> Result<Vec<Endpoint>, StoreError> {
        let vault = self.vault.clone();
        self.read(Reads::Lists, move |conn| endpoints::of_all(conn, &vault, after, limit)).await
    }

    async fn endpoints_on_record(
        &self,
        after: Option<(OrgId, EndpointId)>,
        limit: usize,
    ) -> Result<Vec<(OrgId, EndpointId)>, StoreError> {
        self.read(Reads::ForTheEngine, move |conn| endpoints::on_record(conn, after, limit)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.write(Work::Touch).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use futures::FutureExt as _;
    use futures::executor::block_on;
    use postsync_engine::ports::GenerationOrder;

    use super::*;
    use crate::MasterKey;
    use crate::sqlite::Options;

    /// Only a failing test waits so long.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// More than there are threads for lists.
    const LISTS: usize = 16;

    #[test]
    fn what_a_create_or_a_webhook_waits_for_does_not_stand_behind_lists() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("postsync.db"), &MasterKey::generate([7; 32]), Options::default());
        let store = std::sync::Arc::new(store.unwrap());
        // Each list is held until the sender of its signal is gone.
        let holds: Vec<_> = (0..LISTS).map(|_| channel::<()>()).collect();
        let (signals, held): (Vec<_>, Vec<_>) = holds.into_iter().unzip();
        let mut lists: Vec<_> = held
            .into_iter()
            .map(|signal| Box::pin(store.list(move |_| Ok(signal.recv_timeout(PATIENCE).is_err()))))
            .collect();
        assert!(lists.iter_mut().all(|list| list.now_or_never().is_none()));

        let (read, all_read) = channel();
        let reader = store.clone();
        std::thread::spawn(move || read.send(block_on(engine_reads(&reader))));
        assert_eq!(all_read.recv_timeout(PATIENCE), Ok(Ok(())), "the engine's reads stand behind lists");

        let org = OrgId::new("default");
        let (order, after) = (GenerationOrder::NewestFirst, None);
        let query = GenerationQuery { org, statuses: vec![], ids: vec![], order, after, limit: 1 };
        assert!(store.generations(query).now_or_never().is_none(), "a list stands behind lists");
        drop(signals);
        assert!(lists.into_iter().all(|list| block_on(list) == Ok(true)));
    }

    async fn engine_reads(store: &Sqlite) -> Result<(), StoreError> {
        let (org, generation) = (OrgId::new("default"), GenerationId::new(Timestamp(0), [0; 10]));
        store.due(Timestamp(0), None, 1).await?;
        store.next_due(Timestamp(0)).await?;
        store.open_generations(&["mesh-1"], None, 1).await?;
        store.open_attempts(None, 1).await?;
        store.generation(&org, generation).await?;
        store.asset(&org, AssetId::new(Timestamp(0), [0; 10])).await?;
        store.key_by_hash([0; 32]).await?;
        store.signing(&SecretOwner::org(&org)).await?;
        store.check().await
    }
}
