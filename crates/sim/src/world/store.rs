//! A disk with faults in front of a store that works.
//!
//! A write takes its time on the way there and on the way back. Dropped on the way there it either happened or did not;
//! dropped on the way back it happened and nobody was told. For a while everything may be refused as busy or full, and
//! then nothing of it was written. And who is not the owner any more may write late what it wrote before.
mod access;
mod audit;
mod failures;
mod idempotency;
mod usage;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use postsync_core::access::{ApiKey, Organization};
use postsync_core::asset::{Asset, AssetKind};
use postsync_core::batch::{Batch, RowResult};
use postsync_core::change::Change;
use postsync_core::endpoint::Endpoint;
use postsync_core::event::Event;
use postsync_core::feed::Seq;
use postsync_core::generation::{Generation, Status};
use postsync_core::idempotency::IdempotencyKey;
use postsync_core::ids::{
    AssetId, BatchId, ConsumerName, DeliveryId, EndpointId, EventId, GenerationId, KeyId, ListenerName, MediaId, OrgId,
    ProjectId, ReplayId, SpeechJobId,
};
use postsync_core::listener::Listener;
use postsync_core::parking::Lane;
use postsync_core::project::{Project, ProjectPlace};
use postsync_core::relay::{Relay, RelayChange};
use postsync_core::replay::{Original, Replay};
use postsync_core::rotation::{SecretOwner, Signing, Step};
use postsync_core::speech_job::SpeechJob;
use postsync_core::time::Timestamp;
use postsync_core::voice::{ClonedVoice, VoiceTag};
use postsync_engine::ports::{
    AgedAsset, AgedDelivery, AgedEvent, AgedOutput, Applied, AssetPage, AssetQuery, AssetStore, Backlog, BacklogQuery,
    BatchQuery, BatchStore, Clock as _, CountStore, DeliveryQuery, DeliveryRecord, DueCursor, DueDelivery, FeedPage,
    FeedQuery, GenerationQuery, ListenerStore, ProbeQuery, ProjectStore, Queued, RelayStore, ReplayCount, ReplayPage,
    ReplayQuery, SpeechJobStore, SpeechTurn, Store, StoreError, TurnPage, TurnQuery, TurnStore, VoiceStore,
};

use super::Yield;
use crate::clock::VirtualClock;
use crate::dice::Dice;
use crate::executor::locked;
use crate::facts::Fact;
use crate::witness::Witness;

/// Old writes that are kept to be written again.
const OLD_MAX: usize = 64;

/// The store as the engine sees it.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    clock: VirtualClock,
    dice: Dice,
    witness: Witness,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    faulty: bool,
    refusing: Option<(i64, StoreError)>,
    damaged: BTreeMap<SecretOwner, StoreError>,
    damaged_endpoints: BTreeMap<OrgId, StoreError>,
    old: VecDeque<Change>,
    late_answer_ms: Option<i64>,
    late_take_ms: Option<i64>,
}

impl FaultyStore {
    /// In front of a store that completes every call at its first poll. Without faults at first.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, clock: VirtualClock, dice: Dice, witness: Witness) -> Arc<Self> {
        Arc::new(Self { inner, clock, dice, witness, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Whether calls take time and may be torn by a crash.
    pub fn set_faulty(&self, faulty: bool) {
        self.state().faulty = faulty;
    }

    /// Refuses everything for so long.
    pub fn refuse_for(&self, ms: i64, error: StoreError) {
        self.state().refusing = Some((self.clock.mono_ms() + ms, error));
    }

    /// The row of an owner's secrets can't be read any more; `None`: it can again.
    pub fn set_damaged(&self, owner: SecretOwner, error: Option<StoreError>) {
        let damaged = &mut self.state().damaged;
        match error {
            Some(error) => damaged.insert(owner, error),
            None => damaged.remove(&owner),
        };
    }

    /// The same of an organization's endpoints, whose headers are sealed.
    pub fn set_endpoints_damaged(&self, org: OrgId, error: Option<StoreError>) {
        let damaged = &mut self.state().damaged_endpoints;
        match error {
            Some(error) => damaged.insert(org, error),
            None => damaged.remove(&org),
        };
    }

    /// Whoever makes the next generation hears of its commit so much later than others may see it.
    pub fn answer_a_create_late(&self, ms: i64) {
        self.state().late_answer_ms = Some(ms);
    }

    /// What an upstream has taken next is committed so much later than it is asked for.
    pub fn commit_a_take_late(&self, ms: i64) {
        self.state().late_take_ms = Some(ms);
    }

    async fn dawdle_before(&self, changes: &[Change]) {
        let is_take = changes.iter().any(|change| matches!(change, Change::Relay(RelayChange::Take { .. })));
        let late = if is_take { self.state().late_take_ms.take() } else { None };
        if let Some(ms) = late {
            self.sleep(ms).await;
        }
    }

    async fn dawdle(&self, is_create: bool) {
        let late = if is_create { self.state().late_answer_ms.take() } else { None };
        if let Some(ms) = late {
            self.sleep(ms).await;
        }
    }

    /// Works again.
    pub fn accept(&self) {
        self.state().refusing = None;
    }

    /// The store behind the faults.
    #[must_use]
    pub fn inner(&self) -> &Arc<dyn Store> {
        &self.inner
    }

    /// Another process on the same disk takes a step with an owner's secrets, as a command does beside a server. Gives what
    /// signs after it; `None` where nothing changed.
    pub fn step_secrets(&self, owner: &SecretOwner, step: Step, now: Timestamp) -> Option<Signing> {
        let before = self.inner.signing(owner).now_or_never()?.ok()??;
        let after = before.step(step, now).ok()?;
        let change = Change::SetSecrets { was: Some(before.places()), now: Box::new(after.clone()) };
        matches!(self.commit(vec![change]), Ok(Applied::Done)).then_some(after)
    }

    /// Writes something again that was written long ago: its fence must refuse it.
    pub fn write_late(&self) {
        let change = {
            let state = self.state();
            let chosen = self.dice.below(state.old.len());
            state.old.get(chosen).cloned()
        };
        let Some(change) = change else { return };
        if let Some(Ok(Applied::Done)) = self.inner.apply(vec![change.clone()]).now_or_never() {
            self.witness.tell(&Fact::ZombieTook(&change));
        }
    }

    fn refusal(&self) -> Option<StoreError> {
        let state = self.state();
        let (until_ms, error) = state.refusing.as_ref()?;
        (self.clock.mono_ms() < *until_ms).then(|| error.clone())
    }

    async fn pass(&self) {
        if !self.state().faulty {
            return;
        }
        match self.dice.below(16) {
            0..=8 => {}
            9..=12 => Yield::default().await,
            13 | 14 => self.sleep(self.dice.between(1, 20)).await,
            _ => self.sleep(self.dice.between(1, 400)).await,
        }
    }

    async fn sleep(&self, ms: i64) {
        self.clock.sleep(Duration::from_millis(u64::try_from(ms).unwrap_or(0))).await;
    }

    /// What is sealed is all that may be unreadable while its neighbours are not.
    fn damage(&self, owner: &SecretOwner) -> Result<(), StoreError> {
        self.state().damaged.get(owner).map_or(Ok(()), |error| Err(error.clone()))
    }

    async fn look(&self) -> Result<(), StoreError> {
        self.pass().await;
        self.refusal().map_or(Ok(()), Err)
    }

    fn commit(&self, changes: Vec<Change>) -> Result<Applied, StoreError> {
        let applied = self.inner.apply(changes.clone()).now_or_never();
        let applied = applied.ok_or_else(|| StoreError::Failed("a simulated store must not wait".to_owned()))??;
        if applied == Applied::Done {
            for change in changes {
                self.witness.tell(&Fact::Committed(&change));
                self.remember(change);
            }
        }
        Ok(applied)
    }

    fn remember(&self, change: Change) {
        // Not the start of a generation: a stop takes it back, so writing it again is another start, not a late one.
        if matches!(change, Change::StartAttempt { .. } | Change::SettleAttempt(_) | Change::EndGeneration { .. }) {
            let mut state = self.state();
            state.old.push_back(change);
            if state.old.len() > OLD_MAX {
                state.old.pop_front();
            }
        }
    }
}

/// A write that has left its writer and is not on disk yet.
struct OnItsWay<'a> {
    store: &'a FaultyStore,
    changes: Option<Vec<Change>>,
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        if let Some(changes) = self.changes.take()
            && self.store.dice.below(2) == 0
        {
            let _ = self.store.commit(changes);
        }
    }
}

/// What one of the store's other traits reads.
macro_rules! reads_of {
    ($store:ident: $($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl $store for FaultyStore {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$answer, StoreError> {
                self.look().await?;
                let answer = self.inner.$name($($arg),*).await;
                self.pass().await;
                answer
            })*
        }
    };
}

reads_of! { AssetStore:
    assets(query: AssetQuery) -> AssetPage;
    asset_of_any(id: AssetId) -> Option<Asset>;
    count_assets(org: &OrgId, kinds: Vec<AssetKind>) -> u64;
    asset_to_probe(query: ProbeQuery) -> Option<Asset>;
}

reads_of! { ProjectStore:
    project(org: &OrgId, id: ProjectId) -> Option<Project>;
    projects(org: &OrgId, after: Option<ProjectPlace>, limit: usize) -> Vec<Project>;
    project_assets(id: ProjectId, query: AssetQuery) -> (AssetPage, u64);
}

reads_of! { SpeechJobStore:
    speech_job(org: &OrgId, id: SpeechJobId) -> Option<SpeechJob>;
    speech_job_of_key(org: &OrgId, key: &IdempotencyKey) -> Option<SpeechJob>;
    next_speech_job(turn: SpeechTurn) -> Option<SpeechJob>;
}

reads_of! { ListenerStore:
    listeners(org: &OrgId) -> Vec<Listener>;
    listener(org: &OrgId, name: &ListenerName) -> Option<Listener>;
    listener_queue(org: &OrgId, name: &ListenerName, limit: usize) -> Vec<Queued>;
}

reads_of! { VoiceStore:
    cloned_voices(org: &OrgId) -> Vec<ClonedVoice>;
    clones_among(ids: Vec<String>, tags: Vec<VoiceTag>) -> Vec<ClonedVoice>;
    voices_of_others(org: &OrgId, ids: Vec<String>) -> Vec<String>;
}

reads_of! { CountStore:
    count_generations(org: &OrgId, statuses: Vec<Status>) -> u64;
}

macro_rules! reads {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for FaultyStore {
            async fn apply(&self, changes: Vec<Change>) -> Result<Applied, StoreError> {
                self.pass().await;
                if let Some(error) = self.refusal() {
                    self.witness.tell(&Fact::Refused);
                    return Err(error);
                }
                let is_create = changes.iter().any(|change| matches!(change, Change::AddGeneration(_)));
                self.dawdle_before(&changes).await;
                let mut on_its_way = OnItsWay { store: self, changes: Some(changes) };
                self.pass().await;
                let done = self.commit(on_its_way.changes.take().unwrap_or_default());
                self.dawdle(is_create).await;
                self.pass().await;
                done
            }

            async fn signing(&self, owner: &SecretOwner) -> Result<Option<Signing>, StoreError> {
                self.look().await?;
                self.damage(owner)?;
                let answer = self.inner.signing(owner).await;
                self.pass().await;
                answer
            }

            async fn endpoints(&self, org: &OrgId) -> Result<Vec<Endpoint>, StoreError> {
                self.look().await?;
                self.state().damaged_endpoints.get(org).map_or(Ok(()), |error| Err(error.clone()))?;
                let answer = self.inner.endpoints(org).await;
                self.pass().await;
                answer
            }

            $(async fn $name(&self, $($arg: $type),*) -> Result<$answer, StoreError> {
                self.look().await?;
                let answer = self.inner.$name($($arg),*).await;
                self.pass().await;
                answer
            })*
        }
    };
}

#[async_trait]
impl BatchStore for FaultyStore {
    async fn batch_of_any(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        self.look().await?;
        let answer = self.inner.batch_of_any(id).await;
        self.pass().await;
        answer
    }

    async fn batches(&self, query: BatchQuery) -> Result<Vec<Batch>, StoreError> {
        self.look().await?;
        self.inner.batches(query).await
    }

    async fn batch_results(&self, id: BatchId) -> Result<Vec<RowResult>, StoreError> {
        self.look().await?;
        self.inner.batch_results(id).await
    }
}

#[async_trait]
impl RelayStore for FaultyStore {
    async fn relay(&self, id: GenerationId) -> Result<Option<Relay>, StoreError> {
        self.look().await?;
        let answer = self.inner.relay(id).await;
        self.pass().await;
        answer
    }
}

#[async_trait]
impl TurnStore for FaultyStore {
    async fn in_turn(&self, query: TurnQuery) -> Result<TurnPage, StoreError> {
        self.look().await?;
        let answer = self.inner.in_turn(query).await;
        self.pass().await;
        answer
    }
}

reads! {
    open_generations(models: &[&'static str], after: Option<GenerationId>, limit: usize) -> Vec<Generation>;
    due(until: Timestamp, after: Option<DueCursor>, limit: usize) -> Vec<DueDelivery>;
    due_places(until: Timestamp, after: Option<DueCursor>, limit: usize) -> Vec<DueCursor>;
    due_at(places: Vec<DueCursor>) -> Vec<DueDelivery>;
    parked(lane: &Lane, limit: usize, bytes_max: usize) -> Vec<DueDelivery>;
    probes(lane: &Lane, until: Timestamp, limit: usize) -> Vec<DueDelivery>;
    backlogs(query: BacklogQuery) -> Vec<Backlog>;
    parked_lanes(after: Option<Lane>, limit: usize) -> Vec<Lane>;
    parked_until(until: Timestamp, limit: usize) -> Vec<DueDelivery>;
    next_due(after: Timestamp) -> Option<Timestamp>;
    open_attempts(after: Option<DeliveryId>, limit: usize) -> Vec<DueDelivery>;
    last_id() -> i64;
    generation(org: &OrgId, id: GenerationId) -> Option<Generation>;
    generation_of_any(id: GenerationId) -> Option<Generation>;
    generations(query: GenerationQuery) -> Vec<Generation>;
    delivery(org: &OrgId, id: DeliveryId) -> Option<DeliveryRecord>;
    deliveries(query: DeliveryQuery) -> Vec<DueDelivery>;
    event_of_any(id: EventId) -> Option<Event>;
    replay(org: &OrgId, id: ReplayId) -> Option<Replay>;
    running_replays(limit: usize) -> Vec<Replay>;
    replayable(query: ReplayQuery) -> ReplayPage;
    count_replayable(query: ReplayQuery) -> ReplayCount;
    original(org: &OrgId, id: DeliveryId) -> Option<Original>;
    waiting(ids: Vec<DeliveryId>, now: Timestamp) -> Vec<DeliveryId>;
    feed(query: FeedQuery) -> FeedPage;
    consumer(org: &OrgId, name: &ConsumerName) -> Option<Seq>;
    asset(org: &OrgId, id: AssetId) -> Option<Asset>;
    named_media(ids: Vec<MediaId>) -> Vec<MediaId>;
    aged_deliveries(after: Option<DeliveryId>, before: DeliveryId, limit: usize) -> Vec<AgedDelivery>;
    aged_events(after: Option<EventId>, before: EventId, limit: usize) -> Vec<AgedEvent>;
    aged_outputs(after: MediaId, before: MediaId, limit: usize) -> Vec<AgedOutput>;
    removed_outputs() -> Timestamp;
    aged_assets(after: Option<AssetId>, before: AssetId, limit: usize) -> Vec<AgedAsset>;
    give_back() -> bool;
    key_by_hash(hash: [u8; 32]) -> Option<ApiKey>;
    keys(org: &OrgId) -> Vec<ApiKey>;
    key(id: KeyId) -> Option<ApiKey>;
    organizations() -> Vec<Organization>;
    all_endpoints(after: Option<(OrgId, EndpointId)>, limit: usize) -> Vec<Endpoint>;
    endpoints_on_record(after: Option<(OrgId, EndpointId)>, limit: usize) -> Vec<(OrgId, EndpointId)>;
    check() -> ();
}
