//! Generations that an upstream makes: handed on once, watched until they end there, their videos copied here.
//!
//! Promise: nothing is submitted twice ([`postsync_core::relay`] says how), a restart goes on watching, and an outage of the
//! upstream is waited out within the generation's time. A webhook of the upstream only makes us look sooner: what has become of
//! a generation is believed from the answer to our own question, so a webhook that is lost, doubled or late changes nothing.
//! What a client cancels is canceled at the upstream too, where that offers it; our end never waits for that.
//!
//! Deliberately absent: the words on the wire (an [`Upstream`]), HTTP, and the waits' lengths (core).
mod bells;
mod copy;
mod faults;
mod withdraw;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postsync_core::Secret;
use postsync_core::change::Change;
use postsync_core::error_code::{GENERATION_INFRA_SERVICE_UNAVAILABLE, GENERATION_TIMEOUT};
use postsync_core::generation::Failure;
use postsync_core::ids::GenerationId;
use postsync_core::relay::{Asked, DoorKey, Relay, RelayChange, Trouble, UpstreamId, is_genuine, look_wait};
use postsync_core::rule;

use crate::ports::{
    Applied, Cancel, Clock, Entropy, Fetch, Generator, GeneratorError, Inputs, Job, JobOutput, Progress, Seen, Spawn,
    Store, StoreError, Submission, Upstream,
};
use bells::{Bell, Bells};
use faults::Faults;
use withdraw::{Recording, Submitting, Withdrawals};

/// Between two tries to read or write what must not be lost.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// However often the bell rings, looks are so far apart.
const LOOKS_APART_MIN: Duration = Duration::from_millis(200);

/// Where its time is over but the upstream has it, because we were not there: for one look, and one copy of what is done.
const LAST_LOOK_MAX: Duration = Duration::from_secs(15 * 60);

/// Where the upstream may tell us that something is done.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where the upstream reaches us, without a slash at the end.
    pub public_url: String,
    /// What the tokens in the URLs are derived from.
    pub key: DoorKey,
    /// What the upstream signs with.
    pub secret: Secret,
}

/// What an operator can set of relays.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// Generations at the upstream at once.
    pub concurrency: usize,
    /// `generation.timeout`: from when handing on began, over all restarts.
    pub time_max: Duration,
    /// The largest video that is copied.
    pub output_bytes_max: u64,
    /// `None`: looking alone does it.
    pub door: Option<Door>,
}

/// What a relay needs of the world.
#[derive(Clone)]
pub struct RelayPorts {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Tasks: an upstream is told of a cancel by one, for which nobody waits.
    pub spawn: Arc<dyn Spawn>,
    /// What is remembered.
    pub store: Arc<dyn Store>,
    /// Videos in.
    pub fetch: Arc<dyn Fetch>,
    /// Who makes them.
    pub upstream: Arc<dyn Upstream>,
}

/// The generator that has others generate.
pub struct Relays {
    ports: RelayPorts,
    settings: RelaySettings,
    bells: Bells,
    withdrawals: Withdrawals,
}

/// Why what came to the door was not heard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// There is no such door.
    #[error("there is no such address")]
    NoDoor,
    /// It is not signed as the upstream signs, or not now.
    #[error("{0}")]
    NotGenuine(String),
}

impl Relays {
    /// Relays on these ports. Asks nobody yet.
    #[must_use]
    pub fn new(ports: RelayPorts, settings: RelaySettings) -> Self {
        let withdrawals = Withdrawals::new(ports.clone());
        Self { ports, settings, bells: Bells::default(), withdrawals }
    }

    pub(crate) fn is_door(&self, generation: GenerationId, token: &str) -> bool {
        self.settings.door.as_ref().is_some_and(|door| door.key.fits(generation, token))
    }

    /// Somebody has come to the door of a generation, with a body and a signature. If it is the upstream, we look at once.
    ///
    /// # Errors
    /// See [`Unheard`]; nothing was done then.
    pub fn told(
        &self,
        generation: GenerationId,
        token: &str,
        signature: Option<&[u8]>,
        body: &[u8],
    ) -> Result<(), Unheard> {
        let door = self.settings.door.as_ref().filter(|door| door.key.fits(generation, token));
        let door = door.ok_or(Unheard::NoDoor)?;
        is_genuine(&door.secret, signature, body, self.ports.clock.now()).map_err(Unheard::NotGenuine)?;
        self.bells.ring(generation);
        Ok(())
    }

    /// Somebody has canceled a generation, and its end is on disk: the upstream is told, where it has it.
    pub(crate) fn withdraw(&self, id: GenerationId) {
        self.withdrawals.by_record(id);
    }

    fn door_of(&self, generation: GenerationId) -> Option<String> {
        let door = self.settings.door.as_ref()?;
        Some(format!("{}/postsync/v1/upstream/{generation}/{}", door.public_url, door.key.token(generation)))
    }

    /// From where it stands to its end, whatever the time.
    async fn follow(
        &self,
        job: &Job,
        relay: &Relay,
        bell: &Bell<'_>,
        cancel: &Cancel,
    ) -> Result<JobOutput, GeneratorError> {
        let upstream = match &relay.upstream {
            Some(known) if rule::holds("a_restart_goes_on_watching") => known.clone(),
            _ => self.submit(job, relay, cancel).await?,
        };
        self.watch(job, relay, &upstream, bell).await
    }

    async fn submit(&self, job: &Job, relay: &Relay, cancel: &Cancel) -> Result<UpstreamId, GeneratorError> {
        let submission = Arc::new(Submission {
            id: job.id,
            request: job.request.clone(),
            files: job.inputs.iter().map(|input| input.file.clone()).collect(),
            webhook_url: self.door_of(job.id),
        });
        let mut faults = Faults::new(self, job.id, Asked::Submit);
        loop {
            if !relay.may_submit(self.ports.clock.now()) && rule::holds("no_submit_without_a_live_key") {
                return Err(GeneratorError::Failed(key_is_old()));
            }
            match self.ask(job.id, submission.clone(), cancel).await? {
                Ok(upstream) => return self.remember(job, upstream, cancel).await,
                Err(trouble) => faults.bear(trouble).await?,
            }
        }
    }

    /// One submit. A cancel does not cut it: what the upstream has taken by then is to be withdrawn under its id.
    async fn ask(
        &self,
        id: GenerationId,
        submission: Arc<Submission>,
        cancel: &Cancel,
    ) -> Result<Result<UpstreamId, Trouble>, GeneratorError> {
        let upstream = self.ports.upstream.clone();
        let mut submitting: Submitting = Box::pin(async move { upstream.submit(&submission).await });
        tokio::select! {
            biased;
            answer = &mut submitting => Ok(answer),
            _ = cancel.cancelled() => {
                self.withdrawals.submitted(id, submitting);
                Err(GeneratorError::Cancelled)
            }
        }
    }

    /// Looks until it has ended and its video is here.
    async fn watch(
        &self,
        job: &Job,
        relay: &Relay,
        upstream: &UpstreamId,
        bell: &Bell<'_>,
    ) -> Result<JobOutput, GeneratorError> {
        let (mut faults, mut looks) = (Faults::new(self, job.id, Asked::Look), 0u32);
        loop {
            match self.ports.upstream.look(upstream).await {
                Ok(Seen::Working) if self.time_left(relay).is_zero() => return Err(time_is_over()),
                Ok(Seen::Working) => {
                    faults.over();
                    self.wait(looks, bell).await;
                    looks = looks.saturating_add(1);
                }
                Ok(Seen::Failed(failure)) => return Err(GeneratorError::Failed(failure)),
                Ok(Seen::Completed { url, duration_ms }) => match copy::here(self, job, url).await {
                    Ok(path) => return Ok(JobOutput::File { path, duration_ms }),
                    // Looked at again: its URL may be another one by then.
                    Err(trouble) => faults.bear(trouble).await?,
                },
                Err(trouble) => faults.bear(trouble).await?,
            }
        }
    }

    async fn wait(&self, looks: u32, bell: &Bell<'_>) {
        let clock = &self.ports.clock;
        clock.sleep(LOOKS_APART_MIN).await;
        let wait = look_wait(looks, self.settings.door.is_some(), self.ports.entropy.jitter());
        tokio::select! {
            biased;
            () = bell.rung() => {}
            () = clock.sleep(wait.saturating_sub(LOOKS_APART_MIN)), if rule::holds("a_lost_webhook_loses_nothing") => {}
        }
    }

    /// What is on record of it; put there where nothing is.
    async fn begun(&self, job: &Job) -> Result<Relay, GeneratorError> {
        if let Some(relay) = self.known(job.id).await? {
            return Ok(relay);
        }
        let at = self.ports.clock.now();
        self.write(RelayChange::Begin { generation: job.id, tries: job.tries, at }).await?;
        Ok(Relay { generation: job.id, begun_at: at, upstream: None })
    }

    async fn known(&self, generation: GenerationId) -> Result<Option<Relay>, GeneratorError> {
        loop {
            match self.ports.store.relay(generation).await {
                Ok(found) => return Ok(found),
                Err(error) => pause_after(&self.ports, error).await.map_err(|_| GeneratorError::Cancelled)?,
            }
        }
    }

    /// A cancel does not cut this either: until it is on record, nobody else knows what is to be withdrawn.
    async fn remember(&self, job: &Job, upstream: UpstreamId, cancel: &Cancel) -> Result<UpstreamId, GeneratorError> {
        let (generation, tries, at) = (job.id, job.tries, self.ports.clock.now());
        let (take, ports) =
            (RelayChange::Take { generation, tries, upstream: upstream.clone(), at }, self.ports.clone());
        let mut recording: Recording = Box::pin(async move { write(&ports, take).await });
        let recorded = tokio::select! {
            biased;
            recorded = &mut recording => recorded,
            _ = cancel.cancelled() => {
                self.withdrawals.recorded(generation, upstream, recording);
                return Err(GeneratorError::Cancelled);
            }
        };
        if recorded != Ok(Applied::Done) {
            self.withdrawals.unrecorded(generation, upstream);
            return Err(GeneratorError::Cancelled);
        }
        tracing::info!(%generation, upstream = upstream.as_str(), "the upstream has taken a generation");
        Ok(upstream)
    }

    /// `Cancelled` where somebody else has it by now, or the store has closed: nothing is ours to end.
    async fn write(&self, change: RelayChange) -> Result<(), GeneratorError> {
        match write(&self.ports, change).await {
            Ok(Applied::Done) => Ok(()),
            Ok(Applied::Stale) | Err(_) => Err(GeneratorError::Cancelled),
        }
    }

    /// What is left of its time, counted from when handing on began.
    fn time_left(&self, relay: &Relay) -> Duration {
        self.settings.time_max.saturating_sub(self.ports.clock.now().since(relay.begun_at))
    }

    /// How long it may go on from now. What the upstream has taken is looked at at least once, however long we were away.
    fn bound(&self, relay: &Relay) -> Duration {
        let least = if relay.upstream.is_some() { LAST_LOOK_MAX.min(self.settings.time_max) } else { Duration::ZERO };
        self.time_left(relay).max(least)
    }
}

/// An error: the store has closed, and with it this process.
async fn write(ports: &RelayPorts, change: RelayChange) -> Result<Applied, StoreError> {
    loop {
        match ports.store.apply(vec![Change::Relay(change.clone())]).await {
            Ok(applied) => return Ok(applied),
            Err(error) => pause_after(ports, error).await?,
        }
    }
}

async fn pause_after(ports: &RelayPorts, error: StoreError) -> Result<(), StoreError> {
    if error == StoreError::Closed {
        return Err(error);
    }
    tracing::error!(%error, "the store failed for a relay; trying again");
    ports.clock.sleep(STORE_RETRY).await;
    Ok(())
}

fn time_is_over() -> GeneratorError {
    GeneratorError::Failed(Failure::of(GENERATION_TIMEOUT))
}

fn key_is_old() -> Failure {
    let why = "The upstream could not be reached for a day, and it is not known whether it has the generation; submit it again.";
    Failure::new(GENERATION_INFRA_SERVICE_UNAVAILABLE, why)
}

#[async_trait]
impl Generator for Relays {
    fn inputs(&self) -> Inputs {
        Inputs::FilesOfAssets
    }

    /// Nothing of what the upstream has taken: a file that is gone, or a URL that has run out, must not fail what is being made
    /// there and is paid for.
    async fn inputs_of(&self, generation: GenerationId) -> Result<Inputs, GeneratorError> {
        let is_taken = self.known(generation).await?.is_some_and(|relay| relay.upstream.is_some());
        Ok(if is_taken { Inputs::FolderOnly } else { self.inputs() })
    }

    fn concurrency(&self) -> usize {
        self.settings.concurrency
    }

    fn hands_on(&self) -> bool {
        true
    }

    async fn generate(&self, job: Job, _: Progress, cancel: Cancel) -> Result<JobOutput, GeneratorError> {
        let bell = self.bells.enter(job.id);
        let work = async {
            let relay = self.begun(&job).await?;
            let bound = self.ports.clock.sleep(self.bound(&relay));
            tokio::select! {
                biased;
                made = self.follow(&job, &relay, &bell, &cancel) => made,
                () = bound => Err(time_is_over()),
            }
        };
        tokio::select! {
            biased;
            // First, so that a submit hears of the cancel before it is dropped.
            made = work => made,
            _ = cancel.cancelled() => Err(GeneratorError::Cancelled),
        }
    }
}
