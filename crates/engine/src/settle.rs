//! Rooms 6 to 8 for one attempt: its start is on disk, the POST goes out, the outcome is judged and goes to disk, fenced.
//!
//! Promise: no POST without its start on record, no outcome forgotten while the process lives. Each settles as it comes:
//! a slow receiver holds up nobody's outcome.
use std::sync::Arc;

use postsync_core::change::Change;
use postsync_core::delivery::{self, State};
use postsync_core::outcome::{Outcome, SendReport};

use crate::dispatch::Slot;
use crate::ports::{Applied, DueDelivery, Post};
use crate::secrets;
use crate::tally::Entry;
use crate::world::World;

/// What the log says of an attempt whose end nobody saw.
pub(crate) const INTERRUPTED: &str = "interrupted, may have been received; it is sent again with the same event id";

/// Attempts a delivery that was read as due: its start goes to disk first.
pub(crate) fn spawn_due(world: &Arc<World>, due: DueDelivery, slot: Slot) {
    let (task_world, entry) = (world.clone(), world.under_way.enter());
    world.ports.spawn.spawn(Box::pin(async move {
        let id = due.delivery.id;
        start_and_send(&task_world, due, slot, entry).await;
        task_world.dispatcher.land(id);
    }));
}

/// Attempts a delivery whose start is on disk already.
pub(crate) fn spawn_started(world: &Arc<World>, due: DueDelivery, slot: Slot) {
    let (task_world, entry) = (world.clone(), world.under_way.enter());
    world.ports.spawn.spawn(Box::pin(async move { send(&task_world, due, slot, entry).await }));
}

async fn start_and_send(world: &World, mut due: DueDelivery, slot: Slot, entry: Entry) {
    let start = due.delivery.start(world.now());
    match world.ports.store.apply(vec![start]).await {
        Ok(Applied::Done) => send(world, due, slot, entry).await,
        // Somebody else was first; what is left of it, if anything, is still on disk.
        Ok(Applied::Stale) => {}
        // Not started, so not lost: it is still due on disk. Its slot is held meanwhile, or a full disk would spin.
        Err(error) => world.pause_after(&error, "the start of an attempt").await,
    }
}

async fn send(world: &World, due: DueDelivery, slot: Slot, entry: Entry) {
    let report = tokio::select! {
        biased;
        report = post(world, &due) => report,
        _ = world.cut.cancelled() => SendReport::bare(Outcome::Interrupted, INTERRUPTED),
    };
    // The receiver is done with: the next POST may start while this outcome is on its way to disk.
    drop(slot);
    let settlement = judge(world, &due, &report);
    let due_again = matches!(&settlement, Change::SettleAttempt(s) if matches!(s.state, State::Due(_)));
    let written = world.write(vec![settlement]).await;
    metrics::counter!("postsync_attempts_total", "outcome" => report.outcome.word().as_str()).increment(1);
    if written == Some(Applied::Done) && due_again {
        world.dispatcher.ring();
    }
    drop(entry);
}

/// What the outcome means for this delivery.
pub(crate) fn judge(world: &World, due: &DueDelivery, report: &SendReport) -> Change {
    delivery::settle(&due.delivery, report, &world.settings.schedule, world.now(), world.ports.entropy.jitter())
}

async fn post(world: &World, due: &DueDelivery) -> SendReport {
    let (delivery, event) = (&due.delivery, &due.event);
    let secret = loop {
        match secrets::signing_secret(world, &delivery.org).await {
            Ok(secret) => break secret,
            Err(error) => world.pause_after(&error, "a signing secret").await,
        }
    };
    let post = Post {
        delivery: delivery.id,
        event: event.id,
        kind: event.kind,
        attempt: delivery.attempts,
        url: delivery.url.clone(),
        body: event.body.clone(),
        secret,
        at: world.now(),
        timeout: world.settings.delivery_timeout,
    };
    world.ports.sender.send(post).await
}
