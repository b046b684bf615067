//! The whole engine as its users see it: started on a set of ports, asked to accept, read, wait, stop.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postsync_core::access::{ApiKey, Scopes};
use postsync_core::asset::{Asset, Described};
use postsync_core::batch::{Batch, NewBatch};
use postsync_core::generation::{Generation, NewGeneration};
use postsync_core::ids::{AssetId, GenerationId, KeyId, MediaId, OrgId};
use postsync_core::model::Route;
use postsync_core::plan::{Allowance, Plans};
use postsync_core::retention::Horizons;
use postsync_core::rule;
use postsync_core::space::Shortage;
use postsync_core::speech::{SpeechLane, Words};
use postsync_core::time::Timestamp;

use crate::assets::AssetError;
use crate::backlog::Backlog;
use crate::cancel::CancelError;
use crate::destinations::DestinationView;
use crate::feed::Feed;
use crate::gate::{Place, PlaceError, Wanted};
use crate::keyed::Keyed;
use crate::ports::{
    Clock, Entropy, Fetch, Generator, MediaError, MediaStore, ProbeLane, Prober, Sender, Spawn, Speech, Store,
    StoreError,
};
use crate::relay::{Relays, Unheard};
use crate::remove::RemoveError;
use crate::settings::{Bounds, Settings};
use crate::speech::{SpeakError, Turn};
use crate::submit::{Submission, SubmitError};
use crate::watch::{Watch, WatchError};
use crate::world::{World, locked};
use crate::{
    access, assets, batches, cancel, destinations, dispatch, endpoints, gate, generate, probe, remove, replay,
    retention, space, speech, speech_jobs, submit, sweep, watch,
};

/// After the grace, for outcomes of what was cut to reach the disk.
const HAND_BACK: Duration = Duration::from_secs(5);

/// Everything that the engine needs of the world.
#[derive(Clone)]
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Tasks.
    pub spawn: Arc<dyn Spawn>,
    /// What is remembered.
    pub store: Arc<dyn Store>,
    /// Where files live.
    pub media: Arc<dyn MediaStore>,
    /// Webhooks out.
    pub sender: Arc<dyn Sender>,
    /// Inputs in.
    pub fetch: Arc<dyn Fetch>,
    /// Looks into assets.
    pub prober: Arc<dyn Prober>,
    /// Words to sound.
    pub speech: Arc<dyn Speech>,
    /// What makes videos, by route.
    pub generators: BTreeMap<Route, Arc<dyn Generator>>,
    /// Has an upstream make them: the generator of [`Route::Sync`], where one is configured.
    pub relays: Option<Arc<Relays>>,
}

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folders of dead jobs could not be removed.
    #[error(transparent)]
    Media(#[from] MediaError),
}

/// A running engine.
pub struct Engine {
    pub(crate) world: Arc<World>,
}

impl Engine {
    /// Recovers what an earlier process left, then starts the loops.
    ///
    /// # Errors
    /// When the store or the media store does not work; nothing was started then.
    pub async fn start(ports: Ports, settings: Settings) -> Result<Arc<Self>, StartError> {
        Self::start_within(ports, settings, Bounds::default()).await
    }

    /// The same with other bounds than a server has.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub async fn start_within(mut ports: Ports, settings: Settings, bounds: Bounds) -> Result<Arc<Self>, StartError> {
        if let Some(relays) = &ports.relays {
            ports.generators.insert(Route::Sync, relays.clone());
        }
        let last_id = ports.store.last_id().await?;
        let last_id = if rule::holds("ids_go_above_what_is_on_disk") { last_id } else { 0 };
        let world = World::new(ports, settings, bounds, last_id);
        sweep::recover(&world).await?;
        endpoints::recover(&world).await?;
        gate::recover(&world).await?;
        // Before the first create can come.
        let _ = space::look(&world).await;
        for route in world.backlogs.keys() {
            world.ports.spawn.spawn(Box::pin(generate::run(world.clone(), *route)));
        }
        world.ports.spawn.spawn(Box::pin(dispatch::run(world.clone())));
        world.ports.spawn.spawn(Box::pin(replay::run(world.clone())));
        for lane in SpeechLane::ALL {
            world.ports.spawn.spawn(Box::pin(speech_jobs::run(world.clone(), lane)));
        }
        world.ports.spawn.spawn(Box::pin(sweep::drop_media_of_nobody(world.clone())));
        world.ports.spawn.spawn(Box::pin(retention::run(world.clone())));
        for lane in [ProbeLane::Stored, ProbeLane::Elsewhere] {
            world.ports.spawn.spawn(Box::pin(probe::run(world.clone(), lane)));
        }
        world.ports.spawn.spawn(Box::pin(space::run(world.clone())));
        Ok(Arc::new(Self { world }))
    }

    /// Accepts a generation: when this answers, it is on disk.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn submit(&self, new: NewGeneration, uploads: Vec<Asset>) -> Result<Generation, SubmitError> {
        self.submit_this(Submission { uploads, ..Submission::plain(new) }).await
    }

    /// The same, with all that a create may bring.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn submit_this(&self, submission: Submission) -> Result<Generation, SubmitError> {
        submit::submit(&self.world, submission).await
    }

    /// Takes a place for a create, where its organization has a limit.
    ///
    /// # Errors
    /// It has as many generations as it may, or the store can't be read.
    pub async fn take_place(&self, org: &OrgId, wanted: Wanted) -> Result<Option<Place>, PlaceError> {
        gate::take(&self.world, org, wanted).await
    }

    /// How many generations of an organization that has a limit count against it.
    #[must_use]
    pub fn active(&self, org: &OrgId) -> usize {
        gate::active(&self.world, org)
    }

    /// What an organization may do.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn allowance(&self, org: &OrgId) -> Result<Allowance, StoreError> {
        let plans = &self.world.settings.plans;
        let found = self.store().organization(org).await?;
        Ok(found.map_or(plans.server, |organization| plans.of(&organization)))
    }

    /// What plans there are, and what each organization may do.
    #[must_use]
    pub fn plans(&self) -> &Plans {
        &self.world.settings.plans
    }

    /// Makes an API key; gives it with its text, which is kept nowhere. `None` where the organization has as many as it may.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn make_key(
        &self,
        org: &OrgId,
        name: &str,
        scopes: Scopes,
    ) -> Result<Option<(ApiKey, String)>, StoreError> {
        access::make_key(&self.world, org, name, scopes).await
    }

    /// Has an API key stop working. `None` where the organization has no such key.
    ///
    /// # Errors
    /// When the store can't.
    pub async fn revoke_key(&self, org: &OrgId, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        access::revoke_key(&self.world, org, id).await
    }

    /// Takes an asset in: when this answers, it and its file are on disk. It is looked at some time later.
    ///
    /// # Errors
    /// Nothing of it is kept then.
    pub async fn add_asset(&self, asset: Asset, file: Option<&Path>) -> Result<Asset, AssetError> {
        assets::add(&self.world, asset, file, None).await
    }

    /// The same of one whose file lies elsewhere, with the turn of its `Idempotency-Key`.
    ///
    /// # Errors
    /// Nothing of it is kept then.
    pub async fn register_asset(&self, asset: Asset, keyed: Option<Keyed>) -> Result<Asset, AssetError> {
        assets::add(&self.world, asset, None, keyed).await
    }

    /// A turn to speak these: waits for it.
    ///
    /// # Errors
    /// As many wait already as may.
    pub async fn turn_to_speak(&self, org: &OrgId, words: &Words) -> Result<Turn, SpeakError> {
        self.world.speaking.turn(org, words).await
    }

    /// Speaks, and keeps what was spoken as an asset.
    ///
    /// # Errors
    /// Nothing of it is kept then.
    pub async fn speak(&self, turn: Turn, org: OrgId, words: &Words) -> Result<Asset, SpeakError> {
        speech::speak(&self.world, turn, org, words).await
    }

    /// Says something else of an asset.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn describe_asset(&self, org: &OrgId, id: AssetId, to: Described) -> Result<Asset, AssetError> {
        assets::describe(&self.world, org, id, to).await
    }

    /// Removes an asset with its files.
    ///
    /// # Errors
    /// A file may be gone then, and the row still there: it can be asked for again.
    pub async fn remove_asset(&self, org: &OrgId, id: AssetId) -> Result<(), AssetError> {
        assets::remove(&self.world, org, id).await
    }

    /// Accepts a batch with all of its rows: when this answers, they are on disk.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn submit_batch(&self, new: NewBatch, keyed: Option<Keyed>) -> Result<Batch, SubmitError> {
        batches::submit(&self.world, new, keyed).await
    }

    /// Whether a generator makes that model here.
    #[must_use]
    pub fn makes(&self, model: &str) -> bool {
        batches::backlog_of(&self.world, model).is_some()
    }

    /// The generation, as soon as it has ended or `timeout` has passed. `None` where there is none.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn wait_for_end(
        &self,
        org: &OrgId,
        id: GenerationId,
        timeout: Duration,
    ) -> Result<Option<Generation>, StoreError> {
        let mut time_is_over = self.world.ports.clock.sleep(timeout);
        loop {
            let wait = self.world.waiters.register(&id);
            let current = self.store().generation(org, id).await?;
            let (Some(mut wait), Some(false)) = (wait, current.as_ref().map(Generation::is_final)) else {
                return Ok(current);
            };
            tokio::select! {
                biased;
                // It has begun, or it has ended.
                () = wait.told() => {}
                () = &mut time_is_over => return self.store().generation(org, id).await,
                _ = self.world.stopping.cancelled() => return self.store().generation(org, id).await,
            }
        }
    }

    /// Watches a generation on its way. `None` where there is none.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub async fn watch(&self, org: &OrgId, id: GenerationId) -> Result<Option<Watch>, WatchError> {
        watch::watch(&self.world, org, id).await
    }

    /// Ends a generation that has not ended: when this answers, its end and its webhook are on disk, and its work is told to
    /// stop. Not to be dropped on its way.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn cancel(&self, org: &OrgId, id: GenerationId) -> Result<Generation, CancelError> {
        cancel::cancel(&self.world, org, id).await
    }

    /// Removes a generation that has ended, with its video. Its events stay, and are delivered.
    ///
    /// # Errors
    /// Its video may be gone then, and the row still there: it can be asked for again.
    pub async fn remove_generation(&self, org: &OrgId, id: GenerationId) -> Result<(), RemoveError> {
        remove::remove(&self.world, org, id).await
    }

    /// Whether that token is the one that the upstream was given for that generation.
    #[must_use]
    pub fn is_upstream_door(&self, id: GenerationId, token: &str) -> bool {
        self.world.ports.relays.as_ref().is_some_and(|relays| relays.is_door(id, token))
    }

    /// Somebody tells us that a generation has ended at the upstream.
    ///
    /// # Errors
    /// See [`Unheard`].
    pub fn upstream_told(
        &self,
        id: GenerationId,
        token: &str,
        signature: Option<&[u8]>,
        body: &[u8],
    ) -> Result<(), Unheard> {
        let relays = self.world.ports.relays.as_ref().ok_or(Unheard::NoDoor)?;
        relays.told(id, token, signature, body)
    }

    /// The pull feed.
    #[must_use]
    pub fn feed(&self) -> Feed {
        Feed::new(self.world.clone())
    }

    /// How far a generation at work is, in percent. `None` where none is at work under that id.
    #[must_use]
    pub fn progress_percent(&self, id: GenerationId) -> Option<u32> {
        watch::percent(&self.world, id)
    }

    /// How far a generation is, 0 to 100. `None` where nothing was made.
    #[must_use]
    pub fn percent_of(&self, generation: &Generation) -> Option<u32> {
        watch::percent_of(&self.world, generation)
    }

    /// What waits for a generator in memory, in bytes of its requests. The rest waits in the store.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.world.backlogs.values().map(Backlog::bytes).sum()
    }

    /// Whether creates are taken.
    #[must_use]
    pub fn is_accepting(&self) -> bool {
        !self.world.stopping.is_cancelled()
    }

    /// Why no generation is taken for want of room, where that is so.
    #[must_use]
    pub fn shortage(&self) -> Option<Shortage> {
        *locked(&self.world.shortage)
    }

    /// The same, looked at right now: for whoever is taking in something large.
    pub async fn shortage_now(&self) -> Option<Shortage> {
        space::look(&self.world).await;
        self.shortage()
    }

    /// Before which times things may have been removed, because their retention was over.
    #[must_use]
    pub fn horizons(&self) -> Horizons {
        self.world.settings.retention.horizons(self.now())
    }

    /// Takes no new work from now on; what is under way goes on.
    pub fn refuse_new(&self) {
        self.world.stopping.cancel();
    }

    /// Stops: takes nothing new, lets what is under way end within the grace, hands back the rest. Everything that is
    /// handed back is on disk when this returns.
    pub async fn stop(&self) {
        self.refuse_new();
        if !rule::holds("a_stop_waits") {
            return;
        }
        let clock = &self.world.ports.clock;
        tokio::select! {
            biased;
            () = self.world.under_way.none() => return,
            () = clock.sleep(self.world.settings.shutdown_grace) => {}
        }
        self.world.cut.cancel();
        tokio::select! {
            biased;
            () = self.world.under_way.none() => {}
            () = clock.sleep(HAND_BACK) => tracing::warn!("some work did not end in time; the next start takes it up"),
        }
    }

    /// An organization's destinations in the order of their texts, behind `after`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn destinations(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DestinationView>, StoreError> {
        destinations::page(&self.world, org, after, limit).await
    }

    /// What is remembered, for reading.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.world.ports.store
    }

    /// Where files live.
    #[must_use]
    pub fn media(&self) -> &Arc<dyn MediaStore> {
        &self.world.ports.media
    }

    /// Time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.world.ports.clock
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// A new asset's id.
    #[must_use]
    pub fn new_asset_id(&self) -> AssetId {
        self.world.new_asset_id()
    }

    /// A new media file's id.
    #[must_use]
    pub fn new_media_id(&self) -> MediaId {
        self.world.new_media_id()
    }
}
