//! Room 6: takes deliveries that are due and has each attempted, fairly and within what each receiver can bear.
//!
//! Promise: whatever is due on disk is found, because the disk is read: at start, whenever the bell rings, and when the
//! next due time comes. Memory holds a bounded part of it: what does not fit, and what can't be sent now, is parked on disk
//! lane by lane and fed from there. Who is next is the board's business, what an outcome means `core::delivery`'s.
mod board;
mod fair;
mod parked;
mod reading;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use postsync_core::delivery::{self, State};
use postsync_core::ids::DeliveryId;
use postsync_core::outcome::Outcome;
use postsync_core::parking::{Lane, ParkReason};
use postsync_core::rule;
use postsync_core::terms::TIMEOUT_MAX;
use postsync_core::time::Timestamp;
use tokio::sync::Notify;

pub(crate) use board::Ticket;
use board::{Board, Call, Limits, Offered, path_of};
use reading::Place;

use crate::ports::{DueDelivery, StoreError};
use crate::settings::Bounds;
use crate::settle;
use crate::world::{World, locked};

/// Deliveries read, parked or fed at once.
const PAGE: usize = 256;

/// The longest sleep without a look at the store.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Beyond a POST's own deadline: an attempt that has not come back by then does not hold up the next probe.
const PROBE_GRACE: Duration = Duration::from_secs(60);

pub(crate) struct Dispatcher {
    board: Mutex<Board>,
    errands: Mutex<Errands>,
    bell: Notify,
}

/// What others leave for the loop to do.
#[derive(Default)]
struct Errands {
    /// What waited for a receiver that went down.
    park: Vec<(DueDelivery, Lane)>,
    /// The earliest due time that was written since the loop last looked.
    due_at: Option<Timestamp>,
    /// A lane may be probed or fed.
    calls: bool,
}

impl Dispatcher {
    pub(crate) fn new(in_flight_max: usize, bounds: Bounds) -> Self {
        // A quarter is kept for first attempts: an outage's retries must not hold up what is new.
        let again_max = (in_flight_max - in_flight_max / 4).max(1);
        let limits = Limits { in_flight_max, again_max, queue_max: bounds.queue_max, queued_max: bounds.queued_max };
        Self { board: Mutex::new(Board::new(limits)), errands: Mutex::default(), bell: Notify::new() }
    }

    /// Something has become due on disk, or its due time has changed.
    pub(crate) fn ring(&self, due_at: Timestamp) {
        let mut errands = locked(&self.errands);
        errands.due_at = Some(errands.due_at.map_or(due_at, |earlier| earlier.min(due_at)));
        drop(errands);
        self.bell.notify_one();
    }

    /// A lane may be probed or fed.
    fn call(&self) {
        locked(&self.errands).calls = true;
        self.bell.notify_one();
    }

    /// The delivery is neither under way nor in memory any more: what is on disk says where it stands.
    pub(crate) fn forget(&self, id: DeliveryId) {
        locked(&self.board).forget(id);
    }
}

/// A ticket for a delivery that is about to be made, if it would be next anyway.
pub(crate) fn reserve(world: &World, due: &delivery::Delivery) -> Option<Ticket> {
    let now = world.now();
    let is_due = matches!(due.state, State::Due(at) if at <= now);
    if !is_due {
        return None;
    }
    locked(&world.dispatcher.board).reserve(due.id, &path_of(due)?, now, deadline(world))
}

/// A delivery has been committed that nobody has a ticket for.
pub(crate) fn offer(world: &Arc<World>, due: DueDelivery) {
    let (now, due_at) = (world.now(), due_at(&due));
    let offered = match due_at <= now {
        true => {
            let is_parkable = due.delivery.is_parkable(&world.settings.schedule);
            locked(&world.dispatcher.board).offer(due, now, is_parkable, false)
        }
        false => Offered::Known,
    };
    match offered {
        Offered::Queued => launch(world),
        // The loop finds it on disk, and parks it or waits for it.
        Offered::Known | Offered::Park(..) => world.dispatcher.ring(due_at),
    }
}

/// The POST of a ticket is over, or was never sent: others may go.
pub(crate) fn land(world: &Arc<World>, ticket: &Ticket, outcome: Option<Outcome>) {
    let (now, jitter) = (world.now(), world.ports.entropy.jitter());
    let mut board = locked(&world.dispatcher.board);
    let landed = board.land(ticket, outcome, now, jitter, is_parkable(world));
    drop(board);
    let rings = landed.has_calls || !landed.park.is_empty();
    let mut errands = locked(&world.dispatcher.errands);
    errands.park.extend(landed.park);
    errands.calls |= landed.has_calls;
    drop(errands);
    launch(world);
    if rings {
        world.dispatcher.bell.notify_one();
    }
}

/// Begins every attempt that may begin.
fn launch(world: &Arc<World>) {
    while !world.stopping.is_cancelled() {
        let next = locked(&world.dispatcher.board).next(world.now(), deadline(world));
        let Some(launch) = next else { return };
        settle::spawn_due(world, launch.due, launch.ticket);
    }
}

fn deadline(world: &World) -> Timestamp {
    world.now().plus(TIMEOUT_MAX + PROBE_GRACE)
}

fn is_parkable(world: &World) -> bool {
    world.settings.schedule.last_ms() >= delivery::PARKABLE_FROM_MS
}

/// The loop.
pub(crate) async fn run(world: Arc<World>) {
    let mut place = Place::default();
    let mut knows_lanes = false;
    loop {
        let round = async {
            if !knows_lanes && let Err(error) = parked::find_lanes(&world).await {
                return world.pause_after(&error, "parked deliveries").await;
            }
            knows_lanes = true;
            match go_round(&world, &mut place).await {
                Ok(until) => wait_for_more(&world, until, place.next_probe_at).await,
                Err(error) => world.pause_after(&error, "due deliveries").await,
            }
        };
        tokio::select! {
            biased;
            _ = world.stopping.cancelled() => return,
            () = round => {}
        }
    }
}

/// Does all that there is to do now; gives until when it has looked.
async fn go_round(world: &Arc<World>, place: &mut Place) -> Result<Timestamp, StoreError> {
    let early = if rule::holds("only_what_is_due_is_sent") { Duration::ZERO } else { Duration::from_secs(60) };
    let until = world.now().plus(early);
    let Errands { park, due_at, calls } = std::mem::take(&mut *locked(&world.dispatcher.errands));
    place.turn_back(due_at, world.now());
    let mut lanes = parked::park_all(world, park, ParkReason::Down).await;
    if lanes.is_ok() && (calls || place.looks_at_lanes(world.now())) {
        lanes = look_at_lanes(world).await;
        place.next_probe_at = locked(&world.dispatcher.board).next_probe_at(world.now());
    }
    // Whatever became of the lanes: what is due does not wait for them.
    reading::read(world, place, until).await?;
    lanes.inspect_err(|_| world.dispatcher.call())?;
    Ok(until)
}

async fn look_at_lanes(world: &Arc<World>) -> Result<(), StoreError> {
    parked::end_expired(world).await?;
    answer_calls(world).await
}

async fn answer_calls(world: &Arc<World>) -> Result<(), StoreError> {
    let calls = locked(&world.dispatcher.board).calls(world.now(), is_parkable(world));
    for call in calls {
        match call {
            Call::Probe(lane) => parked::probe(world, &lane).await?,
            Call::Feed(lane, room) => parked::feed(world, &lane, room.min(PAGE)).await?,
        }
    }
    Ok(())
}

async fn wait_for_more(world: &World, looked_until: Timestamp, next_probe_at: Option<Timestamp>) {
    let next_due = match world.ports.store.next_due(looked_until).await {
        Ok(at) => at,
        Err(error) => return world.pause_after(&error, "the next due time").await,
    };
    let next = [next_due, next_probe_at.filter(|at| *at > looked_until)].into_iter().flatten().min();
    let until_next = next.map_or(LOOK_EVERY, |at| at.since(world.now()).min(LOOK_EVERY));
    tokio::select! {
        biased;
        () = world.dispatcher.bell.notified() => {}
        () = world.ports.clock.sleep(until_next) => {}
    }
}

fn due_at(due: &DueDelivery) -> Timestamp {
    match due.delivery.state {
        State::Due(at) | State::Parked(at, _) => at,
        State::Delivered(_) | State::Exhausted(..) => due.delivery.created_at,
    }
}
