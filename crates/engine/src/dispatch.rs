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
use postsync_core::endpoint::{Endpoint, State as EndpointState};
use postsync_core::endpoint_limits::{EndpointLimits, EndpointRules};
use postsync_core::ids::{DeliveryId, EndpointId, OrgId};
use postsync_core::outcome::Outcome;
use postsync_core::parking::{Lane, ParkReason};
use postsync_core::rule;
use postsync_core::target::Destination;
use postsync_core::terms::TIMEOUT_MAX;
use postsync_core::time::Timestamp;
use tokio::sync::Notify;

use board::{Board, Limits, Offered, operational_lane, path_of};
pub(crate) use board::{Seen, Ticket};
pub(crate) use parked::apply_all;
use reading::Place;

use crate::ports::{DueDelivery, StoreError};
use crate::settings::Bounds;
use crate::settle;
use crate::world::{World, locked};

/// Deliveries read, parked or fed at once.
const PAGE: usize = 256;

/// The longest sleep without a look at the store.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Rounds in a row that moved nothing. Then it waits for the clock: a store that contradicts itself must not keep it turning.
const IDLE_ROUNDS_MAX: u32 = 256;

/// The pause after them.
const ROUND_PAUSE: Duration = Duration::from_millis(5);

/// Beyond a POST's own deadline: an attempt that has not come back by then does not hold up the next probe.
const PROBE_GRACE: Duration = Duration::from_secs(60);

pub(crate) struct Dispatcher {
    board: Mutex<Board>,
    errands: Mutex<Errands>,
    bell: Notify,
    /// An endpoint that was too fast may go on sooner than the loop thinks.
    turns: Notify,
}

/// What others leave for the loop to do.
#[derive(Default)]
struct Errands {
    /// What waited for a receiver that went down.
    park: Vec<(DueDelivery, Lane)>,
    /// What waited for an endpoint that was paused.
    paused: Vec<(DueDelivery, Lane)>,
    /// The earliest due time that was written since the loop last looked.
    due_at: Option<Timestamp>,
}

impl Dispatcher {
    pub(crate) fn new(in_flight_max: usize, bounds: Bounds) -> Self {
        // A quarter is kept for first attempts: an outage's retries must not hold up what is new.
        let again_max = (in_flight_max - in_flight_max / 4).max(1);
        let Bounds { queue_max, queued_max, queued_bytes_max, .. } = bounds;
        let limits = Limits { in_flight_max, again_max, queue_max, queued_max, queued_bytes_max };
        Self {
            board: Mutex::new(Board::new(limits)),
            errands: Mutex::default(),
            bell: Notify::new(),
            turns: Notify::new(),
        }
    }

    /// Something has become due on disk, or its due time has changed.
    pub(crate) fn ring(&self, due_at: Timestamp) {
        let mut errands = locked(&self.errands);
        errands.due_at = Some(errands.due_at.map_or(due_at, |earlier| earlier.min(due_at)));
        drop(errands);
        self.bell.notify_one();
    }

    /// The delivery is neither under way nor in memory any more: what is on disk says where it stands.
    pub(crate) fn forget(&self, id: DeliveryId) {
        locked(&self.board).forget(id);
    }
}

/// A ticket for a delivery that is about to be made, if it would be next anyway.
pub(crate) fn reserve(world: &World, due: &DueDelivery) -> Option<Ticket> {
    let now = world.now();
    let is_due = matches!(due.delivery.state, State::Due(at) if at <= now);
    if !is_due {
        return None;
    }
    locked(&world.dispatcher.board).reserve(due.delivery.id, &path_of(due)?, now, deadline(world))
}

/// A delivery has been committed that nobody has a ticket for.
pub(crate) fn offer(world: &Arc<World>, due: DueDelivery) {
    let (now, due_at) = (world.now(), due_at(&due));
    let offered = match due_at <= now {
        true => {
            let is_parkable = is_parkable(world, &due.delivery);
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

/// What holds for a registered endpoint: for its deliveries, and for the lane beside them that operational ones have.
pub(crate) fn rule_endpoint(world: &Arc<World>, endpoint: &Endpoint) {
    let is_paused = endpoint.state == EndpointState::Paused;
    let limits = EndpointLimits { per_second: endpoint.per_second, concurrency: endpoint.concurrency };
    set_rules(world, &endpoint.id, EndpointRules { limits, is_paused });
    set_rules(world, &operational_lane(&endpoint.id), EndpointRules { is_paused, ..EndpointRules::default() });
}

/// A registered endpoint is gone, and whatever held for it.
pub(crate) fn forget_endpoint(world: &Arc<World>, id: &EndpointId) {
    set_rules(world, id, EndpointRules::default());
    set_rules(world, &operational_lane(id), EndpointRules::default());
}

/// The POST of a ticket is over, or was never sent: others may go. Gives the lane that this was the probe of, where it is
/// still down.
pub(crate) fn land(world: &Arc<World>, ticket: &Ticket, outcome: Option<Outcome>) -> Option<Lane> {
    let (now, jitter) = (world.now(), world.ports.entropy.jitter());
    let mut board = locked(&world.dispatcher.board);
    let landed = board.land(ticket, outcome, now, jitter, |delivery| is_parkable(world, delivery));
    drop(board);
    let rings = landed.has_calls || !landed.park.is_empty();
    locked(&world.dispatcher.errands).park.extend(landed.park);
    launch(world);
    if rings {
        world.dispatcher.bell.notify_one();
    }
    landed.still_down
}

/// A probe's delivery is back in the lane that it came from.
pub(crate) fn note_parked(world: &World, lane: &Lane, due: &DueDelivery) {
    if locked(&world.dispatcher.board).note_parked(lane, due, world.now()) {
        world.dispatcher.bell.notify_one();
    }
}

/// An endpoint's owner has set something: it holds from now on.
pub(crate) fn set_rules(world: &Arc<World>, endpoint: &EndpointId, rules: EndpointRules) {
    let waiting = locked(&world.dispatcher.board).set_rules(endpoint, rules, |delivery| is_parkable(world, delivery));
    locked(&world.dispatcher.errands).paused.extend(waiting);
    launch(world);
    world.dispatcher.bell.notify_one();
}

/// What an organization is shown of its destinations, by their texts behind `after`.
pub(crate) fn destinations_of(world: &World, org: &OrgId, after: Option<&str>, limit: usize) -> Vec<String> {
    locked(&world.dispatcher.board).destinations_of(org, after, limit)
}

/// One of them.
pub(crate) fn see(world: &World, org: &OrgId, destination: &Destination) -> Seen {
    locked(&world.dispatcher.board).see(org, destination)
}

/// Begins every attempt that may begin.
fn launch(world: &Arc<World>) {
    while !world.stopping.is_cancelled() {
        let next = locked(&world.dispatcher.board).next(world.now(), deadline(world));
        let Some(launch) = next else { break };
        settle::spawn_due(world, launch.due, launch.ticket);
    }
    if locked(&world.dispatcher.board).turns_are_sooner() {
        world.dispatcher.turns.notify_one();
    }
}

fn deadline(world: &World) -> Timestamp {
    world.now().plus(TIMEOUT_MAX + PROBE_GRACE)
}

/// Whether a circuit may hold it back.
fn is_parkable(world: &World, delivery: &delivery::Delivery) -> bool {
    delivery.is_parkable(&world.settings.schedule)
}

/// The loop.
pub(crate) async fn run(world: Arc<World>) {
    let mut place = Place::default();
    let mut search = parked::Search::default();
    let mut idle_rounds = 0;
    loop {
        let round = async {
            if let Err(error) = parked::find_lanes(&world, &mut search).await {
                return world.pause_after(&error, "parked deliveries").await;
            }
            match go_round(&world, &mut place).await {
                Ok(Round { moved: false, .. }) if idle_rounds >= IDLE_ROUNDS_MAX => {
                    idle_rounds = 0;
                    world.ports.clock.sleep(ROUND_PAUSE).await;
                }
                Ok(Round { until, moved }) => {
                    idle_rounds = if moved { 0 } else { idle_rounds + 1 };
                    wait_for_more(&world, until, place.next_probe_at).await;
                }
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

/// What a round has done.
struct Round {
    /// It has looked until then.
    until: Timestamp,
    /// Something was read, parked or fed.
    moved: bool,
}

/// Does all that there is to do now.
async fn go_round(world: &Arc<World>, place: &mut Place) -> Result<Round, StoreError> {
    let early = if rule::holds("only_what_is_due_is_sent") { Duration::ZERO } else { Duration::from_secs(60) };
    let until = world.now().plus(early);
    let Errands { park, paused, due_at } = std::mem::take(&mut *locked(&world.dispatcher.errands));
    place.turn_back(due_at, world.now());
    // A loop that is never idle comes by no other place where endpoints that were too fast have their turn.
    take_turns(world);
    let mut moved = !park.is_empty() || !paused.is_empty();
    let down = parked::park_all(world, park, ParkReason::Down).await;
    let paused = parked::park_all(world, paused, ParkReason::Paused).await;
    let lanes = look_at_lanes(world, place).await;
    // Whatever became of the lanes: what is due does not wait for them.
    moved |= reading::read(world, place, until).await?;
    moved |= down.and(paused).and(lanes)?;
    Ok(Round { until, moved })
}

/// Whether something has moved.
async fn look_at_lanes(world: &Arc<World>, place: &mut Place) -> Result<bool, StoreError> {
    let (now, mut ended) = (world.now(), false);
    if place.looks_at_lanes(now) {
        locked(&world.dispatcher.board).look_at_lanes(now);
        place.next_probe_at = locked(&world.dispatcher.board).next_probe_at();
        ended = parked::end_expired(world, place.is_waited_until(now, world.ports.clock.steady())).await?;
    }
    Ok(parked::answer_calls(world).await? || ended)
}

async fn wait_for_more(world: &Arc<World>, looked_until: Timestamp, next_probe_at: Option<Timestamp>) {
    let next_due = match world.ports.store.next_due(looked_until).await {
        Ok(at) => at,
        Err(error) => return world.pause_after(&error, "the next due time").await,
    };
    let next = [next_due, next_probe_at.filter(|at| *at > looked_until)].into_iter().flatten().min();
    let look_in = locked(&world.dispatcher.board).reads_anyway_in().unwrap_or(LOOK_EVERY);
    let until_next = next.map_or(look_in, |at| at.since(world.now()).min(look_in));
    let mut next_look = std::pin::pin!(world.ports.clock.sleep(until_next));
    loop {
        tokio::select! {
            biased;
            () = world.dispatcher.bell.notified() => return,
            () = &mut next_look => return,
            () = next_turn(world) => take_turns(world),
        }
    }
}

/// Until an endpoint that was too fast may go on: no reason to read anything.
async fn next_turn(world: &World) {
    let Some(at) = locked(&world.dispatcher.board).next_turn_at() else {
        return world.dispatcher.turns.notified().await;
    };
    tokio::select! {
        biased;
        () = world.dispatcher.turns.notified() => {}
        () = world.ports.clock.sleep(at.since(world.now()).min(LOOK_EVERY)) => {}
    }
}

fn take_turns(world: &Arc<World>) {
    locked(&world.dispatcher.board).wake_turns(world.now());
    launch(world);
}

fn due_at(due: &DueDelivery) -> Timestamp {
    match due.delivery.state {
        State::Due(at) | State::Parked(at, _) => at,
        State::Delivered(_) | State::Exhausted(..) => due.delivery.created_at,
    }
}
