//! Which lanes are looked at: those whose probe is due, by their times, and some of the others in turn.
//!
//! Promise: a look costs what is due and a fixed number beside it, however many lanes there are. Most of what makes a lane worth
//! a look calls it by itself; what does not, such as room that others have left, is found when it is its turn.
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use postsync_core::health::{Admission, PROBE_WAIT_MAX};
use postsync_core::parking::Lane;
use postsync_core::time::Timestamp;

use super::Board;
use super::lanes::is_ahead;

/// Lanes that are looked at in turn each time: with fifty thousand of them each has its turn within ten seconds.
pub(super) const IN_TURN: usize = 512;

/// When which lane may be probed, of those that may not yet.
#[derive(Default)]
pub(super) struct ProbeTimes {
    of: BTreeMap<Lane, Timestamp>,
    in_order: BTreeSet<(Timestamp, Lane)>,
}

impl ProbeTimes {
    pub(super) fn set(&mut self, lane: &Lane, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.of.insert(lane.clone(), at),
            None => self.of.remove(lane),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.in_order.remove(&(before, lane.clone()));
        }
        if let Some(at) = at {
            self.in_order.insert((at, lane.clone()));
        }
    }

    /// Takes out those whose time has come. One that is further away than any wait was set before the clock was put back.
    fn take_due(&mut self, now: Timestamp) -> Vec<Lane> {
        let last = now.plus(PROBE_WAIT_MAX * 2);
        let mut due = Vec::new();
        while let Some((at, lane)) = self.in_order.pop_first() {
            if at > now {
                self.in_order.insert((at, lane));
                break;
            }
            due.push(lane);
        }
        while let Some((at, lane)) = self.in_order.pop_last() {
            if at <= last {
                self.in_order.insert((at, lane));
                break;
            }
            due.push(lane);
        }
        due.iter().for_each(|lane| _ = self.of.remove(lane));
        due
    }
}

impl Board {
    /// Calls the lanes that there is something to do for, of those that are looked at. How many were.
    pub(crate) fn look_at_lanes(&mut self, now: Timestamp) -> usize {
        self.drop_idle_wait(now);
        let mut lanes = self.lanes.times.take_due(now);
        lanes.extend(self.next_in_turn());
        for lane in &lanes {
            self.call_if_needed(lane, now);
            self.time_probe(lane, now);
        }
        lanes.len()
    }

    fn next_in_turn(&mut self) -> Vec<Lane> {
        let after = self.lanes.looked_to.take();
        let behind = (after.as_ref().map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let lanes: Vec<Lane> = self.lanes.of.range(behind).take(IN_TURN).map(|(lane, _)| lane.clone()).collect();
        let rest = IN_TURN - lanes.len();
        // From the beginning again, up to where this turn began.
        let first =
            self.lanes.of.keys().take(rest).take_while(|lane| after.as_ref().is_some_and(|after| *lane <= after));
        let lanes: Vec<Lane> = [lanes, first.cloned().collect()].concat();
        self.lanes.looked_to = lanes.last().cloned();
        lanes
    }

    /// Notes when that lane may be probed; what may be at once, or never, needs no note.
    pub(super) fn time_probe(&mut self, lane: &Lane, now: Timestamp) {
        let at = self.lanes.of.get(lane).filter(|_| !lane.is_short()).and_then(|waiting| {
            match self.level(&waiting.of).0?.admission(now, true) {
                Admission::Down(at) => Some(at),
                Admission::Probe => waiting.no_probe_until.filter(|until| is_ahead(*until, now)),
                Admission::Send | Admission::Full => None,
            }
        });
        self.lanes.times.set(lane, at);
    }

    /// When the next probe may go that may not yet.
    pub(crate) fn next_probe_at(&self) -> Option<Timestamp> {
        self.lanes.times.in_order.first().map(|(at, _)| *at)
    }
}
