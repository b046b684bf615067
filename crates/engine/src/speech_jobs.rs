//! Words that are spoken when it is their turn.
//!
//! Promise: what was taken ends, whatever dies in between. Its asset and its end are one commit, so that none is there twice.
//! Organizations take turns: whose job was the last is behind all others. What is spoken elsewhere holds up nothing that is spoken
//! here.
//!
//! Deliberately absent: an event. Who wants to know asks.
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postsync_core::asset::AssetChange;
use postsync_core::change::Change;
use postsync_core::error_code::{GENERATION_INFRA_STORAGE_ERROR, GENERATION_PIPELINE_FAILED, GENERATION_TIMEOUT};
use postsync_core::generation::Failure;
use postsync_core::idempotency::{Fingerprint, IdempotencyKey, KEPT_MS};
use postsync_core::ids::{AssetId, GenerationId, OrgId, SpeechJobId};
use postsync_core::rule;
use postsync_core::speech::{SpeechLane, Words};
use postsync_core::speech_job::{SPEECH_JOB_TRIES_MAX, SPEECH_JOBS_OPEN_MAX, SpeechJob, SpeechJobChange, SpeechState};
use tokio::sync::OwnedSemaphorePermit;

use crate::engine::Engine;
use crate::lane::Lane;
use crate::ports::{Applied, MediaError, MediaKind, SpeechTurn, StoreError};
use crate::speech;
use crate::tally::Entry;
use crate::world::World;

/// Spoken at once in each lane: generations that wait for the same speakers are never behind many of these.
const AT_ONCE: usize = 1;

/// For one script. The adapters have bounds of their own below it.
const TIME_MAX: Duration = Duration::from_secs(600);

/// Why a job was not taken. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum SpeechJobError {
    /// The key stands for another request.
    #[error("the key was used for another request")]
    Reused,
    /// The organization has as many open ones as it may.
    #[error("the organization has {SPEECH_JOBS_OPEN_MAX} scripts waiting to be spoken, which is as many as it may")]
    TooMany,
    /// The server is going down.
    #[error("the server is stopping")]
    Stopping,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the loops know of themselves.
pub(crate) struct SpeechJobs {
    here: Lane<SpeechJobId>,
    elsewhere: Lane<SpeechJobId>,
}

impl Default for SpeechJobs {
    fn default() -> Self {
        Self { here: Lane::of(AT_ONCE), elsewhere: Lane::of(AT_ONCE) }
    }
}

impl SpeechJobs {
    fn of(&self, lane: SpeechLane) -> &Lane<SpeechJobId> {
        match lane {
            SpeechLane::Here => &self.here,
            SpeechLane::Elsewhere => &self.elsewhere,
        }
    }
}

impl Engine {
    /// Takes words that are to be spoken: when this answers, they are on disk. With them, whether they were taken before with
    /// that key.
    ///
    /// # Errors
    /// See [`SpeechJobError`].
    pub async fn submit_speech_job(
        &self,
        org: &OrgId,
        words: Words,
        key: Option<(IdempotencyKey, Fingerprint)>,
    ) -> Result<(SpeechJob, bool), SpeechJobError> {
        submit(&self.world, org, words, key).await
    }
}

async fn submit(
    world: &World,
    org: &OrgId,
    words: Words,
    key: Option<(IdempotencyKey, Fingerprint)>,
) -> Result<(SpeechJob, bool), SpeechJobError> {
    if world.stopping.is_cancelled() {
        return Err(SpeechJobError::Stopping);
    }
    if let Some(before) = taken_before(world, org, key.as_ref()).await? {
        return Ok((before, true));
    }
    let now = world.now();
    let job = SpeechJob {
        id: world.new_speech_job_id(),
        org: org.clone(),
        words,
        tries: 0,
        state: SpeechState::Pending,
        created_at: now,
        updated_at: now,
        key: key.clone(),
    };
    match world.ports.store.apply(vec![change(SpeechJobChange::Add(Box::new(job.clone())))]).await? {
        Applied::Done => {
            world.speech_jobs.of(job.words.lane()).ring();
            Ok((job, false))
        }
        // With the same key somebody may have been first at this moment.
        Applied::Stale => match taken_before(world, org, key.as_ref()).await? {
            Some(before) => Ok((before, true)),
            None => Err(SpeechJobError::TooMany),
        },
    }
}

async fn taken_before(
    world: &World,
    org: &OrgId,
    key: Option<&(IdempotencyKey, Fingerprint)>,
) -> Result<Option<SpeechJob>, SpeechJobError> {
    let Some((key, fingerprint)) = key else { return Ok(None) };
    let found = world.ports.store.speech_job_of_key(org, key).await?;
    let Some(found) = found.filter(|job| job.created_at.plus_ms(KEPT_MS) > world.now()) else { return Ok(None) };
    let is_same = found.key.as_ref().is_some_and(|(_, before)| before == fingerprint);
    if is_same { Ok(Some(found)) } else { Err(SpeechJobError::Reused) }
}

/// One lane, until the server stops.
pub(crate) async fn run(world: Arc<World>, kind: SpeechLane) {
    loop {
        let next = async {
            // Never closed, so never an error.
            let place = world.speech_jobs.of(kind).place().await?;
            Some((place, next(&world, kind).await))
        };
        let taken = tokio::select! {
            biased;
            _ = world.stopping.cancelled() => return,
            taken = next => taken,
        };
        let Some((place, job)) = taken else { return };
        let entry = world.under_way.enter();
        // Looked at again once it is counted, as where generations are taken up.
        if world.stopping.is_cancelled() {
            return;
        }
        world.ports.spawn.spawn(Box::pin(work(world.clone(), kind, job, place, entry)));
    }
}

/// Whose turn it is, once something waits.
async fn next(world: &World, kind: SpeechLane) -> SpeechJob {
    let lane = world.speech_jobs.of(kind);
    loop {
        let under_way = lane.under_way();
        let turn = SpeechTurn { lane: kind, after: under_way.last, not: under_way.ids.into_iter().collect() };
        match world.ports.store.next_speech_job(turn).await {
            Ok(Some(job)) => {
                lane.begin(job.id, &job.org);
                return job;
            }
            Ok(None) => lane.rung().await,
            Err(error) => world.pause_after(&error, "open speech jobs").await,
        }
    }
}

/// One try, from its start on record to its end. `_place` and `_entry` are given back with it.
async fn work(world: Arc<World>, kind: SpeechLane, job: SpeechJob, _place: OwnedSemaphorePermit, _entry: Entry) {
    attempt(&world, &job).await;
    world.speech_jobs.of(kind).end(job.id);
}

async fn attempt(world: &Arc<World>, job: &SpeechJob) {
    let (id, tries) = (job.id, job.tries + 1);
    if job.tries >= SPEECH_JOB_TRIES_MAX {
        let why = "The server died each time that it spoke this; it is given up.";
        return end(world, job, job.tries, Err(Failure::new(GENERATION_PIPELINE_FAILED, why))).await;
    }
    let start = change(SpeechJobChange::Start { id, tries, at: world.now() });
    if world.write(vec![start]).await != Some(Applied::Done) {
        return;
    }
    // A folder is named by a UUID; a speech job's is no generation's. Swept at the next start, whatever happens.
    let scratch = GenerationId(id.0);
    let folder = match world.ports.media.job_folder(scratch).await {
        Ok(folder) => folder,
        Err(error) => return end(world, job, tries, Err(unstored(&error))).await,
    };
    tokio::select! {
        biased;
        _ = world.stopping.cancelled() => {
            let _ = world.write(vec![change(SpeechJobChange::Release { id, tries, at: world.now() })]).await;
        }
        () = in_folder(world, job, tries, &folder) => {}
    }
    if let Err(error) = world.ports.media.drop_job_folder(scratch).await {
        tracing::warn!(%error, "a folder was left behind; the next start sweeps it");
    }
}

async fn in_folder(world: &Arc<World>, job: &SpeechJob, tries: u32, folder: &Path) {
    let spoken = tokio::select! {
        biased;
        spoken = speech::spoken(world, job.org.clone(), &job.words, folder) => spoken,
        () = world.ports.clock.sleep(TIME_MAX) => Err(Failure::of(GENERATION_TIMEOUT)),
    };
    let (asset, file) = match spoken {
        Ok(spoken) => spoken,
        Err(failure) => return end(world, job, tries, Err(failure)).await,
    };
    let Some(media) = asset.media() else { return };
    if let Err(error) = world.ports.media.keep(media, MediaKind::Upload, &file).await {
        return end(world, job, tries, Err(unstored(&error))).await;
    }
    let id = asset.id;
    let written = ended(world, job, tries, Ok(id), vec![Change::Asset(AssetChange::Register(Box::new(asset)))]).await;
    // Somebody else has ended it: its row names another file.
    if written == Some(Applied::Stale)
        && let Err(error) = world.ports.media.remove(media).await
    {
        tracing::warn!(%media, %error, "the file of speech that nobody wants could not be removed");
    }
}

async fn end(world: &World, job: &SpeechJob, tries: u32, ending: Result<AssetId, Failure>) {
    let _ = ended(world, job, tries, ending, Vec::new()).await;
}

/// In one list with its asset.
async fn ended(
    world: &World,
    job: &SpeechJob,
    tries: u32,
    ending: Result<AssetId, Failure>,
    with: Vec<Change>,
) -> Option<Applied> {
    if let Err(failure) = &ending {
        tracing::info!(job = %job.id, error = failure.error, "a script could not be spoken");
    }
    let end = change(SpeechJobChange::End { id: job.id, tries, ending, at: world.now() });
    if !with.is_empty() && !rule::holds("speech_and_its_end_are_one_commit") {
        let _ = world.write(with).await;
        return world.write(vec![end]).await;
    }
    world.write(std::iter::once(end).chain(with).collect()).await
}

fn unstored(error: &MediaError) -> Failure {
    tracing::error!(%error, "speech could not be stored");
    Failure::of(GENERATION_INFRA_STORAGE_ERROR)
}

fn change(change: SpeechJobChange) -> Change {
    Change::SpeechJob(change)
}
