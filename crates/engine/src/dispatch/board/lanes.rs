//! What is parked, lane by lane: which lane may be probed or fed, and what becomes of whoever has waited too long.
//!
//! Promise: a lane is looked at when something has happened to it, when its probe is due, and in turn with all others; a look
//! costs no read where there is nothing to do.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use postsync_core::delivery::State;
use postsync_core::health::{Admission, Health};
use postsync_core::ids::EndpointId;
use postsync_core::limits::PAUSE_MAX;
use postsync_core::parking::{Lane, ParkReason};
use postsync_core::rule;
use postsync_core::target::Destination;
use postsync_core::time::Timestamp;

use super::looks::ProbeTimes;
use super::{Board, path_of};
use crate::dispatch::fair::{Load, Path};
use crate::ports::DueDelivery;

/// A lane of which each has been a probe since its last point is asked again after that.
const NO_PROBE_WAIT: Duration = Duration::from_secs(5);

/// Whose time is over while a probe has yet to say whether its receiver is down is judged again after that.
const PROBE_ANSWER_WAIT: Duration = Duration::from_secs(60);

/// And whose time is over while it waits for its turn: as late is noticed that its receiver has gone down.
const TURN_WAIT: Duration = Duration::from_secs(10 * 60);

/// A lane that there is something to do for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// One of its deliveries may find out whether it works again.
    Probe(Lane),
    /// So many of its deliveries, of so many bytes, may wait in memory instead.
    Feed(Lane, Load),
}

/// What becomes of a parked delivery whose time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    Ends,
    /// And is judged again after that.
    WaitsOn(Duration),
}

/// Whose lane it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LaneOf {
    Destination(Destination),
    /// And where it is.
    Endpoint(EndpointId, Destination),
}

impl LaneOf {
    /// What fits into that room: what waits for one leaves less for all, and so less for itself.
    fn fitting(&self, room: Load) -> Load {
        let levels = match self {
            Self::Destination(_) => 2,
            Self::Endpoint(..) => 3,
        };
        Load { len: (room.len / levels).max(1), bytes: (room.bytes / levels).max(1) }
    }
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) of: LaneOf,
    /// Which note of all lanes' was its last: who has read it empty since is wrong.
    noted: u64,
    /// Nothing in it can be a probe before that.
    pub(super) no_probe_until: Option<Timestamp>,
}

/// The lanes in which something is parked, or was when somebody last looked.
#[derive(Default)]
pub(super) struct Lanes {
    pub(super) of: BTreeMap<Lane, Waiting>,
    pub(super) times: ProbeTimes,
    /// The last one that was looked at in its turn.
    pub(super) looked_to: Option<Lane>,
    /// How often anything was noted.
    notes: u64,
    /// Those to look at, in the order in which they came up.
    called: VecDeque<Lane>,
    is_called: BTreeSet<Lane>,
}

impl Lanes {
    pub(super) fn has(&self, lane: &Lane) -> bool {
        self.of.contains_key(lane)
    }

    /// Something of that path is, or will be, in that lane.
    pub(super) fn note(&mut self, lane: &Lane, path: Path) {
        let waiting = self.of.entry(lane.clone()).or_insert_with(|| {
            let is_destinations =
                [Lane::of_destination(&path.destination), Lane::of_destination(&path.destination).short()]
                    .contains(lane);
            let of = match is_destinations {
                true => LaneOf::Destination(path.destination),
                false => LaneOf::Endpoint(path.endpoint, path.destination),
            };
            Waiting { of, noted: 0, no_probe_until: None }
        });
        self.notes += 1;
        (waiting.noted, waiting.no_probe_until) = (self.notes, None);
    }

    /// It is looked at soon.
    pub(super) fn call(&mut self, lane: &Lane) {
        if self.has(lane) && self.is_called.insert(lane.clone()) {
            self.called.push_back(lane.clone());
        }
    }

    fn next_called(&mut self) -> Option<Lane> {
        let lane = self.called.pop_front()?;
        self.is_called.remove(&lane);
        Some(lane)
    }
}

impl Board {
    /// A delivery is parked in that lane. Whether there is something to do for it.
    pub(crate) fn note_parked(&mut self, lane: &Lane, due: &DueDelivery, now: Timestamp) -> bool {
        let Some(path) = path_of(due) else { return false };
        self.lanes.note(lane, path);
        self.time_probe(lane, now);
        self.call_if_needed(lane, now)
    }

    /// A delivery is parked in that lane, and an earlier process has parked it: whether what it waits for is still down is
    /// for a probe to say.
    pub(crate) fn found_parked(&mut self, lane: &Lane, due: &DueDelivery, now: Timestamp) {
        let Some(path) = path_of(due) else { return };
        self.lanes.note(lane, path.clone());
        if matches!(due.delivery.state, State::Parked(_, ParkReason::Down)) {
            let concurrency = self.paced.concurrency(&path.endpoint);
            let [destination, endpoint] = self.levels.both(&path, concurrency);
            let health = if *lane == Lane::of_destination(&path.destination) { destination } else { endpoint };
            // What has been tried since the start knows better.
            if health.is_new() {
                health.assume_down(now);
            }
        }
        self.time_probe(lane, now);
    }

    /// To be asked before a lane is read that may turn out to be empty.
    pub(crate) fn lanes_last_note(&self) -> u64 {
        self.lanes.notes
    }

    /// Nothing was parked in that lane when it was read, after `last_note`. What was noted since may have come too late to be
    /// read: then it stays, and is looked at again.
    pub(crate) fn lane_is_empty(&mut self, lane: &Lane, last_note: u64) {
        if self.lanes.of.get(lane).is_some_and(|waiting| waiting.noted <= last_note) {
            self.lanes.of.remove(lane);
            self.lanes.times.set(lane, None);
        }
    }

    /// Whether something is known to be parked there.
    pub(crate) fn knows_lane(&self, lane: &Lane) -> bool {
        self.lanes.has(lane)
    }

    /// Something is parked there, and all of it has been a probe not long ago: the next that comes is one.
    pub(crate) fn lane_has_no_probe(&mut self, lane: &Lane, now: Timestamp) {
        if let Some(waiting) = self.lanes.of.get_mut(lane) {
            waiting.no_probe_until = Some(now.plus(NO_PROBE_WAIT));
        }
        self.time_probe(lane, now);
    }

    /// That lane is to be looked at once more.
    pub(crate) fn call(&mut self, lane: &Lane) {
        self.lanes.call(lane);
    }

    pub(crate) fn has_calls(&self) -> bool {
        !self.lanes.called.is_empty()
    }

    /// What there is to do next for parked deliveries.
    pub(crate) fn next_call(&mut self, now: Timestamp) -> Option<Call> {
        while let Some(lane) = self.lanes.next_called() {
            if self.probe_waits.as_ref() == Some(&lane) {
                // It asks again now, or does not want it any more.
                self.probe_waits = None;
            }
            let call = self.lanes.of.get(&lane).and_then(|waiting| self.call_of(&lane, waiting, now));
            if call.is_some() && rule::holds("what_is_parked_is_fed") {
                return call;
            }
            self.time_probe(&lane, now);
        }
        None
    }

    /// An attempt on that path has ended: its lanes, and the probe that waits for a slot. Whether one is called.
    pub(super) fn call_lanes_of(&mut self, path: &Path, now: Timestamp) -> bool {
        let reads_on = self.reads_on();
        if self.lanes.of.is_empty() {
            // As it is as long as all is well: then nobody need write the lanes' names.
            self.probe_waits = None;
            return reads_on;
        }
        self.drop_idle_wait(now);
        let levels = [Lane::of_destination(&path.destination), Lane::of_endpoint(&path.endpoint)];
        levels.iter().for_each(|lane| self.time_probe(lane, now));
        let lanes = levels.into_iter().flat_map(|lane| [lane.short(), lane]).chain(self.probe_waits.clone());
        let called = lanes.filter(|lane| self.call_if_needed(lane, now)).count();
        called > 0 || reads_on
    }

    /// A lane that asks for no probe any more, for its endpoint is paused or it is empty, keeps no slot free for one.
    pub(super) fn drop_idle_wait(&mut self, now: Timestamp) {
        let Some(lane) = &self.probe_waits else { return };
        let call = self.lanes.of.get(lane).and_then(|waiting| self.call_of(lane, waiting, now));
        if !matches!(call, Some(Call::Probe(_))) {
            self.probe_waits = None;
        }
    }

    pub(super) fn call_if_needed(&mut self, lane: &Lane, now: Timestamp) -> bool {
        let needed = self.lanes.of.get(lane).is_some_and(|waiting| self.call_of(lane, waiting, now).is_some());
        if needed {
            self.lanes.call(lane);
        }
        needed
    }

    fn call_of(&self, lane: &Lane, waiting: &Waiting, now: Timestamp) -> Option<Call> {
        let of = &waiting.of;
        if matches!(of, LaneOf::Endpoint(name, _) if self.paced.is_paused(name)) {
            return None;
        }
        let is_parkable = !lane.is_short();
        let (health, destination) = self.level(of);
        let host_is_down = is_parkable && self.levels.destination(destination).is_some_and(Health::is_down);
        match health.map(|health| health.admission(now, is_parkable)) {
            // An endpoint behind a host that is down can tell nothing.
            Some(Admission::Probe) if matches!(of, LaneOf::Endpoint(..)) && host_is_down => None,
            Some(Admission::Probe) if waiting.no_probe_until.is_some_and(|until| is_ahead(until, now)) => None,
            Some(Admission::Probe) => Some(Call::Probe(lane.clone())),
            Some(Admission::Down(_)) => None,
            // It would only move to the host's lane; some of it must where nothing there can be the probe.
            Some(Admission::Send | Admission::Full) | None
                if host_is_down && self.lanes.has(&Lane::of_destination(destination)) =>
            {
                None
            }
            Some(Admission::Send | Admission::Full) | None => {
                let (max, room) = self.room(of);
                // By halves: a commit for each single delivery would cost more than the delivery.
                let is_worth_it = room.len > max.len / 2 && room.bytes > max.bytes / 2;
                is_worth_it.then(|| Call::Feed(lane.clone(), of.fitting(room)))
            }
        }
    }

    /// What memory may hold of a lane's deliveries, and what of that is left.
    fn room(&self, of: &LaneOf) -> (Load, Load) {
        let left = room_in(self.queued_max(), self.queued());
        let of_destination = |name| least(room_in(self.queue_max(), self.queued_for(name)), left);
        match of {
            LaneOf::Destination(name) => (self.queue_max(), of_destination(name)),
            LaneOf::Endpoint(endpoint, name) => {
                let load =
                    self.first.load_of_endpoint_in(endpoint, name) + self.again.load_of_endpoint_in(endpoint, name);
                let max = self.endpoint_max(name);
                (max, least(room_in(max, load), of_destination(name)))
            }
        }
    }

    pub(super) fn level<'a>(&'a self, of: &'a LaneOf) -> (Option<&'a Health>, &'a Destination) {
        match of {
            LaneOf::Destination(name) => (self.levels.destination(name), name),
            LaneOf::Endpoint(name, destination) => (self.levels.endpoint(name), destination),
        }
    }

    /// Whether the level of that lane, one of this path's two, is down.
    pub(super) fn is_down(&self, lane: &Lane, path: &Path) -> bool {
        let health = match *lane == Lane::of_destination(&path.destination) {
            true => self.levels.destination(&path.destination),
            false => self.levels.endpoint(&path.endpoint),
        };
        health.is_some_and(Health::is_down)
    }

    /// The lane of its endpoint, where that is down or paused: then it can't be its destination's probe.
    pub(crate) fn held_by_its_endpoint(&self, due: &DueDelivery, now: Timestamp) -> Option<(Lane, ParkReason)> {
        let endpoint = &due.delivery.endpoint;
        if self.paced.is_paused(endpoint) {
            return Some((Lane::of_endpoint(endpoint), ParkReason::Paused));
        }
        let health = self.levels.endpoint(endpoint)?;
        let is_down = matches!(health.admission(now, true), Admission::Down(_));
        is_down.then(|| (Lane::of_endpoint(endpoint), ParkReason::Down))
    }

    /// What becomes of a parked delivery whose time is over: it ends where its receiver is seen to be down. Where nothing holds
    /// it back but those before it, it waits on for its turn: to let it go first would only have it parked again.
    pub(crate) fn verdict_on(&self, due: &DueDelivery) -> Expired {
        let Some(path) = path_of(due) else { return Expired::WaitsOn(TURN_WAIT) };
        if self.paced.is_paused(&path.endpoint) {
            return Expired::WaitsOn(PAUSE_MAX);
        }
        let levels = [self.levels.destination(&path.destination), self.levels.endpoint(&path.endpoint)];
        if levels.iter().flatten().any(|health| health.is_seen_down()) {
            return Expired::Ends;
        }
        let is_asked = levels.iter().flatten().any(|health| health.is_down());
        Expired::WaitsOn(if is_asked { PROBE_ANSWER_WAIT } else { TURN_WAIT })
    }
}

pub(super) fn room_in(max: Load, load: Load) -> Load {
    Load { len: max.len.saturating_sub(load.len), bytes: max.bytes.saturating_sub(load.bytes) }
}

fn least(a: Load, b: Load) -> Load {
    Load { len: a.len.min(b.len), bytes: a.bytes.min(b.bytes) }
}

/// Whether that time is still to come. One that is further away than it was set to be was set before the clock was put back.
pub(super) fn is_ahead(at: Timestamp, now: Timestamp) -> bool {
    at > now && at <= now.plus(NO_PROBE_WAIT)
}
