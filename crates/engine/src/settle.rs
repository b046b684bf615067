//! Rooms 6 to 8 for one attempt: its start is on disk, the POST goes out, the outcome is judged and goes to disk, fenced.
//!
//! Promise: no POST without its start on record, no outcome forgotten while the process lives. Each settles as it comes:
//! a slow receiver holds up nobody's outcome.
use std::sync::Arc;

use postsync_core::change::Change;
use postsync_core::delivery::{self, Delivery, ExhaustedReason, Origin, State};
use postsync_core::endpoint::CustomHeaders;
use postsync_core::ids::DeliveryId;
use postsync_core::outcome::{Outcome, SendError, SendReport};
use postsync_core::parking::Lane;
use postsync_core::rotation::Signing;
use postsync_core::target::without_query;
use postsync_core::time::Timestamp;
use postsync_core::{moment, rule};

use crate::dispatch::{self, Ticket};
use crate::endpoints::{self, Notices};
use crate::ports::{Applied, DueDelivery, Heard, Post, StoreError};
use crate::world::World;
use crate::{exhausted, secrets};

/// What the log says of an attempt whose end nobody saw.
pub(crate) const INTERRUPTED: &str = "interrupted, may have been received; it is sent again with the same event id";

/// And of one that a stop has cut.
const SHUTTING_DOWN: &str =
    "cut because the server was asked to stop, may have been received; it is sent again with the same event id";

/// And of one of which the answer was cut behind its head.
const CUT_IN_THE_BODY: &str =
    "the server was asked to stop while the body of the answer was still coming; its head decides";

/// Attempts a delivery that was read as due: its start goes to disk first.
pub(crate) fn spawn_due(world: &Arc<World>, due: DueDelivery, ticket: Ticket) {
    let (task_world, entry) = (world.clone(), world.under_way.enter());
    // Looked at again once it is counted: a stop that began in between has perhaps seen nothing under way.
    if world.stopping.is_cancelled() {
        return;
    }
    world.ports.spawn.spawn(Box::pin(async move {
        let id = due.delivery.id;
        let due_at = start_and_send(&task_world, due, ticket).await;
        be_done(&task_world, id, due_at);
        drop(entry);
    }));
}

/// Attempts a delivery whose start is on disk already.
pub(crate) fn spawn_started(world: &Arc<World>, due: DueDelivery, ticket: Ticket) {
    let (task_world, entry) = (world.clone(), world.under_way.enter());
    world.ports.spawn.spawn(Box::pin(async move {
        let id = due.delivery.id;
        let due_at = send(&task_world, due, ticket).await;
        be_done(&task_world, id, due_at);
        drop(entry);
    }));
}

/// Attempts a delivery that is parked: its start, which takes it out of there, goes to disk first.
pub(crate) fn spawn_probe(world: &Arc<World>, mut due: DueDelivery, ticket: Ticket) {
    let (task_world, entry) = (world.clone(), world.under_way.enter());
    if world.stopping.is_cancelled() {
        return;
    }
    world.ports.spawn.spawn(Box::pin(async move {
        let id = due.delivery.id;
        if may_not_start(&task_world, &due).await {
            dispatch::land(&task_world, &ticket, None);
            return be_done(&task_world, id, None);
        }
        let start = due.delivery.start_probe(task_world.now());
        let due_at = match task_world.ports.store.apply(vec![start]).await {
            Ok(Applied::Done) => send(&task_world, due, ticket).await,
            not_started => {
                dispatch::land(&task_world, &ticket, None);
                if let Err(error) = not_started {
                    task_world.pause_after(&error, "the start of a probe").await;
                }
                None
            }
        };
        be_done(&task_world, id, due_at);
        drop(entry);
    }));
}

/// `due_at`: it is due again then, and that is on disk.
fn be_done(world: &World, id: DeliveryId, due_at: Option<Timestamp>) {
    // Forgotten first: who looks at the bell's sound must not find it still under way.
    world.dispatcher.forget(id);
    if let Some(due_at) = due_at {
        world.dispatcher.ring(due_at);
    }
}

/// It ends with its endpoint, or nobody can say whether it does: then it stays as it is on disk, and its slot goes on to others.
async fn may_not_start(world: &Arc<World>, due: &DueDelivery) -> bool {
    match endpoints::ends_here(world, due).await {
        Ok(ends) => ends,
        Err(error) => {
            world.pause_after(&error, "an organization's endpoints").await;
            true
        }
    }
}

async fn start_and_send(world: &Arc<World>, mut due: DueDelivery, ticket: Ticket) -> Option<Timestamp> {
    if may_not_start(world, &due).await {
        dispatch::land(world, &ticket, None);
        // Where it has ended nothing is found.
        return due_at(due.delivery.state);
    }
    let now = world.now();
    let start = due.delivery.start(now);
    if !rule::holds("a_start_is_on_record_first") {
        return send(world, due, ticket).await;
    }
    let due_at = match world.ports.store.apply(vec![start]).await {
        Ok(Applied::Done) => return send(world, due, ticket).await,
        // Somebody else was first; what is left of it, if anything, is still on disk, and is found by whoever looks there.
        Ok(Applied::Stale) => None,
        // Not started, so not lost: it is still due on disk. Its slot is held meanwhile, or a full disk would spin.
        Err(error) => {
            world.pause_after(&error, "the start of an attempt").await;
            due_at(due.delivery.state)
        }
    };
    dispatch::land(world, &ticket, None);
    due_at
}

async fn send(world: &Arc<World>, due: DueDelivery, ticket: Ticket) -> Option<Timestamp> {
    let heard = Heard::default();
    let report = tokio::select! {
        biased;
        report = post(world, &due, heard.clone()) => report,
        _ = world.cut.cancelled() => cut(&heard),
    };
    moment::passes("answered");
    // The receiver is done with: the next POST may start while this outcome is on its way to disk.
    let still_down = dispatch::land(world, &ticket, Some(report.outcome));
    let mut changes = if ticket.is_probe() {
        judge_probe(world, &due, &report, still_down.clone())
    } else {
        vec![judge(world, &due, &report)]
    };
    let is_back = changes.len() > 1;
    let (due_at, exhausted) = match changes.first() {
        Some(Change::SettleAttempt(s)) => (due_at(s.state), exhausted(s.state)),
        _ => (None, None),
    };
    let notices = match exhausted {
        Some(reason) => endpoints::of_exhausted(world, &due, reason).await,
        None => Notices::default(),
    };
    changes.extend(notices.changes());
    let written = world.write(changes).await;
    if written == Some(Applied::Done) {
        log(&due, exhausted);
        notices.send(world);
        endpoints::heard(world, &due, report.outcome).await;
    }
    metrics::counter!("postsync_attempts_total", "outcome" => report.outcome.word().as_str()).increment(1);
    if let (true, Some(lane)) = (is_back, still_down) {
        dispatch::note_parked(world, &lane, &due);
        return None;
    }
    due_at.filter(|_| written == Some(Applied::Done))
}

/// What a stop leaves of an attempt: its answer, where the head of one was complete.
fn cut(heard: &Heard) -> SendReport {
    match heard.outcome().filter(|_| rule::holds("a_complete_head_decides")) {
        Some(outcome) => SendReport::bare(outcome, CUT_IN_THE_BODY),
        None => SendReport::bare(Outcome::Failed(SendError::ShuttingDown), SHUTTING_DOWN),
    }
}

fn log(due: &DueDelivery, exhausted: Option<ExhaustedReason>) {
    if let Some(reason) = exhausted {
        exhausted::count(reason, 1);
        let (delivery, reason, url) = (due.delivery.id, reason.as_str(), without_query(&due.delivery.url));
        tracing::warn!(%delivery, reason, url, attempts = due.delivery.attempts, "a delivery is exhausted");
    }
}

fn exhausted(state: State) -> Option<ExhaustedReason> {
    match state {
        State::Exhausted(_, reason) => Some(reason),
        State::Due(_) | State::Parked(..) | State::Delivered(_) => None,
    }
}

fn due_at(state: State) -> Option<Timestamp> {
    match state {
        State::Due(at) => Some(at),
        State::Parked(..) | State::Delivered(_) | State::Exhausted(..) => None,
    }
}

/// What the outcome means for this delivery.
pub(crate) fn judge(world: &World, due: &DueDelivery, report: &SendReport) -> Change {
    delivery::settle(&due.delivery, report, &world.settings.schedule, world.now(), world.ports.entropy.jitter())
}

/// The same of a probe; `still_down` is the lane that goes on waiting, and this delivery with it.
fn judge_probe(world: &World, due: &DueDelivery, report: &SendReport, still_down: Option<Lane>) -> Vec<Change> {
    let (now, jitter) = (world.now(), world.ports.entropy.jitter());
    delivery::settle_probe(&due.delivery, report, &world.settings.schedule, now, jitter, still_down)
}

async fn post(world: &Arc<World>, due: &DueDelivery, heard: Heard) -> SendReport {
    let (delivery, event) = (&due.delivery, &due.event);
    let (signing, custom_headers) = match sealed(world, delivery).await {
        Ok(sealed) => sealed,
        Err(error) => return unsendable(&error),
    };
    let body = if rule::holds("the_body_is_frozen") { event.body.clone() } else { rebuilt(event, world.now()) };
    let post = Post {
        delivery: delivery.id,
        event: event.id,
        kind: event.kind,
        attempt: if rule::holds("the_attempt_number_is_sent") { delivery.attempts } else { 1 },
        is_replay: delivery.origin == Origin::Replay,
        url: delivery.url.clone(),
        body,
        signing,
        custom_headers,
        at: world.now(),
        timeout: delivery.terms.timeout_or(world.settings.delivery_timeout),
        heard,
    };
    moment::passes("post begins");
    world.ports.sender.send(post).await
}

/// What signs it, and what its endpoint's owner adds. Asked twice at most: a slot that waits for a row that nobody can read is
/// one that everybody lacks.
async fn sealed(world: &Arc<World>, delivery: &Delivery) -> Result<Sealed, StoreError> {
    match look_for_sealed(world, delivery).await {
        // No second look makes that readable.
        Err(error @ StoreError::Key(_)) => Err(error),
        Err(error) => {
            world.pause_after(&error, "a signing secret").await;
            look_for_sealed(world, delivery).await
        }
        sealed => sealed,
    }
}

type Sealed = (Arc<Signing>, CustomHeaders);

async fn look_for_sealed(world: &Arc<World>, delivery: &Delivery) -> Result<Sealed, StoreError> {
    let signing = secrets::signing(world, &endpoints::owner_of(delivery)).await?;
    Ok((signing, endpoints::headers(world, delivery).await?))
}

/// Nothing was sent, and that is ours: it uses no step, and comes again after a wait that grows.
fn unsendable(error: &StoreError) -> SendReport {
    let mend = match error {
        StoreError::Key(_) => "; give the server the master key that the secret was kept under, or restore a backup",
        StoreError::Failed(_) => "; see the server's log, and restore a backup if the database is damaged",
        StoreError::Full | StoreError::Busy | StoreError::TooSlow | StoreError::Closed => "",
    };
    let message = format!(
        "the signing secret or a header of the endpoint could not be read: {error}{mend}; nothing was sent, and it is tried again by itself"
    );
    tracing::error!(%error, "a webhook could not be signed; it is tried again after a wait");
    SendReport::bare(Outcome::Failed(SendError::Unsendable), message)
}

/// What a body made anew for each attempt would be: another one each time. Only a mutant comes here.
fn rebuilt(event: &postsync_core::event::Event, now: postsync_core::time::Timestamp) -> bytes::Bytes {
    [&event.body[..], now.to_string().as_bytes()].concat().into()
}
