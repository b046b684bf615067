//! What every loop shares: the ports, the settings, ids, and the one way to write that does not give up.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postsync_core::change::Change;
use postsync_core::ids::{
    AssetId, BatchId, DeliveryId, EndpointId, EventId, GenerationId, IdSequence, KeyId, MediaId, OrgId, ProjectId,
    ReplayId, SecretId, SpeechJobId,
};
use postsync_core::model::Route;
use postsync_core::space::Shortage;
use postsync_core::time::Timestamp;
use tokio::sync::Notify;

use crate::backlog::Backlog;
use crate::cancel::Canceled;
use crate::dispatch::Dispatcher;
use crate::endpoints::Endpoints;
use crate::engine::Ports;
use crate::feed::Feeds;
use crate::gate::Gate;
use crate::keyed::Turns;
use crate::listen::Chairs;
use crate::ports::{Applied, Cancel, Progress, StoreError};
use crate::probe::Lanes;
use crate::secrets::Secrets;
use crate::settings::{Bounds, Settings};
use crate::speech::Speaking;
use crate::speech_jobs::SpeechJobs;
use crate::tally::Tally;
use crate::waiters::Waiters;
use crate::watch::Watchers;

/// Between two tries to write something that must not be lost.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// Media ids remembered while the files of earlier processes are looked through. Past it that ends, until the next start.
const FRESH_MEDIA_MAX: usize = 100_000;

/// The shared state of one engine. One process, one of these: what is in it dies with a crash, and nothing depends on that.
pub(crate) struct World {
    pub(crate) ports: Ports,
    pub(crate) settings: Settings,
    pub(crate) bounds: Bounds,
    pub(crate) secrets: Secrets,
    pub(crate) endpoints: Endpoints,
    /// Rung when work on a generation has begun, and when it has ended: each time after the commit that says so.
    pub(crate) waiters: Waiters<GenerationId>,
    pub(crate) watchers: Watchers,
    pub(crate) feeds: Feeds,
    /// Who listens.
    pub(crate) chairs: Chairs,
    pub(crate) turns: Turns,
    pub(crate) gate: Gate,
    pub(crate) speaking: Speaking,
    pub(crate) dispatcher: Dispatcher,
    /// Assets that wait to be looked at.
    pub(crate) probes: Lanes,
    /// Words that are spoken when it is their turn.
    pub(crate) speech_jobs: SpeechJobs,
    /// A replay has begun.
    pub(crate) replays: Notify,
    pub(crate) backlogs: BTreeMap<Route, Backlog>,
    pub(crate) at_work: Mutex<BTreeMap<GenerationId, AtWork>>,
    /// Organizations that have a voice cloned at this moment.
    pub(crate) cloning: Mutex<BTreeSet<OrgId>>,
    /// Those that were canceled, and may still come up.
    pub(crate) canceled: Canceled,
    /// Told first: no new work is taken up.
    pub(crate) stopping: Cancel,
    /// Told when the grace is over: what is under way is cut and handed back.
    pub(crate) cut: Cancel,
    /// Work and attempts that a stop waits for.
    pub(crate) under_way: Tally,
    ids: Mutex<IdSequence>,
    /// Media ids given out while the files of earlier processes are looked through; `None` once that is over.
    pub(crate) fresh_media: Mutex<Option<BTreeSet<MediaId>>>,
    /// Why no new work is taken for want of room, where that is so.
    pub(crate) shortage: Mutex<Option<Shortage>>,
}

/// A generation that a generator works on.
#[derive(Clone, Default)]
pub(crate) struct AtWork {
    pub(crate) progress: Progress,
    /// The word to end, whoever says it.
    pub(crate) cancel: Cancel,
    /// A client has said it: there is less time.
    by_client: Cancel,
}

impl AtWork {
    /// A client has canceled the generation, and that is on disk.
    pub(crate) fn cancel_for_client(&self) {
        self.by_client.cancel();
        self.cancel.cancel();
    }

    pub(crate) async fn canceled_by_client(&self) {
        let _ = self.by_client.cancelled().await;
    }
}

impl World {
    pub(crate) fn new(ports: Ports, settings: Settings, bounds: Bounds, last_id: i64) -> Arc<Self> {
        let backlogs = ports.generators.keys().map(|route| (*route, Backlog::new(bounds))).collect();
        Arc::new(Self {
            dispatcher: Dispatcher::new(settings.in_flight_max, bounds),
            secrets: Secrets::default(),
            endpoints: Endpoints::default(),
            waiters: Waiters::default(),
            watchers: Watchers::default(),
            probes: Lanes::default(),
            speech_jobs: SpeechJobs::default(),
            replays: Notify::new(),
            feeds: Feeds::default(),
            chairs: Chairs::default(),
            turns: Turns::default(),
            gate: Gate::default(),
            speaking: Speaking::default(),
            backlogs,
            at_work: Mutex::default(),
            cloning: Mutex::default(),
            canceled: Canceled::default(),
            stopping: Cancel::default(),
            cut: Cancel::default(),
            under_way: Tally::default(),
            ids: Mutex::new(IdSequence::after(last_id)),
            fresh_media: Mutex::new(Some(BTreeSet::new())),
            shortage: Mutex::default(),
            ports,
            settings,
            bounds,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn next_id(&self) -> i64 {
        let now = self.now();
        locked(&self.ids).next(now)
    }

    pub(crate) fn new_event_id(&self) -> EventId {
        EventId(self.next_id())
    }

    pub(crate) fn new_delivery_id(&self) -> DeliveryId {
        DeliveryId(self.next_id())
    }

    pub(crate) fn new_replay_id(&self) -> ReplayId {
        ReplayId(self.next_id())
    }

    pub(crate) fn new_secret_id(&self) -> SecretId {
        SecretId(self.next_id())
    }

    pub(crate) fn new_key_id(&self) -> KeyId {
        KeyId(self.next_id())
    }

    pub(crate) fn new_endpoint_id(&self) -> EndpointId {
        EndpointId::registered(self.next_id())
    }

    pub(crate) fn new_generation_id(&self) -> GenerationId {
        GenerationId::new(self.now(), self.random())
    }

    pub(crate) fn new_batch_id(&self) -> BatchId {
        BatchId::new(self.now(), self.random())
    }

    pub(crate) fn new_asset_id(&self) -> AssetId {
        AssetId::new(self.now(), self.random())
    }

    pub(crate) fn new_project_id(&self) -> ProjectId {
        ProjectId::new(self.now(), self.random())
    }

    pub(crate) fn new_speech_job_id(&self) -> SpeechJobId {
        SpeechJobId::new(self.now(), self.random())
    }

    pub(crate) fn new_media_id(&self) -> MediaId {
        let id = MediaId::new(self.now(), self.random());
        let mut fresh = locked(&self.fresh_media);
        if let Some(ids) = fresh.as_mut() {
            ids.insert(id);
            if ids.len() > FRESH_MEDIA_MAX {
                *fresh = None;
            }
        }
        id
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0u8; N];
        self.ports.entropy.fill(&mut bytes);
        bytes
    }

    /// Writes what must not be lost: tries until the store takes it. A full disk or a busy database passes; giving up here
    /// would forget an outcome. `None` only when the store has closed: then the process is ending, and a restart recovers.
    pub(crate) async fn write(&self, changes: Vec<Change>) -> Option<Applied> {
        loop {
            match self.ports.store.apply(changes.clone()).await {
                Ok(applied) => return Some(applied),
                Err(StoreError::Closed) => return None,
                Err(error) => {
                    tracing::error!(%error, "the store refused a write that must not be lost; trying again");
                    self.ports.clock.sleep(STORE_RETRY).await;
                }
            }
        }
    }

    /// Waits between two tries to read.
    pub(crate) async fn pause_after(&self, error: &StoreError, reading: &str) {
        tracing::error!(%error, reading, "the store could not be read; trying again");
        self.ports.clock.sleep(STORE_RETRY).await;
    }
}

/// A panic while a lock is held leaves plain data behind, which is whole: go on with it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
