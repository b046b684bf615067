//! Room 5: final state, event with its frozen body, a delivery for each that it goes to: ONE commit. There is no moment at which a generation has
//! ended and its webhook is not on disk.
//!
//! A first attempt's start rides in the same commit where the dispatcher has a free slot for it; then the POST goes out
//! right after the commit, and nothing is read back. A schedule whose first point is not 0 has it wait on disk instead.
//!
//! A generation that is a row of a batch is counted in that commit; with the last one the batch ends there, too.
use std::sync::Arc;

use postsync_core::batch::RowEnd;
use postsync_core::change::Change;
use postsync_core::delivery::Delivery;
use postsync_core::endpoint::Endpoint;
use postsync_core::event::{Event, EventType};
use postsync_core::generation::{self, Ending, Finished, Generation, Output, State, Surroundings};
use postsync_core::ids::{GenerationId, MediaId};
use postsync_core::{moment, rule};

use crate::dispatch::Ticket;
use crate::generate::Ended;
use crate::ports::{Applied, DueDelivery, StoreError};
use crate::world::World;
use crate::{batches, dispatch, endpoints, gate, settle};

pub(crate) async fn finish(world: &Arc<World>, mut generation: Generation, ending: Ending, ended: Ended) {
    let (id, media) = (generation.id, stored_media(&ending));
    let Some(registered) = registered(world, &generation).await else {
        return hand_back(world, &mut generation, media, ended).await;
    };
    let around = Surroundings { servers: &world.settings.schedule, registered: &registered };
    let (now, event) = (world.now(), world.new_event_id());
    // The end of a row may still have to be handed back.
    let before = generation.row.is_some().then(|| generation.clone());
    let finished = generation::finish(&mut generation, ending, now, around, event, || world.new_delivery_id());
    let Some(finished) = finished else {
        gate::ended(world, &generation.org, id);
        return drop_orphan(world, id, media).await;
    };
    let (ticketed, has_ended) = match write(world, &generation, finished, around).await {
        Written::Done(ticketed, has_ended) => (ticketed, has_ended),
        Written::Stale => {
            gate::ended(world, &generation.org, id);
            return drop_orphan(world, id, media).await;
        }
        Written::Cut => return hand_back(world, &mut before.unwrap_or(generation), media, ended).await,
        Written::Closed => {
            tracing::error!(generation = %id, "it has ended, and the store has closed: the next start makes it again");
            return;
        }
    };
    told(world, &generation, ticketed, has_ended);
}

/// What follows from an end that is on disk.
pub(crate) fn told(
    world: &Arc<World>,
    generation: &Generation,
    ticketed: Vec<Ticketed>,
    batch_has_ended: Option<EventType>,
) {
    gate::ended(world, &generation.org, generation.id);
    log(generation);
    metrics::counter!("postsync_generations_ended_total", "status" => generation.status().as_str()).increment(1);
    if let Some(kind) = batch_has_ended {
        metrics::counter!("postsync_batches_ended_total", "event" => kind.as_str()).increment(1);
    }
    if rule::holds("waits_are_told") {
        world.waiters.tell(&generation.id);
    }
    if rule::holds("feeds_are_told") {
        world.feeds.bells.tell(&generation.org);
    }
    for (due, ticket) in ticketed {
        match ticket {
            Some(ticket) => settle::spawn_started(world, due, ticket),
            None => dispatch::offer(world, due),
        }
    }
}

/// A delivery that was just made, and the slot that its first attempt has.
pub(crate) type Ticketed = (DueDelivery, Option<Ticket>);

/// What became of an end on its way to disk.
pub(crate) enum Written {
    /// It is there, with these deliveries; and with it the end of the batch that it was the last row of.
    Done(Vec<Ticketed>, Option<EventType>),
    /// The generation was taken up or ended otherwise meanwhile.
    Stale,
    /// The grace of a stop is over, and nobody could say how its batch stands.
    Cut,
    /// The store has closed.
    Closed,
}

/// Writes the end with all that goes with it. Of rows that end at the same time only one is the last: who has counted wrong
/// looks once more.
pub(crate) async fn write(
    world: &Arc<World>,
    generation: &Generation,
    finished: Finished,
    around: Surroundings<'_>,
) -> Written {
    let Finished { changes: mut own, event, deliveries } = finished;
    let mut own_due: Vec<DueDelivery> = with_event(deliveries, &event);
    loop {
        let what = || format!("the batch of generation {}", generation.id);
        let Some(row) = reading(world, what, || batches::row_end(world, generation, around)).await else {
            return Written::Cut;
        };
        // Only the end of a row is ever written twice.
        let (mut changes, mut due) = match generation.row {
            Some(_) => (own.clone(), own_due.clone()),
            None => (std::mem::take(&mut own), std::mem::take(&mut own_due)),
        };
        let mut has_ended = None;
        if let Some(RowEnd { changes: of_row, event, deliveries }) = row {
            changes.extend(of_row);
            has_ended = event.as_ref().map(|event| event.kind);
            due.extend(event.into_iter().flat_map(|event| with_event(deliveries.clone(), &event)));
        }
        let (mut changes, ticketed) = with_starts(world, changes, due);
        if !rule::holds("the_end_is_one_commit") {
            let _ = world.write(vec![changes.remove(0)]).await;
        }
        moment::passes("made");
        let written = world.write(changes).await;
        moment::passes("end told");
        match written {
            Some(Applied::Done) => return Written::Done(ticketed, has_ended),
            Some(Applied::Stale) | None => {
                ticketed.iter().for_each(|(due, ticket)| give_back(world, due, ticket.as_ref()))
            }
        }
        if written.is_none() {
            return Written::Closed;
        }
        match reading(world, what, || batches::was_overtaken(world, generation)).await {
            Some(true) => {}
            Some(false) => return Written::Stale,
            None => return Written::Cut,
        }
    }
}

fn with_event(deliveries: Vec<Delivery>, event: &Event) -> Vec<DueDelivery> {
    deliveries.into_iter().map(|delivery| DueDelivery { delivery, event: event.clone() }).collect()
}

/// The endpoints that it may go to. `None`: the grace of a stop is over, or the store has closed, and nobody could say.
async fn registered(world: &Arc<World>, generation: &Generation) -> Option<Arc<[Endpoint]>> {
    let what = || format!("the endpoints of {}, for the end of generation {}", generation.org, generation.id);
    reading(world, what, || endpoints::registered(world, &generation.org)).await
}

/// Reads until it can be read. `None`: the grace of a stop is over, or the store has closed.
async fn reading<T, F>(world: &Arc<World>, what: impl Fn() -> String, read: impl Fn() -> F) -> Option<T>
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        let error = match read().await {
            Ok(found) => return Some(found),
            Err(StoreError::Closed) => return None,
            Err(error) => error,
        };
        let reading = what();
        tokio::select! {
            biased;
            _ = world.cut.cancelled() => return None,
            () = world.pause_after(&error, &reading) => {}
        }
    }
}

/// As if its work had been cut: the next start makes it again. Its video goes, for nothing would name it. A start that has died
/// stays counted.
async fn hand_back(world: &Arc<World>, generation: &mut Generation, media: Option<MediaId>, ended: Ended) {
    tracing::warn!(generation = %generation.id, "handed back, because nobody could say where its webhook goes; the next start makes it again");
    remove_unnamed(world, media).await;
    if ended == Ended::ByItsStart
        && let Some(released) = generation::release(generation, world.now())
    {
        let _ = world.write(vec![released]).await;
    }
}

/// Puts the start of each attempt that may begin at once behind the delivery that it is of.
fn with_starts(world: &World, changes: Vec<Change>, due: Vec<DueDelivery>) -> (Vec<Change>, Vec<Ticketed>) {
    let now = world.now();
    let mut ticketed: Vec<Ticketed> = due
        .into_iter()
        .map(|due| {
            let ticket = dispatch::reserve(world, &due);
            (due, ticket)
        })
        .collect();
    let mut all = Vec::with_capacity(changes.len() + ticketed.len());
    let mut of = ticketed.iter_mut();
    for change in changes {
        let is_delivery = matches!(change, Change::AddDelivery(_));
        all.push(change);
        if is_delivery
            && let Some((due, Some(_))) = of.next()
            && rule::holds("a_start_is_on_record_first")
        {
            all.push(due.delivery.start(now));
        }
    }
    (all, ticketed)
}

fn give_back(world: &Arc<World>, due: &DueDelivery, ticket: Option<&Ticket>) {
    if let Some(ticket) = ticket {
        dispatch::land(world, ticket, None);
        world.dispatcher.forget(due.delivery.id);
    }
}

fn stored_media(ending: &Ending) -> Option<MediaId> {
    match ending {
        Ending::Completed(Output { media, .. }) => *media,
        Ending::Failed(_) => None,
    }
}

/// A failure is the operator's to see: it may be their disk, their ffmpeg or their network.
fn log(generation: &Generation) {
    if let State::Ended(_, Ending::Failed(failure)) = &generation.state {
        let (code, error) = (failure.code.as_str(), failure.error.as_str());
        tracing::info!(generation = %generation.id, code, error, "a generation has failed");
    }
}

/// The generation has ended otherwise meanwhile: its video belongs to nobody.
async fn drop_orphan(world: &World, id: GenerationId, media: Option<MediaId>) {
    tracing::warn!(generation = %id, "an ending was dropped: the generation was taken up or ended otherwise meanwhile");
    remove_unnamed(world, media).await;
}

async fn remove_unnamed(world: &World, media: Option<MediaId>) {
    if let Some(media) = media
        && let Err(error) = world.ports.media.remove(media).await
    {
        tracing::warn!(%media, %error, "an unwanted video could not be removed");
    }
}
