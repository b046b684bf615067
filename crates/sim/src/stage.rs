//! One world with one engine in it: what a seeded run and a scripted scenario have in common.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use postsync_core::Secret;
use postsync_core::batch::Batch;
use postsync_core::delivery::Origin;
use postsync_core::endpoint::Endpoint;
use postsync_core::generation::{Generation, NewGeneration, Request};
use postsync_core::ids::{GenerationId, MediaId, OrgId};
use postsync_core::model::Route;
use postsync_core::relay::DoorKey;
use postsync_core::speech::SpeechLane;
use postsync_engine::ports::{
    BatchQuery, DeliveryQuery, DeliveryRecord, GenerationOrder, GenerationQuery, Generator, Spawn as _, SpeechTurn,
    Store,
};
use postsync_engine::{Bounds, Door, Engine, Ports, RelayPorts, RelaySettings, Relays, Settings};
use postsync_store::memory::Memory;

use crate::checkers::{End, Rules};
use crate::clock::VirtualClock;
use crate::dice::Dice;
use crate::executor::locked;
use crate::executor::{Executor, Spawner};
use crate::facts::Fact;
use crate::witness::Witness;
use crate::world::{FaultyStore, Receivers, SimFetch, SimGenerator, SimMedia, SimProber, SimSpeech, SimUpstream};

/// The model that goes to the instant generator.
pub const INSTANT_MODEL: &str = "lipsync-2";

/// The model that goes to the slow one.
pub const SLOW_MODEL: &str = "mesh-1";

/// The model that goes to the upstream.
pub const RELAYED_MODEL: &str = "react-1";

/// What the upstream signs with.
pub const UPSTREAM_SECRET: &str = "whsec_8f14e45fceea167a5a36dedd4bea2543";

/// Generations at the upstream at once.
const RELAYED_MAX: usize = 4;

/// Works of the slow generator at once.
pub const SLOW_WORKS_MAX: usize = 2;

/// Works of the instant one.
const INSTANT_WORKS_MAX: usize = 8;

/// Polls without time passing: more than any real burst takes, so the engine is turning in a circle.
const POLLS_IN_PLACE_MAX: usize = 200_000;

/// Rows read at once.
const PAGE: usize = 1_000;

/// A world and its engine.
pub struct Stage {
    /// Time.
    pub clock: VirtualClock,
    /// Chance.
    pub dice: Dice,
    /// What sees everything.
    pub witness: Witness,
    /// The customers' servers.
    pub receivers: Arc<Receivers>,
    /// Files.
    pub media: Arc<SimMedia>,
    /// Inputs.
    pub fetch: Arc<SimFetch>,
    /// Makes what [`INSTANT_MODEL`] names.
    pub instant: Arc<SimGenerator>,
    /// Makes what [`SLOW_MODEL`] names.
    pub slow: Arc<SimGenerator>,
    /// Makes what [`RELAYED_MODEL`] names; survives crashes.
    pub upstream: Arc<SimUpstream>,
    /// Speaks.
    pub speech: Arc<SimSpeech>,
    /// The disk; survives crashes.
    pub store: Arc<FaultyStore>,
    settings: Settings,
    bounds: Bounds,
    relay_time_max: Option<Duration>,
    executor: Executor,
    engine: Arc<Mutex<Option<Arc<Engine>>>>,
}

impl Stage {
    /// A world without faults, on an empty store in memory.
    #[must_use]
    pub fn new(seed: u64, settings: Settings, bounds: Bounds) -> Self {
        Self::on(Arc::new(Memory::new()), seed, settings, bounds)
    }

    /// The same on another store, which must complete every call at its first poll.
    #[must_use]
    pub fn on(inner: Arc<dyn Store>, seed: u64, mut settings: Settings, bounds: Bounds) -> Self {
        settings.routing.set(INSTANT_MODEL, Route::Passthrough);
        settings.routing.set(RELAYED_MODEL, Route::Sync);
        let (clock, dice) = (VirtualClock::default(), Dice::new(seed));
        let rules = Rules {
            schedule: settings.schedule.clone(),
            in_flight_max: settings.in_flight_max,
            works_max: SLOW_WORKS_MAX,
        };
        let witness = Witness::new(clock.clone(), &rules);
        let generator =
            |instant, works_max| SimGenerator::new(instant, works_max, clock.clone(), dice.clone(), witness.clone());
        Self {
            receivers: Receivers::new(clock.clone(), dice.clone(), witness.clone()),
            media: SimMedia::new(clock.clone(), dice.clone(), witness.clone()),
            fetch: SimFetch::new(dice.clone()),
            instant: generator(true, INSTANT_WORKS_MAX),
            slow: generator(false, SLOW_WORKS_MAX),
            upstream: SimUpstream::new(clock.clone(), dice.clone(), witness.clone()),
            speech: SimSpeech::new(clock.clone(), dice.clone()),
            store: FaultyStore::new(inner, clock.clone(), dice.clone(), witness.clone()),
            executor: Executor::new(dice.clone()),
            engine: Arc::default(),
            clock,
            dice,
            witness,
            settings,
            bounds,
            relay_time_max: None,
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Engine>>> {
        locked(&self.engine)
    }

    /// What the next life is started with.
    pub fn set_settings(&mut self, settings: Settings) {
        let routing = self.settings.routing.clone();
        self.settings = Settings { routing, ..settings };
    }

    /// How long a generation may be with the upstream, over all restarts; its time in one life is the settings'.
    pub fn set_relay_time_max(&mut self, time_max: Duration) {
        self.relay_time_max = Some(time_max);
    }

    /// The running engine.
    #[must_use]
    pub fn engine(&self) -> Option<Arc<Engine>> {
        self.slot().clone()
    }

    /// Where tasks of the current life are spawned.
    #[must_use]
    pub fn spawner(&self) -> Spawner {
        self.executor.spawner()
    }

    /// Begins a process life: the engine starts as soon as its start is polled.
    pub fn begin_life(&mut self) {
        self.witness.tell(&Fact::LifeBegan);
        let (ports, settings, bounds) = (self.ports(), self.settings.clone(), self.bounds);
        let slot = self.engine.clone();
        self.spawner().spawn(Box::pin(async move {
            // A start that fails ends the process; whoever runs it starts another.
            if let Ok(engine) = Engine::start_within(ports, settings, bounds).await {
                *locked(&slot) = Some(engine);
            }
        }));
    }

    /// Ends the life where it stands.
    pub fn kill(&mut self) {
        self.end_life();
        self.witness.tell(&Fact::Crashed);
    }

    /// Ends a life whose stop has returned.
    pub fn exit(&mut self) {
        self.end_life();
    }

    fn end_life(&mut self) {
        let engine = self.slot().take();
        self.executor.crash();
        drop(engine);
    }

    fn ports(&self) -> Ports {
        Ports {
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(self.dice.clone()),
            spawn: Arc::new(self.spawner()),
            store: self.store.clone(),
            media: self.media.clone(),
            sender: self.receivers.clone(),
            fetch: self.fetch.clone(),
            prober: Arc::new(SimProber),
            generators: BTreeMap::from([
                (Route::Passthrough, self.instant.clone() as Arc<dyn Generator>),
                (Route::Builtin, self.slow.clone() as Arc<dyn Generator>),
            ]),
            speech: self.speech.clone(),
            relays: self.relays(),
        }
    }

    fn relays(&self) -> Option<Arc<Relays>> {
        let ports = RelayPorts {
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(self.dice.clone()),
            spawn: Arc::new(self.spawner()),
            store: self.store.clone(),
            fetch: self.fetch.clone(),
            upstream: self.upstream.clone(),
        };
        let secret = Secret::new(UPSTREAM_SECRET).ok()?;
        let door = Door { public_url: "https://we.example".to_owned(), key: DoorKey::new([7; 32]), secret };
        let settings = RelaySettings {
            concurrency: RELAYED_MAX,
            time_max: self.relay_time_max.unwrap_or(self.settings.generation_timeout),
            output_bytes_max: self.settings.input_bytes_max,
            door: Some(door),
        };
        Some(Arc::new(Relays::new(ports, settings)))
    }

    /// Polls one task. `false` where none is ready.
    pub fn step(&mut self) -> bool {
        self.executor.step()
    }

    /// Lets the next sleeper wake, but moves no further than `to_ms`. `false` where nothing wakes until then.
    pub fn wake_next(&mut self, to_ms: i64) -> bool {
        match self.clock.next_timer_ms().filter(|at| *at <= to_ms) {
            Some(at) => self.clock.advance_to(at),
            None => return false,
        }
        true
    }

    /// Runs until nothing is ready and `ms` of virtual time have passed.
    ///
    /// # Panics
    /// Where the engine turns in a circle without time passing.
    pub fn advance(&mut self, ms: i64) {
        let to_ms = self.clock.mono_ms() + ms;
        loop {
            self.run_ready();
            if !self.wake_next(to_ms) {
                self.clock.advance_to(to_ms);
                return;
            }
        }
    }

    /// Polls until nothing is ready; no time passes.
    ///
    /// # Panics
    /// Where the engine turns in a circle.
    pub fn run_ready(&mut self) {
        for _ in 0..POLLS_IN_PLACE_MAX {
            if !self.step() {
                return;
            }
        }
        panic!("the engine turns in a circle without time passing");
    }

    /// Runs one future of the world to its end, for at most `ms` of virtual time. `None` where it takes longer.
    pub fn run<T: Send + 'static>(&mut self, ms: i64, future: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let answer = Arc::new(Mutex::new(None));
        let slot = answer.clone();
        self.spawner().spawn(Box::pin(async move {
            let value = future.await;
            *locked(&slot) = Some(value);
        }));
        let to_ms = self.clock.mono_ms() + ms;
        loop {
            self.run_ready();
            let value = locked(&answer).take();
            if value.is_some() || !self.wake_next(to_ms) {
                return value;
            }
        }
    }

    /// What a client asks for: that model, that webhook.
    #[must_use]
    pub fn request(org: &str, model: &str, webhook_url: Option<&str>) -> NewGeneration {
        let input =
            r#"[{"type":"video","url":"https://in.example/v.mp4"},{"type":"audio","url":"https://in.example/a.wav"}]"#;
        NewGeneration {
            org: OrgId::new(org),
            request: Request {
                model: model.to_owned(),
                input: input.to_owned(),
                webhook_url: webhook_url.map(str::to_owned),
                ..Request::default()
            },
        }
    }

    /// Everything on disk, and what is left in memory.
    #[must_use]
    pub fn end(&self, orgs: &[OrgId], settled: bool, took_ms: i64) -> End {
        let generations: Vec<Generation> = orgs.iter().flat_map(|org| self.generations(org)).collect();
        let engine = self.engine();
        let shown = |id: &GenerationId| engine.as_ref().is_some_and(|engine| engine.progress_percent(*id).is_some());
        End {
            counted: orgs.iter().map(|org| engine.as_ref().map_or(0, |engine| engine.active(org))).sum(),
            at_work: generations.iter().map(|g| g.id).filter(shown).collect(),
            deliveries: orgs.iter().flat_map(|org| self.deliveries(org)).filter(is_posted).collect(),
            batches: orgs.iter().flat_map(|org| self.batches(org)).collect(),
            generations,
            folders: self.media.folders(),
            media_of_nobody: self.media_of_nobody(),
            settled,
            took_ms,
        }
    }

    fn media_of_nobody(&self) -> Vec<MediaId> {
        let kept = self.media.kept();
        let named = now(self.store.inner().named_media(kept.clone()));
        kept.into_iter().filter(|id| !named.contains(id)).collect()
    }

    /// Every generation of an organization on disk, oldest first.
    #[must_use]
    pub fn generations(&self, org: &OrgId) -> Vec<Generation> {
        let mut all = Vec::new();
        loop {
            let query = GenerationQuery {
                org: org.clone(),
                statuses: Vec::new(),
                ids: Vec::new(),
                order: GenerationOrder::OldestFirst,
                after: all.last().map(|g: &Generation| g.id),
                limit: PAGE,
            };
            let page = now(self.store.inner().generations(query));
            let last = page.len() < PAGE;
            all.extend(page);
            if last {
                return all;
            }
        }
    }

    /// Every batch of an organization on disk: far fewer than a page has.
    #[must_use]
    pub fn batches(&self, org: &OrgId) -> Vec<Batch> {
        let query = BatchQuery { org: org.clone(), status: None, after: None, before: None, limit: PAGE };
        now(self.store.inner().batches(query))
    }

    /// Every registered endpoint of an organization on disk.
    #[must_use]
    pub fn endpoints(&self, org: &OrgId) -> Vec<Endpoint> {
        now(self.store.inner().endpoints(org))
    }

    /// Every delivery of an organization on disk with its attempts, newest first.
    #[must_use]
    pub fn deliveries(&self, org: &OrgId) -> Vec<DeliveryRecord> {
        let mut ids = Vec::new();
        loop {
            let after = ids.last().copied();
            let query =
                DeliveryQuery { org: org.clone(), status: None, generation: None, endpoint: None, after, limit: PAGE };
            let page = now(self.store.inner().deliveries(query));
            let last = page.len() < PAGE;
            ids.extend(page.into_iter().map(|due| due.delivery.id));
            if last {
                break;
            }
        }
        ids.into_iter().filter_map(|id| now(self.store.inner().delivery(org, id))).collect()
    }

    /// Whether nothing on disk waits for anything any more.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let inner = self.store.inner();
        now(inner.open_generations(&[INSTANT_MODEL, SLOW_MODEL, RELAYED_MODEL], None, 1)).is_empty()
            && SpeechLane::ALL.into_iter().all(|lane| {
                let turn = SpeechTurn { lane, after: None, not: Vec::new() };
                now(inner.next_speech_job(turn)).is_none()
            })
            && now(inner.due(postsync_core::time::Timestamp(i64::MAX), None, 1)).is_empty()
            && now(inner.open_attempts(None, 1)).is_empty()
            && now(inner.parked_lanes(None, 1)).is_empty()
            && now(inner.running_replays(1)).is_empty()
    }
}

/// What a store behind the faults answers.
fn now<T: Default>(call: impl Future<Output = Result<T, postsync_engine::ports::StoreError>>) -> T {
    use futures::FutureExt as _;
    call.now_or_never().and_then(Result::ok).unwrap_or_default()
}

/// Not of a listener: what that has taken was made with its answer.
fn is_posted(record: &DeliveryRecord) -> bool {
    record.delivery.origin != Origin::Listener
}
