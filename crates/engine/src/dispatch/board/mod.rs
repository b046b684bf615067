//! What the dispatcher knows of destinations and endpoints, and the deliveries that wait in memory for one of them.
//!
//! It decides, and nothing else: who is next, what is to be parked, which lane may be fed or probed. The dispatcher does
//! what it says and tells it what came of it. Plain data, no waiting, so that every rule of it is a unit test.
//!
//! Promise: what it holds is bounded whatever the backlog. What is under way is bounded over all, per destination and per
//! endpoint. A destination that is down, or slow with a million due, costs the others nothing but its one look. What no
//! circuit may hold back, because its schedule is short, none does.
mod flow;
mod lanes;
mod levels;
mod looks;
mod paced;
#[cfg(test)]
mod tests;
mod view;

use std::cell::RefCell;
use std::collections::HashSet;

use postsync_core::delivery::{Delivery, Origin};
use postsync_core::health::{Admission, Bearing, Health};
use postsync_core::ids::{DeliveryId, EndpointId, OrgId};
use postsync_core::outcome::{Blame, Outcome};
use postsync_core::parking::{Lane, ParkReason};
use postsync_core::rule;
use postsync_core::target::Destination;
use postsync_core::time::Timestamp;

use super::fair::{Fair, Load, May, Path, Room};
use crate::ports::DueDelivery;
use flow::Flows;
pub(crate) use lanes::{Call, Expired};
use lanes::{Lanes, room_in};
use levels::Levels;
use paced::Paced;
pub(crate) use view::Seen;

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
    /// The same in bytes of their bodies and URLs, of which a destination and an endpoint have the same shares.
    pub(crate) queued_bytes_max: usize,
}

/// Each destination may have so many waiting in memory, also where others have taken all that is shared.
const QUEUE_MIN: usize = 32;

/// One part in so many of memory is not shared by size: it is for who has fewer than that.
const FEW_PART: usize = 4;

/// And one part in so many of the bytes.
const QUEUES_MAX: usize = 512;

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
    /// The lane that it is the probe of: it finds out whether a destination or an endpoint works again.
    probe_of: Option<Lane>,
}

impl Ticket {
    /// Its failure uses no step.
    pub(crate) fn is_probe(&self) -> bool {
        self.probe_of.is_some()
    }
}

/// What the end of an attempt has changed.
#[derive(Debug, Default)]
pub(crate) struct Landed {
    /// What waited for the destination or endpoint that has just gone down, and where it is to be parked.
    pub(crate) park: Vec<(DueDelivery, Lane)>,
    /// There is room again for what was left on disk.
    pub(crate) has_calls: bool,
    /// The lane of this probe, where it is still down.
    pub(crate) still_down: Option<Lane>,
}

pub(crate) struct Board {
    limits: Limits,
    first: Fair<DueDelivery>,
    again: Fair<DueDelivery>,
    levels: Levels,
    flows: Flows,
    paced: Paced,
    lanes: Lanes,
    /// In memory or under way: a page read meanwhile shows them again.
    known: HashSet<DeliveryId>,
    in_flight: usize,
    again_in_flight: usize,
    /// How many waited when the reader left due rows on disk because that was enough.
    left_unread: Option<usize>,
    /// It has read some all the same.
    read_anyway_at: Option<Timestamp>,
    /// First attempts and others take turns.
    is_agains_turn: bool,
    /// A probe found no slot: the next one that is free is kept for that lane's.
    probe_waits: Option<Lane>,
}

/// Where a delivery waits. `None` where its URL has lost its host: that can't happen to one that was accepted.
pub(crate) fn path_of(DueDelivery { delivery, event }: &DueDelivery) -> Option<Path> {
    let destination = Destination::of(&delivery.url)?;
    let is_about_none = delivery.generation.is_none() && !event.kind.is_of_a_batch();
    let is_operational = is_about_none && delivery.endpoint.is_registered();
    let endpoint = if is_operational { operational_lane(&delivery.endpoint) } else { delivery.endpoint.clone() };
    Some(Path { destination, org: delivery.org.clone(), endpoint })
}

/// What is about no generation and no batch, operational events and tests, must not wait behind the deliveries that it may be about: it is
/// queued, paced and judged as if it were for an endpoint of its own.
pub(crate) fn operational_lane(endpoint: &EndpointId) -> EndpointId {
    EndpointId::new(&format!("{endpoint}!"))
}

/// Whether it has the slots that are kept for what is new. A replay is never new: it must not hold up what is.
fn is_first(delivery: &Delivery) -> bool {
    delivery.attempts == 0 && delivery.origin != Origin::Replay
}

impl Board {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            first: Fair::default(),
            again: Fair::default(),
            levels: Levels::default(),
            flows: Flows::default(),
            paced: Paced::default(),
            lanes: Lanes::default(),
            known: HashSet::new(),
            in_flight: 0,
            again_in_flight: 0,
            left_unread: None,
            read_anyway_at: None,
            is_agains_turn: false,
            probe_waits: None,
        }
    }

    /// A delivery is due. `is_parkable` is false where its schedule is too short to wait for a circuit, `is_fed` where it
    /// comes from its lane: all others go behind what is parked there.
    pub(crate) fn offer(&mut self, due: DueDelivery, now: Timestamp, is_parkable: bool, is_fed: bool) -> Offered {
        let id = due.delivery.id;
        let Some(path) = path_of(&due) else { return Offered::Known };
        if self.known.contains(&id) {
            return Offered::Known;
        }
        if let Some((lane, reason)) = self.held_back(&path, now, is_parkable, is_fed) {
            self.lanes.note(&lane, path);
            return Offered::Park(lane, reason);
        }
        self.known.insert(id);
        self.push(&path, due);
        Offered::Queued
    }

    fn push(&mut self, path: &Path, due: DueDelivery) {
        let queue = if is_first(&due.delivery) { &mut self.first } else { &mut self.again };
        queue.push(path, due.bytes(), due);
    }

    /// The lane that it waits in, and why.
    fn held_back(&self, path: &Path, now: Timestamp, is_parkable: bool, is_fed: bool) -> Option<(Lane, ParkReason)> {
        let of = |lane: Lane| if is_parkable { lane } else { lane.short() };
        if self.paced.is_paused(&path.endpoint) {
            return Some((of(Lane::of_endpoint(&path.endpoint)), ParkReason::Paused));
        }
        if is_parkable && let Some(lane) = self.closed_lane(path, now) {
            return Some((lane, ParkReason::Down));
        }
        let before = if is_fed { None } else { self.lane_before(path, is_parkable) };
        before.or_else(|| self.full_lane(path).map(of)).map(|lane| (lane, ParkReason::Backlog))
    }

    /// The lane of whatever is down on the way there. What arrives where a probe is due is parked first as well, and is that
    /// probe where nothing else can be.
    fn closed_lane(&self, path: &Path, now: Timestamp) -> Option<Lane> {
        let is_down = |health: Option<&Health>| {
            health.is_some_and(|health| matches!(health.admission(now, true), Admission::Down(_) | Admission::Probe))
        };
        if is_down(self.levels.destination(&path.destination)) {
            return Some(Lane::of_destination(&path.destination));
        }
        is_down(self.levels.endpoint(&path.endpoint)).then(|| Lane::of_endpoint(&path.endpoint))
    }

    /// The lane in which others wait already: new work behind them, or under a steady stream they would wait for ever.
    fn lane_before(&self, path: &Path, is_parkable: bool) -> Option<Lane> {
        if self.lanes.of.is_empty() {
            return None;
        }
        let lanes = [Lane::of_endpoint(&path.endpoint), Lane::of_destination(&path.destination)];
        lanes.into_iter().map(|lane| if is_parkable { lane } else { lane.short() }).find(|lane| self.lanes.has(lane))
    }

    /// The lane of whatever has enough in memory. An endpoint has a share of its destination's queue only: a slow one with a
    /// backlog must leave room for its neighbours.
    fn full_lane(&self, path: &Path) -> Option<Lane> {
        let of_endpoint = self.first.load_of_endpoint(path) + self.again.load_of_endpoint(path);
        if reaches(of_endpoint, self.endpoint_max(&path.destination)) {
            return Some(Lane::of_endpoint(&path.endpoint));
        }
        let is_full =
            reaches(self.queued_for(&path.destination), self.queue_max()) || reaches(self.queued(), self.queued_max());
        is_full.then(|| Lane::of_destination(&path.destination))
    }

    /// In its destination's queue an endpoint may have as much as it leaves for its neighbours, also for those that come later.
    fn endpoint_max(&self, destination: &Destination) -> Load {
        let Load { len, bytes } = room_in(self.queue_max(), self.queued_for(destination));
        Load { len: len.max(1), bytes: bytes.max(1) }
    }

    fn queued_for(&self, destination: &Destination) -> Load {
        self.first.load_of(destination) + self.again.load_of(destination)
    }

    fn queued(&self) -> Load {
        self.first.load() + self.again.load()
    }

    fn queued_max(&self) -> Load {
        Load { len: self.limits.queued_max, bytes: self.limits.queued_bytes_max }
    }

    /// What may wait for one destination: as much as is left for all others, a quarter of it aside. So one alone has three
    /// eighths of all there is, those that come after it find room, and none has to be put out for it. Once slow ones have
    /// taken up what is shared, each further one still has a few.
    fn queue_max(&self) -> Load {
        let (max, most) = (self.queued_max(), self.limits.queue_max);
        let shared = Load { len: max.len - max.len / FEW_PART, bytes: max.bytes - max.bytes / FEW_PART };
        let left = room_in(shared, self.queued());
        Load {
            len: left.len.clamp(QUEUE_MIN.min(most), most),
            bytes: left.bytes.clamp((max.bytes / QUEUES_MAX).max(1), max.bytes.max(1)),
        }
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
        let waits = self.lane_before(path, true).or_else(|| self.lane_before(path, false)).is_some();
        let overtakes = self.queued_for(&path.destination).len > 0 || waits;
        if self.slots_taken() >= self.limits.in_flight_max || overtakes || !self.admits(path, now) {
            return None;
        }
        self.known.insert(id);
        Some(self.begin(path.clone(), true, None, now, deadline))
    }

    fn slots_taken(&self) -> usize {
        self.in_flight + usize::from(self.probe_waits.is_some())
    }

    /// Whether neither level is down or full, and the endpoint's owner lets it go.
    fn admits(&self, path: &Path, now: Timestamp) -> bool {
        let sends =
            |health: Option<&Health>| health.is_none_or(|health| health.admission(now, true) == Admission::Send);
        let lets_go = !self.paced.is_paused(&path.endpoint) && self.paced.free_at(&path.endpoint, now) <= now;
        let (destination, endpoint) =
            (self.levels.destination(&path.destination), self.levels.endpoint(&path.endpoint));
        let is_at_rest = endpoint.is_none_or(Health::is_at_rest);
        let is_another = is_at_rest && destination.is_some_and(Health::admits_another);
        let has_place = sends(destination) && (is_at_rest || !self.levels.keeps_places(&path.destination));
        lets_go && (has_place || is_another) && sends(endpoint)
    }

    /// The next attempt that may begin now.
    pub(crate) fn next(&mut self, now: Timestamp, deadline: Timestamp) -> Option<Launch> {
        let max = if rule::holds("attempts_in_flight_are_bounded") { self.limits.in_flight_max } else { usize::MAX };
        if self.slots_taken() >= max {
            return None;
        }
        let due = self.take(now)?;
        self.is_agains_turn = !self.is_agains_turn;
        let path = path_of(&due)?;
        let is_first = is_first(&due.delivery);
        let ticket = self.begin(path, is_first, None, now, deadline);
        Some(Launch { due, ticket })
    }

    fn take(&mut self, now: Timestamp) -> Option<DueDelivery> {
        // What can wait is not in the queues while its level is down, so only the windows are asked.
        let within =
            |health: Option<&Health>| health.is_none_or(|health| health.admission(now, false) == Admission::Send);
        let too_fast = RefCell::new(Vec::new());
        let room_at = |name: &Destination| match self.levels.destination(name) {
            health if within(health) && !self.levels.keeps_places(name) => Room::ForAll,
            health if within(health) => Room::ForOthers,
            Some(health) if health.admits_another() => Room::ForOthers,
            _ => Room::Nobody,
        };
        let may_endpoint = |destination: &Destination, org: &OrgId, name: &EndpointId, room: Room| {
            let free_at = self.paced.free_at(name, now);
            if free_at > now {
                let path = Path { destination: destination.clone(), org: org.clone(), endpoint: name.clone() };
                too_fast.borrow_mut().push((free_at, path));
                return May::Not;
            }
            match self.levels.endpoint(name) {
                health if !within(health) => May::Not,
                Some(health) if room == Room::ForOthers && !health.is_at_rest() => May::NotNow,
                _ => May::Send,
            }
        };
        let again_may =
            self.again_in_flight < self.limits.again_max || !rule::holds("slots_are_kept_for_first_attempts");
        let queues = match (again_may, self.is_agains_turn) {
            (false, _) => [Some(&mut self.first), None],
            (true, false) => [Some(&mut self.first), Some(&mut self.again)],
            (true, true) => [Some(&mut self.again), Some(&mut self.first)],
        };
        let due = queues.into_iter().flatten().find_map(|queue| queue.take(room_at, may_endpoint));
        self.paced.wait(too_fast.into_inner());
        due
    }

    /// Begins the attempt of a parked delivery that finds out whether its lane works again; `None` where that is not asked
    /// for any more, or it is under way.
    pub(crate) fn probe(
        &mut self,
        due: &DueDelivery,
        lane: &Lane,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Option<Ticket> {
        let path = path_of(due)?;
        let admits = |health: Option<&Health>| health.map(|health| health.admission(now, true));
        let levels = [admits(self.levels.destination(&path.destination)), admits(self.levels.endpoint(&path.endpoint))];
        let asked = levels.contains(&Some(Admission::Probe));
        let blocked = levels.iter().any(|level| matches!(level, Some(Admission::Down(_))));
        if !asked || blocked {
            return None;
        }
        if self.in_flight >= self.limits.in_flight_max {
            self.probe_waits = Some(lane.clone());
            return None;
        }
        if !self.known.insert(due.delivery.id) {
            return None;
        }
        let ticket = self.begin(path, false, Some(lane.clone()), now, deadline);
        self.time_probe(lane, now);
        Some(ticket)
    }

    fn begin(
        &mut self,
        path: Path,
        is_first: bool,
        probe_of: Option<Lane>,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Ticket {
        let ticket = Ticket { path, is_first, probe_of };
        self.in_flight += 1;
        self.again_in_flight += usize::from(ticket.is_again());
        self.paced.take(&ticket.path.endpoint, now);
        let concurrency = self.paced.concurrency(&ticket.path.endpoint);
        for health in self.levels.both(&ticket.path, concurrency) {
            let admission = if ticket.is_probe() { health.admission(now, true) } else { Admission::Send };
            health.begin(admission, deadline);
        }
        ticket
    }

    /// An attempt has ended. Gives what is to be parked because of it.
    pub(crate) fn land(
        &mut self,
        ticket: &Ticket,
        outcome: Option<Outcome>,
        now: Timestamp,
        jitter: f64,
        is_parkable: impl Fn(&Delivery) -> bool,
    ) -> Landed {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.again_in_flight = self.again_in_flight.saturating_sub(usize::from(ticket.is_again()));
        let path = &ticket.path;
        if outcome.is_some() {
            self.flows.ended(&path.destination, now);
        }
        let mut landed = Landed::default();
        let bearing = |of: fn(Outcome) -> Bearing| outcome.map_or(Bearing::Nothing, of);
        // Whose connection was made is there again, whatever its endpoint makes of it.
        let is_connected = matches!(outcome, Some(Outcome::Failed(error)) if error.blame() == Blame::Endpoint);
        let is_probe = ticket.is_probe();
        let on_destination = if is_probe && is_connected { Bearing::Well } else { bearing(Bearing::on_destination) };
        if ended(self.levels.destination_mut(&path.destination), on_destination, now, jitter, is_probe) {
            let waiting = [self.first.drain(&path.destination), self.again.drain(&path.destination)].concat();
            landed.park.extend(self.hold_back(waiting, Lane::of_destination(&path.destination), &is_parkable));
        }
        let on_endpoint = bearing(Bearing::on_endpoint);
        if ended(self.levels.endpoint_mut(&path.endpoint), on_endpoint, now, jitter, is_probe) {
            let waiting = [self.first.drain_endpoint(path), self.again.drain_endpoint(path)].concat();
            landed.park.extend(self.hold_back(waiting, Lane::of_endpoint(&path.endpoint), &is_parkable));
        }
        self.first.wake(path);
        self.again.wake(path);
        landed.has_calls = self.call_lanes_of(path, now);
        landed.still_down = ticket.probe_of.clone().filter(|lane| self.is_down(lane, path));
        self.levels.forget_idle(path);
        let lanes = &self.lanes;
        self.levels.sweep(|lane| lanes.has(lane));
        landed
    }

    /// What waited for a level that has gone down. Those that can't wait for it go back to where they were.
    fn hold_back(
        &mut self,
        waiting: Vec<DueDelivery>,
        lane: Lane,
        is_parkable: impl Fn(&Delivery) -> bool,
    ) -> Vec<(DueDelivery, Lane)> {
        let (wait, go): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|due| is_parkable(&due.delivery));
        for due in go {
            if let Some(path) = path_of(&due) {
                self.push(&path, due);
            }
        }
        wait.into_iter().map(|due| (due, lane.clone())).collect()
    }

    /// The delivery is neither here nor under way any more.
    pub(crate) fn forget(&mut self, id: DeliveryId) {
        self.known.remove(&id);
    }
}

impl Ticket {
    fn is_again(&self) -> bool {
        !self.is_first && !self.is_probe()
    }
}

/// Whether there is no room for another, by number or by size.
fn reaches(load: Load, max: Load) -> bool {
    load.len >= max.len || load.bytes >= max.bytes
}

/// Whether this end has opened the circuit.
fn ended(health: Option<&mut Health>, bearing: Bearing, now: Timestamp, jitter: f64, is_probe: bool) -> bool {
    let Some(health) = health else { return false };
    let was_down = health.is_down();
    health.end(bearing, now, jitter, is_probe);
    health.is_down() && !was_down
}
