//! Room 3: takes up generations that wait for one generator, has each made, and hands the ending to `finish`.
//!
//! Promise: a start is on record before the work begins, so that work which takes the server down with it runs out of
//! tries. What is handed back unharmed (a stop) does not count.
//!
//! Deliberately absent: which model, how the video is made, webhooks.
use std::sync::Arc;

use postsync_core::batch;
use postsync_core::change::Change;
use postsync_core::error_code::GENERATION_PIPELINE_FAILED;
use postsync_core::generation::{self, Deaths, Ending, Failure, Generation, Output, Take};
use postsync_core::model::Route;
use postsync_core::rule;
use tokio::sync::OwnedSemaphorePermit;

use crate::backlog::{Backlog, Reading};
use crate::finish;
use crate::make::{self, Limits, Places};
use crate::ports::{Applied, Generator, GeneratorError, Inputs, Job, TurnQuery};
use crate::tally::Entry;
use crate::world::{AtWork, World, locked};

/// The loop of one generator.
pub(crate) async fn run(world: Arc<World>, route: Route) {
    let (Some(generator), Some(backlog)) = (world.ports.generators.get(&route), world.backlogs.get(&route)) else {
        return;
    };
    let places = Arc::new(Places::of(&**generator));
    loop {
        let next = async {
            // Never closed, so never an error.
            let slot = places.begun.clone().acquire_owned().await.ok()?;
            Some((slot, next(&world, backlog, route).await))
        };
        let taken = tokio::select! {
            biased;
            _ = world.stopping.cancelled() => return,
            taken = next => taken,
        };
        let Some((slot, generation)) = taken else { return };
        let entry = world.under_way.enter();
        // Looked at again once it is counted: a stop that began in between has perhaps seen nothing under way.
        if world.stopping.is_cancelled() {
            return;
        }
        let task = work(world.clone(), route, (generator.clone(), places.clone()), generation, slot, entry);
        world.ports.spawn.spawn(Box::pin(task));
    }
}

/// One generation, from its start to its ending on disk. `_slot` and `_entry` are given back with it.
async fn work(
    world: Arc<World>,
    route: Route,
    (generator, places): (Arc<dyn Generator>, Arc<Places>),
    mut generation: Generation,
    _slot: OwnedSemaphorePermit,
    _entry: Entry,
) {
    let id = generation.id;
    if let Some((ending, ended)) = tries(&world, &*generator, &places, &mut generation).await {
        finish::finish(&world, generation, ending, ended).await;
    }
    if let Some(backlog) = world.backlogs.get(&route) {
        backlog.forget(id);
    }
    world.canceled.forget(id);
}

/// Tries until there is an ending. `None` where there is none to write: handed back, or somebody else was first.
async fn tries(
    world: &World,
    generator: &dyn Generator,
    places: &Places,
    generation: &mut Generation,
) -> Option<(Ending, Ended)> {
    // One for all tries: work that dies late each time would otherwise have the limit three times.
    let mut limits = Limits::of(world);
    loop {
        if let Some(failure) = generation::died_too_often(generation, says_of_death(generator)) {
            return Some((Ending::Failed(failure), Ended::Otherwise));
        }
        match attempt(world, generator, places, generation, &mut limits).await {
            Tried::Made(output) => return Some((Ending::Completed(output), Ended::ByItsStart)),
            Tried::Failed(failure, ended) => return Some((Ending::Failed(failure), ended)),
            Tried::Died(why) if generator.instant() => {
                return Some((Ending::Failed(Failure::new(GENERATION_PIPELINE_FAILED, &why)), Ended::Otherwise));
            }
            Tried::Died(why) => {
                tracing::warn!(generation = %generation.id, tries = generation.tries, why, "the work died");
            }
            Tried::Cut => {
                if rule::holds("what_is_handed_back_is_not_counted")
                    && let Some(released) = generation::release(generation, world.now())
                {
                    let _ = world.write(vec![released]).await?;
                }
                return None;
            }
            Tried::NotStarted => return None,
        }
    }
}

/// What led to an ending: who hands it back takes back a start that led to it, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The work of its last start, which this process has put on record.
    ByItsStart,
    /// It had died too often, or its inputs could not be had.
    Otherwise,
}

/// What one try came to.
enum Tried {
    Made(Output),
    Failed(Failure, Ended),
    /// Its child, or a generator of ours, died.
    Died(String),
    /// A stop has cut the work.
    Cut,
    /// No start of it is on record: a stop came before, or somebody else was first.
    NotStarted,
}

impl Tried {
    /// Its end is on disk already: nothing is handed back, and nothing is tried again. A video that is done all the same is
    /// dropped by `finish`.
    fn canceled(self) -> Self {
        match self {
            Self::Cut | Self::Died(_) => Self::NotStarted,
            other => other,
        }
    }

    fn of(made: Result<Output, GeneratorError>, started: bool) -> Self {
        match made {
            Ok(output) => Self::Made(output),
            Err(GeneratorError::Failed(failure)) if started => Self::Failed(failure, Ended::ByItsStart),
            Err(GeneratorError::Failed(failure)) => Self::Failed(failure, Ended::Otherwise),
            Err(GeneratorError::Died(why)) => Self::Died(why),
            Err(GeneratorError::Cancelled) if started => Self::Cut,
            Err(GeneratorError::Cancelled) => Self::NotStarted,
        }
    }
}

/// One try, with its folder made before and removed after, bounded by what is left of `generation.timeout`.
async fn attempt(
    world: &World,
    generator: &dyn Generator,
    places: &Places,
    generation: &mut Generation,
    limits: &mut Limits,
) -> Tried {
    let (id, at_work) = (generation.id, AtWork::default());
    locked(&world.at_work).insert(id, at_work.clone());
    // Looked for once it can be found: a cancel that came before has told nobody.
    if world.canceled.holds(id) {
        at_work.cancel_for_client();
    }
    let tried = match make::fetched(world, generator, generation, &at_work, limits).await {
        Ok(job) => in_its_place(world, generator, places, generation, (job, &at_work), limits).await,
        Err(error) => Tried::of(Err(error), false),
    };
    let tried = if world.canceled.holds(id) { tried.canceled() } else { tried };
    if rule::holds("work_shown_is_work_under_way") {
        locked(&world.at_work).remove(&id);
    }
    if rule::holds("job_folders_are_removed")
        && generator.inputs() != Inputs::AsGiven
        && let Err(error) = world.ports.media.drop_job_folder(id).await
    {
        tracing::warn!(generation = %id, %error, "a folder was left behind; the next start sweeps it");
    }
    tried
}

/// Waits for a place, then puts the start on record, then works. In this order: who only waits must not be counted as
/// having died when the server does.
async fn in_its_place(
    world: &World,
    generator: &dyn Generator,
    places: &Places,
    generation: &mut Generation,
    (job, at_work): (Job, &AtWork),
    limits: &mut Limits,
) -> Tried {
    let Some(_place) = places.wait(world, at_work).await else { return Tried::NotStarted };
    if !generator.instant() {
        match generation::take(generation, world.now(), says_of_death(generator)) {
            Take::GiveUp(failure) => return Tried::Failed(failure, Ended::Otherwise),
            Take::Ended => return Tried::NotStarted,
            Take::Work(start) => match world.write(with_its_batch(start, generation)).await {
                Some(Applied::Done) => world.waiters.tell(&generation.id),
                Some(Applied::Stale) | None => return Tried::NotStarted,
            },
        }
    }
    let job = Job { tries: generation.tries, ..job };
    Tried::of(make::made(world, generator, job, at_work, limits).await, true)
}

fn says_of_death(generator: &dyn Generator) -> Deaths {
    if generator.hands_on() { Deaths::SayNothing } else { Deaths::Count }
}

/// The start of a row is the start of its batch, too.
fn with_its_batch(start: Change, generation: &Generation) -> Vec<Change> {
    let began = generation.row.as_ref().map(batch::row_began);
    std::iter::once(start).chain(began).collect()
}

/// The next generation of this route, from memory, or from the store where memory could not hold it.
async fn next(world: &World, backlog: &Backlog, route: Route) -> Generation {
    let models: Vec<&'static str> = world.settings.routing.ids(route).collect();
    loop {
        if let Some(generation) = backlog.take() {
            return generation;
        }
        let Some(Reading { known, after }) = backlog.read_from() else {
            backlog.offered().await;
            continue;
        };
        let query = TurnQuery { models: models.clone(), known, after, limit: world.bounds.read_max };
        match world.ports.store.in_turn(query).await {
            Ok(page) => backlog.refill(page),
            Err(error) => world.pause_after(&error, "open generations").await,
        }
    }
}
