//! Rooms 6 to 8 for one attempt: its start is on disk, the POST goes out, the outcome is judged and goes to disk, fenced.
//!
//! Promise: no POST without its start on record, no outcome forgotten while the process lives. Each settles as it comes:
//! a slow receiver holds up nobody's outcome.
use std::sync::Arc;

use postsync_core::change::Change;
use postsync_core::delivery::{self, ExhaustedReason, State};
use postsync_core::outcome::{Outcome, SendError, SendReport};
use postsync_core::rule;
use postsync_core::target::without_query;

use crate::dispatch::Slot;
use crate::ports::{Applied, DueDelivery, Post};
use crate::secrets;
use crate::world::World;

/// What the log says of an attempt whose end nobody saw.
pub(crate) const INTERRUPTED: &str = "interrupted, may have been received; it is sent again with the same event id";

/// And of one that a stop has cut.
const SHUTTING_DOWN: &str =
    "cut because the server was asked to stop, may have been received; it is sent again with the same event id";

/// Attempts a delivery that was read as due: its start goes to disk first.
pub(crate) fn spawn_due(world: &Arc<World>, due: DueDelivery, slot: Slot) {
    let (task_world, entry) = (world.clone(), world.under_way.enter());
    // Looked at again once it is counted: a stop that began in between has perhaps seen nothing under way.
    if world.stopping.is_cancelled() {
        return;
    }
    world.ports.spawn.spawn(Box::pin(async move {
        let id = due.delivery.id;
        let next = start_and_send(&task_world, due, slot).await;
        task_world.dispatcher.land(id);
        // Landed first: who looks at the bell's sound must not find it still under way.
        ring(&task_world, next);
        drop(entry);
    }));
}

/// Attempts a delivery whose start is on disk already.
pub(crate) fn spawn_started(world: &Arc<World>, due: DueDelivery, slot: Slot) {
    let (task_world, entry) = (world.clone(), world.under_way.enter());
    world.ports.spawn.spawn(Box::pin(async move {
        let next = send(&task_world, due, slot).await;
        ring(&task_world, next);
        drop(entry);
    }));
}

/// What an attempt leaves to be done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It is due again, and that is on disk.
    DueAgain,
    /// Nothing, or nothing that the dispatcher would not find by itself.
    Nothing,
}

fn ring(world: &World, next: Next) {
    if next == Next::DueAgain {
        world.dispatcher.ring();
    }
}

async fn start_and_send(world: &World, mut due: DueDelivery, slot: Slot) -> Next {
    let start = due.delivery.start(world.now());
    if !rule::holds("a_start_is_on_record_first") {
        return send(world, due, slot).await;
    }
    match world.ports.store.apply(vec![start]).await {
        Ok(Applied::Done) => return send(world, due, slot).await,
        // Somebody else was first; what is left of it, if anything, is still on disk.
        Ok(Applied::Stale) => {}
        // Not started, so not lost: it is still due on disk. Its slot is held meanwhile, or a full disk would spin.
        Err(error) => world.pause_after(&error, "the start of an attempt").await,
    }
    Next::Nothing
}

async fn send(world: &World, due: DueDelivery, slot: Slot) -> Next {
    let report = tokio::select! {
        biased;
        report = post(world, &due) => report,
        _ = world.cut.cancelled() => SendReport::bare(Outcome::Failed(SendError::ShuttingDown), SHUTTING_DOWN),
    };
    // The receiver is done with: the next POST may start while this outcome is on its way to disk.
    drop(slot);
    let settlement = judge(world, &due, &report);
    let (due_again, exhausted) = match &settlement {
        Change::SettleAttempt(s) => (matches!(s.state, State::Due(_)), exhausted(s.state)),
        _ => (false, None),
    };
    let written = world.write(vec![settlement]).await;
    if written == Some(Applied::Done)
        && let Some(reason) = exhausted
    {
        let (delivery, reason, url) = (due.delivery.id, reason.as_str(), without_query(&due.delivery.url));
        tracing::warn!(%delivery, reason, url, attempts = due.delivery.attempts, "a delivery is exhausted");
    }
    metrics::counter!("postsync_attempts_total", "outcome" => report.outcome.word().as_str()).increment(1);
    if written == Some(Applied::Done) && due_again { Next::DueAgain } else { Next::Nothing }
}

fn exhausted(state: State) -> Option<ExhaustedReason> {
    match state {
        State::Exhausted(_, reason) => Some(reason),
        State::Due(_) | State::Delivered(_) => None,
    }
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
    let body = if rule::holds("the_body_is_frozen") { event.body.clone() } else { rebuilt(event, world.now()) };
    let post = Post {
        delivery: delivery.id,
        event: event.id,
        kind: event.kind,
        attempt: if rule::holds("the_attempt_number_is_sent") { delivery.attempts } else { 1 },
        url: delivery.url.clone(),
        body,
        secret,
        at: world.now(),
        timeout: world.settings.delivery_timeout,
    };
    world.ports.sender.send(post).await
}

/// What a body made anew for each attempt would be: another one each time. Only a mutant comes here.
fn rebuilt(event: &postsync_core::event::Event, now: postsync_core::time::Timestamp) -> bytes::Bytes {
    [&event.body[..], now.to_string().as_bytes()].concat().into()
}
