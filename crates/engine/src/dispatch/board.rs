//! What the dispatcher knows of destinations and endpoints, and the deliveries that wait in memory for one of them.
//!
//! It decides, and nothing else: who is next, what is to be parked, which lane may be fed or probed. The dispatcher does
//! what it says and tells it what came of it. Plain data, no waiting, so that every rule of it is a unit test.
//!
//! Promise: what it holds is bounded whatever the backlog. What is under way is bounded over all, per destination and per
//! endpoint. A destination that is down, or slow with a million due, costs the others nothing but its one look.
use std::collections::{BTreeMap, HashSet};

use postsync_core::delivery::{Delivery, State};
use postsync_core::health::{Admission, Bearing, Health};
use postsync_core::ids::{DeliveryId, EndpointId};
use postsync_core::outcome::{Blame, Outcome};
use postsync_core::parking::{Lane, ParkReason};
use postsync_core::rule;
use postsync_core::target::Destination;
use postsync_core::time::Timestamp;

use super::fair::{Fair, Path};
use crate::ports::DueDelivery;

/// What memory and the network may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// POSTs under way over all destinations.
    pub(crate) in_flight_max: usize,
    /// Of them, those that are not first attempts: the rest is kept for new events.
    pub(crate) again_max: usize,
    /// Deliveries that wait in memory for one destination.
    pub(crate) queue_max: usize,
    /// Deliveries that wait in memory for all of them. Many destinations get shorter queues.
    pub(crate) queued_max: usize,
}

/// An endpoint may have that part of its destination's queue.
const ENDPOINT_SHARE: usize = 4;

/// However many destinations there are, each may have so many waiting in memory.
const QUEUE_MIN: usize = 32;

/// With so many that could go out as soon as there is a slot, nothing more is read.
const READ_AHEAD: usize = 1_024;

/// What becomes of a delivery that is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It waits in memory for its turn.
    Queued,
    /// It is in memory already, or under way.
    Known,
    /// It is to be parked.
    Park(Lane, ParkReason),
}

/// An attempt that may begin.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) due: DueDelivery,
    pub(crate) ticket: Ticket,
}

/// The right to one attempt. Whoever has it gives it back with [`Board::land`].
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    path: Path,
    is_first: bool,
    /// It finds out whether a destination or an endpoint works again: its failure uses no step.
    pub(crate) is_probe: bool,
}

/// What the end of an attempt has changed.
#[derive(Debug, Default)]
pub(crate) struct Landed {
    /// What waited for the destination or endpoint that has just gone down, and where it is to be parked.
    pub(crate) park: Vec<(DueDelivery, Lane)>,
    /// There is room again for what was left on disk.
    pub(crate) has_calls: bool,
}

pub(crate) struct Board {
    limits: Limits,
    first: Fair<DueDelivery>,
    again: Fair<DueDelivery>,
    destinations: BTreeMap<Destination, Health>,
    endpoints: BTreeMap<EndpointId, Health>,
    /// In memory or under way: a page read meanwhile shows them again.
    known: HashSet<DeliveryId>,
    /// Lanes in which something is parked, or was when somebody last looked.
    lanes: BTreeMap<Lane, LaneOf>,
    in_flight: usize,
    again_in_flight: usize,
    /// The reader has left due rows on disk because enough waits.
    left_unread: bool,
    /// First attempts and others take turns.
    is_agains_turn: bool,
    /// A probe found no slot: the next one that is free is kept for it.
    probe_waits: bool,
}

/// What becomes of a parked delivery whose time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    Ends,
    IsDue,
}

/// Whose lane it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum LaneOf {
    Destination(Destination),
    /// And where it is.
    Endpoint(EndpointId, Destination),
}

/// A lane that there is something to do for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// One of its deliveries may find out whether it works again.
    Probe(Lane),
    /// So many of its deliveries may wait in memory instead.
    Feed(Lane, usize),
}

/// Where a delivery waits. `None` where its URL has lost its host: that can't happen to one that was accepted.
pub(crate) fn path_of(delivery: &Delivery) -> Option<Path> {
    let destination = Destination::of(&delivery.url)?;
    Some(Path { destination, org: delivery.org.clone(), endpoint: delivery.endpoint.clone() })
}

impl Board {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            first: Fair::default(),
            again: Fair::default(),
            destinations: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            known: HashSet::new(),
            lanes: BTreeMap::new(),
            in_flight: 0,
            again_in_flight: 0,
            left_unread: false,
            is_agains_turn: false,
            probe_waits: false,
        }
    }

    /// A delivery is due. `is_parkable` is false where its schedule is too short to wait for a circuit, `is_fed` where it
    /// comes from its lane: all others go behind what is parked there.
    pub(crate) fn offer(&mut self, due: DueDelivery, now: Timestamp, is_parkable: bool, is_fed: bool) -> Offered {
        let id = due.delivery.id;
        let Some(path) = path_of(&due.delivery) else { return Offered::Known };
        if self.known.contains(&id) {
            return Offered::Known;
        }
        if let Some(lane) = self.closed_lane(&path, now, is_parkable) {
            self.lanes.entry(lane.0.clone()).or_insert(lane.1);
            return Offered::Park(lane.0, ParkReason::Down);
        }
        let lane_before = if is_fed { None } else { self.lane_before(&path) };
        if let Some(lane) = lane_before.or_else(|| self.full_lane(&path)) {
            let of = lane_of(&lane, path);
            self.lanes.entry(lane.clone()).or_insert(of);
            return Offered::Park(lane, ParkReason::Backlog);
        }
        self.known.insert(id);
        let queue = if due.delivery.attempts == 0 { &mut self.first } else { &mut self.again };
        queue.push(&path, due);
        Offered::Queued
    }

    /// The lane of whatever is down on the way there. A probe that is due and has nothing parked to go with takes this one.
    fn closed_lane(&self, path: &Path, now: Timestamp, is_parkable: bool) -> Option<(Lane, LaneOf)> {
        let is_down = |health: Option<&Health>| {
            health.is_some_and(|health| {
                matches!(health.admission(now, is_parkable), Admission::Down(_) | Admission::Probe)
            })
        };
        if is_down(self.destinations.get(&path.destination)) {
            return Some((Lane::of_destination(&path.destination), LaneOf::Destination(path.destination.clone())));
        }
        if is_down(self.endpoints.get(&path.endpoint)) {
            return Some((
                Lane::of_endpoint(&path.endpoint),
                LaneOf::Endpoint(path.endpoint.clone(), path.destination.clone()),
            ));
        }
        None
    }

    /// The lane in which others wait already: new work behind them, or under a steady stream they would wait for ever.
    fn lane_before(&self, path: &Path) -> Option<Lane> {
        let lanes = [Lane::of_endpoint(&path.endpoint), Lane::of_destination(&path.destination)];
        lanes.into_iter().find(|lane| self.lanes.contains_key(lane))
    }

    /// The lane of whatever has enough in memory. An endpoint has a share of its destination's queue only: a slow one with a
    /// backlog must leave room for its neighbours.
    fn full_lane(&self, path: &Path) -> Option<Lane> {
        let of_endpoint = self.first.len_of_endpoint(path) + self.again.len_of_endpoint(path);
        if of_endpoint >= self.endpoint_max() {
            return Some(Lane::of_endpoint(&path.endpoint));
        }
        let is_full = self.queue_len(&path.destination) >= self.queue_max()
            || self.first.len() + self.again.len() >= self.limits.queued_max;
        is_full.then(|| Lane::of_destination(&path.destination))
    }

    fn endpoint_max(&self) -> usize {
        (self.queue_max() / ENDPOINT_SHARE).max(1)
    }

    fn queue_len(&self, destination: &Destination) -> usize {
        self.first.len_of(destination) + self.again.len_of(destination)
    }

    fn queue_max(&self) -> usize {
        let waiting = self.first.destinations().max(self.again.destinations());
        let shared = self.limits.queued_max / waiting.max(1);
        shared.clamp(QUEUE_MIN.min(self.limits.queue_max), self.limits.queue_max)
    }

    /// A ticket for a delivery that is about to be made, if it would be next anyway: then its start can ride in the commit
    /// that makes it.
    pub(crate) fn reserve(
        &mut self,
        id: DeliveryId,
        path: &Path,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Option<Ticket> {
        let overtakes = self.queue_len(&path.destination) > 0 || self.lane_before(path).is_some();
        let in_flight = self.in_flight + usize::from(self.probe_waits);
        if in_flight >= self.limits.in_flight_max || overtakes || !self.admits(path, now) {
            return None;
        }
        self.known.insert(id);
        Some(self.begin(path.clone(), true, false, now, deadline))
    }

    /// Whether neither level is down or full.
    fn admits(&self, path: &Path, now: Timestamp) -> bool {
        let sends =
            |health: Option<&Health>| health.is_none_or(|health| health.admission(now, true) == Admission::Send);
        sends(self.destinations.get(&path.destination)) && sends(self.endpoints.get(&path.endpoint))
    }

    /// The next attempt that may begin now.
    pub(crate) fn next(&mut self, now: Timestamp, deadline: Timestamp) -> Option<Launch> {
        let max = if rule::holds("attempts_in_flight_are_bounded") { self.limits.in_flight_max } else { usize::MAX };
        if self.in_flight + usize::from(self.probe_waits) >= max {
            return None;
        }
        // What can wait is not in the queues while its level is down, so only the windows are asked.
        let within =
            |health: Option<&Health>| health.is_none_or(|health| health.admission(now, false) == Admission::Send);
        let may_destination = |name: &Destination| within(self.destinations.get(name));
        let may_endpoint = |_: &Destination, name: &EndpointId| within(self.endpoints.get(name));
        let again_may =
            self.again_in_flight < self.limits.again_max || !rule::holds("slots_are_kept_for_first_attempts");
        let queues = match (again_may, self.is_agains_turn) {
            (false, _) => [Some(&mut self.first), None],
            (true, false) => [Some(&mut self.first), Some(&mut self.again)],
            (true, true) => [Some(&mut self.again), Some(&mut self.first)],
        };
        let due = queues.into_iter().flatten().find_map(|queue| queue.take(may_destination, may_endpoint))?;
        self.is_agains_turn = !self.is_agains_turn;
        let path = path_of(&due.delivery)?;
        let is_first = due.delivery.attempts == 0;
        let ticket = self.begin(path, is_first, false, now, deadline);
        Some(Launch { due, ticket })
    }

    /// Begins the attempt of a parked delivery that finds out whether its lane works again; `None` where that is not asked
    /// for any more, or it is under way.
    pub(crate) fn probe(&mut self, due: &DueDelivery, now: Timestamp, deadline: Timestamp) -> Option<Ticket> {
        let path = path_of(&due.delivery)?;
        let admits = |health: Option<&Health>| health.map(|health| health.admission(now, true));
        let levels = [admits(self.destinations.get(&path.destination)), admits(self.endpoints.get(&path.endpoint))];
        let asked = levels.contains(&Some(Admission::Probe));
        let blocked = levels.iter().any(|level| matches!(level, Some(Admission::Down(_))));
        if !asked || blocked {
            return None;
        }
        self.probe_waits = self.in_flight >= self.limits.in_flight_max;
        if self.probe_waits || !self.known.insert(due.delivery.id) {
            return None;
        }
        Some(self.begin(path, false, true, now, deadline))
    }

    fn begin(&mut self, path: Path, is_first: bool, is_probe: bool, now: Timestamp, deadline: Timestamp) -> Ticket {
        self.in_flight += 1;
        self.again_in_flight += usize::from(!is_first && !is_probe);
        for health in [
            self.destinations.entry(path.destination.clone()).or_default(),
            self.endpoints.entry(path.endpoint.clone()).or_default(),
        ] {
            health.begin(if is_probe { health.admission(now, true) } else { Admission::Send }, deadline);
        }
        Ticket { path, is_first, is_probe }
    }

    /// An attempt has ended. Gives what is to be parked because of it.
    pub(crate) fn land(
        &mut self,
        ticket: &Ticket,
        outcome: Option<Outcome>,
        now: Timestamp,
        jitter: f64,
        is_parkable: bool,
    ) -> Landed {
        self.in_flight = self.in_flight.saturating_sub(1);
        let is_again = !ticket.is_first && !ticket.is_probe;
        self.again_in_flight = self.again_in_flight.saturating_sub(usize::from(is_again));
        let path = &ticket.path;
        let mut landed = Landed::default();
        let bearing = |of: fn(Outcome) -> Bearing| outcome.map_or(Bearing::Nothing, of);
        // Whose connection was made is there again, whatever its endpoint makes of it.
        let is_connected = matches!(outcome, Some(Outcome::Failed(error)) if error.blame() == Blame::Endpoint);
        let is_probe = ticket.is_probe;
        let on_destination = if is_probe && is_connected { Bearing::Well } else { bearing(Bearing::on_destination) };
        if ended(self.destinations.get_mut(&path.destination), on_destination, now, jitter, is_probe) && is_parkable {
            let lane = Lane::of_destination(&path.destination);
            self.lanes.entry(lane.clone()).or_insert_with(|| LaneOf::Destination(path.destination.clone()));
            let waiting = [self.first.drain(&path.destination), self.again.drain(&path.destination)].concat();
            landed.park.extend(waiting.into_iter().map(|due| (due, lane.clone())));
        }
        if ended(self.endpoints.get_mut(&path.endpoint), bearing(Bearing::on_endpoint), now, jitter, is_probe)
            && is_parkable
        {
            let lane = Lane::of_endpoint(&path.endpoint);
            self.lanes
                .entry(lane.clone())
                .or_insert_with(|| LaneOf::Endpoint(path.endpoint.clone(), path.destination.clone()));
            let waiting = [self.first.drain_endpoint(path), self.again.drain_endpoint(path)].concat();
            landed.park.extend(waiting.into_iter().map(|due| (due, lane.clone())));
        }
        self.first.wake(path);
        self.again.wake(path);
        landed.has_calls = self.has_calls(path, now, is_parkable);
        self.forget_idle(path);
        landed
    }

    /// Whether the loop has something to do because of an end on that path.
    fn has_calls(&mut self, path: &Path, now: Timestamp, is_parkable: bool) -> bool {
        let levels = [Lane::of_destination(&path.destination), Lane::of_endpoint(&path.endpoint)];
        let called = levels
            .iter()
            .any(|lane| self.lanes.get(lane).is_some_and(|of| self.call(lane, of, now, is_parkable).is_some()));
        let reads_on = self.left_unread && self.ready_len() < READ_AHEAD / 2;
        called || reads_on
    }

    /// The delivery is neither here nor under way any more.
    pub(crate) fn forget(&mut self, id: DeliveryId) {
        self.known.remove(&id);
    }

    /// A delivery is parked in that lane.
    pub(crate) fn note_parked(&mut self, lane: &Lane, due: &DueDelivery) {
        let Some(path) = path_of(&due.delivery) else { return };
        self.lanes.entry(lane.clone()).or_insert_with(|| lane_of(lane, path));
    }

    /// A delivery is parked in that lane, and an earlier process has parked it: whether what it waits for is still down is
    /// for a probe to say.
    pub(crate) fn found_parked(&mut self, lane: &Lane, due: &DueDelivery, now: Timestamp) {
        let Some(path) = path_of(&due.delivery) else { return };
        let of = lane_of(lane, path);
        if matches!(due.delivery.state, State::Parked(_, ParkReason::Down)) {
            let health = match &of {
                LaneOf::Destination(name) => self.destinations.entry(name.clone()).or_default(),
                LaneOf::Endpoint(name, _) => self.endpoints.entry(name.clone()).or_default(),
            };
            // What has been tried since the start knows better.
            if *health == Health::default() {
                health.assume_down(now);
            }
        }
        self.lanes.entry(lane.clone()).or_insert(of);
    }

    /// Nothing is parked in that lane any more.
    pub(crate) fn lane_is_empty(&mut self, lane: &Lane) {
        self.lanes.remove(lane);
    }

    /// What there is to do for parked deliveries now.
    pub(crate) fn calls(&mut self, now: Timestamp, is_parkable: bool) -> Vec<Call> {
        // Whoever waited for a slot asks again now, or does not want it any more.
        self.probe_waits = false;
        let lanes = self.lanes.iter().filter(|_| rule::holds("what_is_parked_is_fed"));
        lanes.filter_map(|(lane, of)| self.call(lane, of, now, is_parkable)).collect()
    }

    fn call(&self, lane: &Lane, of: &LaneOf, now: Timestamp, is_parkable: bool) -> Option<Call> {
        let (health, destination) = self.level(of);
        let is_down = |name| self.destinations.get(name).is_some_and(Health::is_down);
        match health.map(|health| health.admission(now, is_parkable)) {
            // An endpoint behind a host that is down can tell nothing.
            Some(Admission::Probe) if matches!(of, LaneOf::Endpoint(_, name) if is_down(name)) => None,
            Some(Admission::Probe) => Some(Call::Probe(lane.clone())),
            Some(Admission::Down(_)) => None,
            Some(Admission::Send | Admission::Full) | None => {
                let (max, len) = match of {
                    LaneOf::Destination(_) => (self.queue_max(), self.queue_len(destination)),
                    LaneOf::Endpoint(name, _) => (self.endpoint_max(), self.endpoint_len(name, destination)),
                };
                let room = max.saturating_sub(len);
                let room = room.min(self.limits.queued_max.saturating_sub(self.first.len() + self.again.len()));
                // By halves: a commit for each single delivery would cost more than the delivery.
                (room > max / 2).then(|| Call::Feed(lane.clone(), room))
            }
        }
    }

    fn endpoint_len(&self, endpoint: &EndpointId, destination: &Destination) -> usize {
        self.first.len_of_endpoint_in(endpoint, destination) + self.again.len_of_endpoint_in(endpoint, destination)
    }

    /// The lane of its endpoint, where that is down: then it can't be its destination's probe.
    pub(crate) fn held_by_its_endpoint(&self, due: &DueDelivery, now: Timestamp) -> Option<Lane> {
        let endpoint = &due.delivery.endpoint;
        let health = self.endpoints.get(endpoint)?;
        matches!(health.admission(now, true), Admission::Down(_)).then(|| Lane::of_endpoint(endpoint))
    }

    /// What becomes of a parked delivery whose time is over: it ends where its receiver is seen to be down, and is due once
    /// more where nothing holds it back. `None` where a probe has yet to say.
    pub(crate) fn verdict_on(&self, due: &DueDelivery) -> Option<Expired> {
        let path = path_of(&due.delivery)?;
        let levels = [self.destinations.get(&path.destination), self.endpoints.get(&path.endpoint)];
        if levels.iter().flatten().any(|health| health.is_seen_down()) {
            return Some(Expired::Ends);
        }
        let waits = levels.iter().flatten().any(|health| health.is_down());
        (!waits).then_some(Expired::IsDue)
    }

    fn level<'a>(&'a self, of: &'a LaneOf) -> (Option<&'a Health>, &'a Destination) {
        match of {
            LaneOf::Destination(name) => (self.destinations.get(name), name),
            LaneOf::Endpoint(name, destination) => (self.endpoints.get(name), destination),
        }
    }

    /// When the next probe after `after` may go.
    pub(crate) fn next_probe_at(&self, after: Timestamp) -> Option<Timestamp> {
        self.lanes.values().filter_map(|of| self.level(of).0?.probe_at()).filter(|at| *at > after).min()
    }

    /// Whether so much waits that nothing more need be read now.
    pub(crate) fn has_enough(&mut self) -> bool {
        self.left_unread = self.ready_len() >= READ_AHEAD;
        self.left_unread
    }

    fn ready_len(&self) -> usize {
        self.first.ready_len() + self.again.ready_len()
    }

    /// A level that is well and has nothing under way is as good as new but for its window: kept only while something waits.
    fn forget_idle(&mut self, path: &Path) {
        const KEPT_MAX: usize = 10_000;
        if self.endpoints.len() > KEPT_MAX && self.endpoints.get(&path.endpoint).is_some_and(Health::is_idle) {
            self.endpoints.remove(&path.endpoint);
        }
        if self.destinations.len() > KEPT_MAX && self.destinations.get(&path.destination).is_some_and(Health::is_idle) {
            self.destinations.remove(&path.destination);
        }
    }
}

fn lane_of(lane: &Lane, path: Path) -> LaneOf {
    if *lane == Lane::of_destination(&path.destination) {
        LaneOf::Destination(path.destination)
    } else {
        LaneOf::Endpoint(path.endpoint, path.destination)
    }
}

/// Whether this end has opened the circuit.
fn ended(health: Option<&mut Health>, bearing: Bearing, now: Timestamp, jitter: f64, is_probe: bool) -> bool {
    let Some(health) = health else { return false };
    let was_down = health.is_down();
    health.end(bearing, now, jitter, is_probe);
    health.is_down() && !was_down
}
