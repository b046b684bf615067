//! Room 5: final state, event with its frozen body, delivery: ONE commit. There is no moment at which a generation has
//! ended and its webhook is not on disk.
//!
//! The first attempt's start rides in the same commit where the dispatcher has a free slot for it; then the POST goes out
//! right after the commit, and nothing is read back. A schedule whose first point is not 0 has it wait on disk instead.
use std::sync::Arc;

use postsync_core::generation::{self, Ending, Finished, Generation, Output, State};
use postsync_core::ids::{GenerationId, MediaId};
use postsync_core::{moment, rule};

use crate::ports::{Applied, DueDelivery};
use crate::world::World;
use crate::{dispatch, settle};

pub(crate) async fn finish(world: &Arc<World>, mut generation: Generation, ending: Ending) {
    let (id, media) = (generation.id, stored_media(&ending));
    let schedule = &world.settings.schedule;
    let now = world.now();
    let (event, delivery) = (world.new_event_id(), world.new_delivery_id());
    let finished = generation::finish(&mut generation, ending, now, schedule, event, delivery);
    let Some(Finished { mut changes, webhook }) = finished else {
        return drop_orphan(world, id, media).await;
    };
    let due = webhook.map(|(event, mut delivery)| {
        let ticket = dispatch::reserve(world, &delivery);
        if ticket.is_some() && rule::holds("a_start_is_on_record_first") {
            changes.push(delivery.start(now));
        }
        (DueDelivery { delivery, event }, ticket)
    });
    if !rule::holds("the_end_is_one_commit") {
        let _ = world.write(vec![changes.remove(0)]).await;
    }
    moment::passes("made");
    let written = world.write(changes).await;
    moment::passes("end told");
    if written != Some(Applied::Done)
        && let Some((due, Some(ticket))) = &due
    {
        dispatch::land(world, ticket, None);
        world.dispatcher.forget(due.delivery.id);
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
    match due {
        Some((due, Some(ticket))) => settle::spawn_started(world, due, ticket),
        Some((due, None)) => dispatch::offer(world, due),
        None => {}
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
    if let Some(media) = media
        && let Err(error) = world.ports.media.remove(media).await
    {
        tracing::warn!(%media, %error, "an unwanted video could not be removed");
    }
}
