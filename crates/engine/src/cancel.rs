//! A client ends a generation: whether it waits, has its inputs fetched or is being made.
//!
//! Promise: the end is decided by one commit, the same that any end is, with its event and its deliveries in it. Who was first
//! has it: a work that is done at that moment is COMPLETED and the cancel is refused, or the other way round. Only after the
//! commit is the work told, and it is over within [`CANCEL_WAIT`](crate::make) then.
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use postsync_core::error_code::GENERATION_CANCELED;
use postsync_core::generation::{self, Ending, Failure, Generation, Surroundings};
use postsync_core::ids::{GenerationId, OrgId};
use postsync_core::model::Route;
use postsync_core::rule;

use crate::finish::Written;
use crate::ports::StoreError;
use crate::world::{World, locked};
use crate::{endpoints, finish};

/// A start, a death or a hand-back may come between the reading and the commit; each is one more try.
const TRIES_MAX: usize = 10;

/// Canceled generations that may still come up from the backlog. One that is forgotten costs its inputs' fetch: no start of it
/// can be put on record.
const REMEMBERED_MAX: usize = 10_000;

/// Why a generation was not canceled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// There is none of that id in the organization.
    #[error("there is no such generation")]
    Unknown,
    /// It has ended.
    #[error("the generation has ended")]
    Ended,
    /// The server is going down: another one, or a later try, will do it.
    #[error("the server is stopping")]
    Stopping,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Those that were canceled while this process may still hold them.
#[derive(Default)]
pub(crate) struct Canceled(Mutex<BTreeSet<GenerationId>>);

impl Canceled {
    fn remember(&self, id: GenerationId) {
        let mut ids = locked(&self.0);
        ids.insert(id);
        if ids.len() > REMEMBERED_MAX {
            ids.pop_first();
        }
    }

    pub(crate) fn holds(&self, id: GenerationId) -> bool {
        locked(&self.0).contains(&id)
    }

    pub(crate) fn forget(&self, id: GenerationId) {
        locked(&self.0).remove(&id);
    }
}

/// Gives the generation as it has ended. Not to be dropped on its way: what the commit has begun would be told to nobody.
pub(crate) async fn cancel(world: &Arc<World>, org: &OrgId, id: GenerationId) -> Result<Generation, CancelError> {
    let _entry = world.under_way.enter();
    // Looked at once it is counted, as where work is taken up: a stop that began in between has perhaps seen nothing under way.
    if world.stopping.is_cancelled() {
        return Err(CancelError::Stopping);
    }
    for _ in 0..TRIES_MAX {
        let mut generation = world.ports.store.generation(org, id).await?.ok_or(CancelError::Unknown)?;
        let registered = endpoints::registered(world, org).await?;
        let around = Surroundings { servers: &world.settings.schedule, registered: &registered };
        let (now, event) = (world.now(), world.new_event_id());
        let ending = Ending::Failed(Failure::of(GENERATION_CANCELED));
        let finished = generation::finish(&mut generation, ending, now, around, event, || world.new_delivery_id());
        let finished = finished.ok_or(CancelError::Ended)?;
        match finish::write(world, &generation, finished, around).await {
            Written::Done(ticketed, batch_has_ended) => {
                finish::told(world, &generation, ticketed, batch_has_ended);
                stop_work(world, id);
                withdraw(world, &generation);
                return Ok(generation);
            }
            Written::Stale => {}
            Written::Cut | Written::Closed => return Err(StoreError::Closed.into()),
        }
    }
    Err(StoreError::Busy.into())
}

fn stop_work(world: &World, id: GenerationId) {
    if !rule::holds("a_cancel_stops_the_work") {
        return;
    }
    // First this: a work that begins at this moment looks for it once it can be found below.
    world.canceled.remember(id);
    if let Some(at_work) = locked(&world.at_work).get(&id) {
        at_work.cancel_for_client();
    }
}

/// What an upstream makes goes on there until it is told.
fn withdraw(world: &World, generation: &Generation) {
    if world.settings.routing.route(&generation.request.model) == Some(Route::Sync)
        && let Some(relays) = &world.ports.relays
    {
        relays.withdraw(generation.id);
    }
}
