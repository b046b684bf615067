//! Whether more is to be read, going by how much destinations take: what is in memory for one that takes a thousand a second
//! is as good as under way, while what is there for one that takes nothing says nothing about it.
use std::collections::BTreeMap;
use std::time::Duration;

use postsync_core::target::Destination;
use postsync_core::time::Timestamp;

use super::Board;
use crate::dispatch::fair::Fair;
use crate::ports::DueDelivery;

/// With so many that could go out as soon as there is a slot, nothing more is read.
pub(super) const READ_AHEAD: usize = 1_024;

/// So often a page is read while what is new is enough.
const READ_ANYWAY_EVERY_MS: i64 = 100;

/// What ended within so long is counted together.
const SPAN_MS: i64 = 250;

/// Past so many destinations, those that have taken nothing of late are let go.
const KEPT_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Flows {
    of: BTreeMap<Destination, Flow>,
}

#[derive(Clone, Copy)]
struct Flow {
    span: i64,
    in_it: usize,
    in_the_last: usize,
}

impl Flow {
    /// As seen in that span: in one that the clock has not come to, or has long passed, nothing has ended.
    fn at(self, span: i64) -> Self {
        match span - self.span {
            0 => self,
            1 => Self { span, in_it: 0, in_the_last: self.in_it },
            _ => Self { span, in_it: 0, in_the_last: 0 },
        }
    }
}

impl Flows {
    /// An attempt has ended, whatever came of it: there is room for another.
    pub(super) fn ended(&mut self, destination: &Destination, now: Timestamp) {
        let span = now.0.div_euclid(SPAN_MS);
        if let Some(flow) = self.of.get_mut(destination) {
            *flow = flow.at(span);
            flow.in_it += 1;
            return;
        }
        if self.of.len() >= KEPT_MAX {
            self.of.retain(|_, flow| (0..=1).contains(&(span - flow.span)));
        }
        self.of.insert(destination.clone(), Flow { span, in_it: 1, in_the_last: 0 });
    }

    /// How many it takes within a quarter of a second, going by the last.
    pub(super) fn of(&self, destination: &Destination, now: Timestamp) -> usize {
        let flow = self.of.get(destination).map(|flow| flow.at(now.0.div_euclid(SPAN_MS)));
        flow.map_or(0, |flow| flow.in_it.max(flow.in_the_last))
    }
}

impl Board {
    /// Whether so much waits that nothing more need be read now. What is new comes without being read: where only that is
    /// enough, some is read from time to time, or a steady excess of it would keep every retry on disk. So it is where what
    /// flows is enough: behind it on disk may be others' turn.
    pub(crate) fn has_enough(&mut self, now: Timestamp) -> bool {
        let is_enough = self.ahead(&self.first, now) + self.ahead(&self.again, now) >= READ_AHEAD;
        self.left_unread = is_enough.then(|| self.queued().len);
        let is_recent = self.read_anyway_at.is_some_and(|at| (0..READ_ANYWAY_EVERY_MS).contains(&(now.0 - at.0)));
        if !is_enough || is_recent || self.again.ready_len() >= READ_AHEAD {
            return is_enough;
        }
        self.read_anyway_at = Some(now);
        false
    }

    /// How many could go out at once if there were slots, and how many the destinations whose windows are full will have taken
    /// before anybody could have read more for them.
    fn ahead(&self, queue: &Fair<DueDelivery>, now: Timestamp) -> usize {
        let ready = queue.ready_len();
        if ready >= READ_AHEAD {
            return ready;
        }
        ready + queue.blocked().map(|(name, len)| len.min(self.flows.of(name, now))).sum::<usize>()
    }

    /// Whether so much has gone out since there was enough that more is to be read.
    pub(super) fn reads_on(&self) -> bool {
        self.left_unread.is_some_and(|len| self.queued().len + READ_AHEAD / 2 <= len)
    }

    /// How long what was left on disk may wait for somebody to look: `None` where nothing was.
    pub(crate) fn reads_anyway_in(&self) -> Option<Duration> {
        self.left_unread.map(|_| Duration::from_millis(READ_ANYWAY_EVERY_MS.unsigned_abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_of_late_counts_and_nothing_else() {
        let name = Destination { scheme: "https".into(), host: "a.example".into(), port: 443 };
        let mut flows = Flows::default();
        assert_eq!(flows.of(&name, Timestamp(1_000)), 0);
        for _ in 0..3 {
            flows.ended(&name, Timestamp(1_000));
        }
        flows.ended(&name, Timestamp(1_250));
        assert_eq!([1_249, 1_250, 1_499].map(|ms| flows.of(&name, Timestamp(ms))), [0, 3, 3]);
        assert_eq!([1_500, 1_749, 1_750].map(|ms| flows.of(&name, Timestamp(ms))), [1, 1, 0]);
    }

    #[test]
    fn those_that_take_nothing_are_let_go() {
        let mut flows = Flows::default();
        let name = |port| Destination { scheme: "https".into(), host: "a.example".into(), port };
        for port in 0..u16::try_from(KEPT_MAX).unwrap() {
            flows.ended(&name(port), Timestamp(0));
        }
        flows.ended(&name(60_000), Timestamp(10_000));
        assert_eq!(flows.of.len(), 1);
    }
}
