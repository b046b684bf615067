//! Room 5: final state, event with its frozen body, a delivery for each that it goes to: ONE commit. There is no moment at which a generation has
//! ended and its webhook is not on disk.
//!
//! A first attempt's start rides in the same commit where the dispatcher has a free slot for it; then the POST goes out
//! right after the commit, and nothing is read back. A schedule whose first point is not 0 has it wait on disk instead.
use std::sync::Arc;

use postsync_core::change::Change;
use postsync_core::delivery::Delivery;
use postsync_core::endpoint::Endpoint;
use postsync_core::generation::{self, Ending, Finished, Generation, Output, State, Surroundings};
use postsync_core::ids::{GenerationId, MediaId};
use postsync_core::time::Timestamp;
use postsync_core::{moment, rule};

use crate::dispatch::Ticket;
use crate::generate::Ended;
use crate::ports::{Applied, DueDelivery, StoreError};
use crate::world::World;
use crate::{dispatch, endpoints, settle};

pub(crate) async fn finish(world: &Arc<World>, mut generation: Generation, ending: Ending, ended: Ended) {
    let (id, media) = (generation.id, stored_media(&ending));
    let Some(registered) = registered(world, &generation).await else {
        return hand_back(world, &mut generation, media, ended).await;
    };
    let around = Surroundings { servers: &world.settings.schedule, registered: &registered };
    let (now, event) = (world.now(), world.new_event_id());
    let finished = generation::finish(&mut generation, ending, now, around, event, || world.new_delivery_id());
    let Some(Finished { changes, event, deliveries }) = finished else {
        return drop_orphan(world, id, media).await;
    };
    let (mut changes, ticketed) = with_starts(world, changes, deliveries, now);
    if !rule::holds("the_end_is_one_commit") {
        let _ = world.write(vec![changes.remove(0)]).await;
    }
    moment::passes("made");
    let written = world.write(changes).await;
    moment::passes("end told");
    if written != Some(Applied::Done) {
        for (delivery, ticket) in &ticketed {
            give_back(world, delivery, ticket.as_ref());
        }
    }
    match written {
        Some(Applied::Done) => {}
        Some(Applied::Stale) => return drop_orphan(world, id, media).await,
        None => {
            tracing::error!(generation = %id, "it has ended, and the store has closed: the next start makes it again");
            return;
        }
    }
    log(&generation);
    metrics::counter!("postsync_generations_ended_total", "status" => generation.status().as_str()).increment(1);
    if rule::holds("waits_are_told") {
        world.waiters.tell(&id);
    }
    if rule::holds("feeds_are_told") {
        world.feeds.bells.tell(&generation.org);
    }
    for (delivery, ticket) in ticketed {
        let due = DueDelivery { delivery, event: event.clone() };
        match ticket {
            Some(ticket) => settle::spawn_started(world, due, ticket),
            None => dispatch::offer(world, due),
        }
    }
}

/// The endpoints that it may go to. `None`: the grace of a stop is over, or the store has closed, and nobody could say.
async fn registered(world: &Arc<World>, generation: &Generation) -> Option<Arc<[Endpoint]>> {
    loop {
        let error = match endpoints::registered(world, &generation.org).await {
            Ok(registered) => return Some(registered),
            Err(StoreError::Closed) => return None,
            Err(error) => error,
        };
        let reading = format!("the endpoints of {}, for the end of generation {}", generation.org, generation.id);
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
fn with_starts(
    world: &World,
    changes: Vec<Change>,
    deliveries: Vec<Delivery>,
    now: Timestamp,
) -> (Vec<Change>, Vec<(Delivery, Option<Ticket>)>) {
    let mut ticketed: Vec<(Delivery, Option<Ticket>)> = deliveries
        .into_iter()
        .map(|delivery| {
            let ticket = dispatch::reserve(world, &delivery);
            (delivery, ticket)
        })
        .collect();
    let mut all = Vec::with_capacity(changes.len() + ticketed.len());
    let mut of = ticketed.iter_mut();
    for change in changes {
        let is_delivery = matches!(change, Change::AddDelivery(_));
        all.push(change);
        if is_delivery
            && let Some((delivery, Some(_))) = of.next()
            && rule::holds("a_start_is_on_record_first")
        {
            all.push(delivery.start(now));
        }
    }
    (all, ticketed)
}

fn give_back(world: &Arc<World>, delivery: &Delivery, ticket: Option<&Ticket>) {
    if let Some(ticket) = ticket {
        dispatch::land(world, ticket, None);
        world.dispatcher.forget(delivery.id);
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
