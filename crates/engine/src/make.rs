//! One try of one generation: its inputs are fetched, then the video is made, each within its time.
//!
//! Promise: a client whose URL drips does not hold up those whose inputs are here, and when a try is over nothing of it
//! writes any more.
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use postsync_core::error_code::{GENERATION_INFRA_STORAGE_ERROR, GENERATION_TIMEOUT};
use postsync_core::generation::{Failure, Generation, Output};
use postsync_core::rule;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::inputs;
use crate::ports::{Generator, GeneratorError, Inputs, Job, JobOutput, MediaError, MediaKind};
use crate::world::{AtWork, World};

/// Generations whose inputs are fetched, or wait fetched, beside those that are made.
const FETCHED_AHEAD: usize = 8;

/// For work that was told to end. What has not by then is dropped, which ends it too.
const END_WAIT: Duration = Duration::from_secs(3);

/// The same for what a client has canceled: all of it is over within a second.
const CANCEL_WAIT: Duration = Duration::from_millis(500);

/// How many of a generator's generations are under way.
pub(crate) struct Places {
    /// Begun, whatever they are at.
    pub(crate) begun: Arc<Semaphore>,
    /// Being made. The others have their inputs fetched meanwhile, or wait with them: a client whose URL drips must not
    /// hold up those whose inputs are here.
    making: Semaphore,
}

impl Places {
    pub(crate) fn of(generator: &dyn Generator) -> Self {
        let making = generator.concurrency() + usize::from(!rule::holds("works_are_bounded"));
        let ahead = if generator.inputs() == Inputs::LocalFiles { FETCHED_AHEAD } else { 0 };
        Self { begun: Arc::new(Semaphore::new(making + ahead)), making: Semaphore::new(making) }
    }

    /// A place among those that are made. `None` where a stop or a cancel comes first.
    pub(crate) async fn wait(&self, world: &World, at_work: &AtWork) -> Option<SemaphorePermit<'_>> {
        tokio::select! {
            biased;
            _ = world.cut.cancelled() => None,
            _ = at_work.cancel.cancelled() => None,
            place = self.making.acquire() => place.ok(),
        }
    }
}

/// The time limits of one generation, over all its tries.
pub(crate) struct Limits {
    fetching: BoxFuture<'static, ()>,
    /// From the start of work, not of waiting.
    making: Option<BoxFuture<'static, ()>>,
}

impl Limits {
    pub(crate) fn of(world: &World) -> Self {
        Self { fetching: world.ports.clock.sleep(world.settings.generation_timeout), making: None }
    }
}

/// The inputs, brought to where the generator wants them.
pub(crate) async fn fetched(
    world: &World,
    generator: &dyn Generator,
    generation: &Generation,
    at_work: &AtWork,
    limits: &mut Limits,
) -> Result<Job, GeneratorError> {
    let prepared = async {
        let wanted = generator.inputs_of(generation.id).await?;
        inputs::prepare(world, wanted, generation).await.map_err(GeneratorError::Failed)
    };
    tokio::select! {
        biased;
        _ = at_work.cancel.cancelled() => Err(GeneratorError::Cancelled),
        job = prepared => job,
        why = must_end(world, &mut limits.fetching) => Err(why),
    }
}

/// The work itself, once it has a place.
pub(crate) async fn made(
    world: &World,
    generator: &dyn Generator,
    job: Job,
    at_work: &AtWork,
    limits: &mut Limits,
) -> Result<Output, GeneratorError> {
    let making = limits.making.get_or_insert_with(|| world.ports.clock.sleep(world.settings.generation_timeout));
    in_time(world, generator, job, at_work, making).await
}

/// When this is over so is the work, and its children with it: it may leave nothing behind that would write into a folder
/// that is not there any more.
async fn in_time(
    world: &World,
    generator: &dyn Generator,
    job: Job,
    at_work: &AtWork,
    time_is_over: &mut BoxFuture<'static, ()>,
) -> Result<Output, GeneratorError> {
    let id = job.id;
    let mut making = std::pin::pin!(make(world, generator, job, at_work));
    tokio::select! {
        biased;
        made = &mut making => made,
        // What goes on elsewhere is handed back at once: waiting would end nothing, and keep a stop from ending.
        _ = world.stopping.cancelled(), if generator.hands_on() => Err(GeneratorError::Cancelled),
        // The generator was told by the same word. What is deaf to it is dropped, which ends it too.
        () = canceled(world, at_work) => Err(GeneratorError::Cancelled),
        why = must_end(world, time_is_over) => {
            // Told, not dropped: so it can end what it has begun.
            at_work.cancel.cancel();
            tokio::select! {
                biased;
                made = &mut making => made.or(Err(why)),
                // Its time was over first, and then a client has canceled it: that is the shorter wait.
                () = canceled(world, at_work) => Err(why),
                () = world.ports.clock.sleep(END_WAIT) => {
                    if !rule::holds("work_ends_before_its_folder") {
                        let _ = world.ports.media.drop_job_folder(id).await;
                    }
                    Err(why)
                }
            }
        }
    }
}

/// Resolves when a client's cancel has been told for so long that who listens has ended.
async fn canceled(world: &World, at_work: &AtWork) {
    at_work.canceled_by_client().await;
    world.ports.clock.sleep(CANCEL_WAIT).await;
}

/// Resolves when the work must end: the grace of a stop is over, or its time is.
async fn must_end(world: &World, time_is_over: &mut BoxFuture<'static, ()>) -> GeneratorError {
    tokio::select! {
        biased;
        _ = world.cut.cancelled() => GeneratorError::Cancelled,
        () = time_is_over, if rule::holds("work_is_bounded_in_time") => {
            GeneratorError::Failed(Failure::of(GENERATION_TIMEOUT))
        }
    }
}

async fn make(world: &World, generator: &dyn Generator, job: Job, at_work: &AtWork) -> Result<Output, GeneratorError> {
    let id = job.id;
    match generator.generate(job, at_work.progress.clone(), at_work.cancel.clone()).await? {
        JobOutput::Url(url) => Ok(Output { url, duration_ms: None, media: None }),
        JobOutput::File { path, duration_ms } => {
            let media = world.new_media_id();
            world.ports.media.keep(media, MediaKind::Output, &path).await.map_err(|e| storage_failure(&e))?;
            let url = format!("{}{}", world.settings.public_url, world.ports.media.result_path(id, media));
            Ok(Output { url, duration_ms, media: Some(media) })
        }
    }
}

fn storage_failure(error: &MediaError) -> GeneratorError {
    tracing::error!(%error, "a video could not be stored");
    GeneratorError::Failed(Failure::of(GENERATION_INFRA_STORAGE_ERROR))
}
