//! How one level of receivers does: a destination (scheme, host and port) or an endpoint. A window bounds what is under
//! way to it, a circuit stops what would only fail.
//!
//! Promise: what is under way never exceeds the window, the window stays within 1 and its limit, and while the circuit is
//! open one probe at a time goes out and nothing else, but what can't wait.
use std::time::Duration;

use crate::outcome::{Blame, Outcome};
use crate::rule;
use crate::time::Timestamp;

/// The window of what was never spoken to.
pub const WINDOW_FIRST: u32 = 2;

/// The window that no level grows beyond, unless it has a limit of its own.
pub const WINDOW_MAX: u32 = 32;

/// That part of a limit is kept for those that have nothing under way.
const SHARED_PART: u32 = 4;

/// So many failures in a row, with no success between them, open the circuit.
pub const FAILURES_MAX: u32 = 8;

/// From the opening of the circuit to its first probe. Doubled after each probe that fails.
pub const PROBE_WAIT_FIRST: Duration = Duration::from_secs(5);

/// Between two probes at most.
pub const PROBE_WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// What an attempt says of one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// It works.
    Well,
    /// It fails.
    Ill,
    /// Nothing: it was our own fault, or the other level's.
    Nothing,
}

impl Bearing {
    /// On the destination. Whatever status came, somebody is there who speaks HTTP; what broke behind the connection is the
    /// endpoint's.
    #[must_use]
    pub fn on_destination(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Delivered { .. } | Outcome::Refused { .. } => Self::Well,
            Outcome::Failed(error) if error.blame() == Blame::Destination => Self::Ill,
            Outcome::Failed(_) if !rule::holds("endpoints_do_not_blame_their_destination") => Self::Ill,
            Outcome::Failed(_) | Outcome::Interrupted => Self::Nothing,
        }
    }

    /// On the endpoint: one tenant's broken URL, or its URL on a host that is down.
    #[must_use]
    pub fn on_endpoint(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Delivered { .. } => Self::Well,
            Outcome::Refused { .. } => Self::Ill,
            Outcome::Failed(error) if error.blame() == Blame::Endpoint => Self::Ill,
            Outcome::Failed(_) | Outcome::Interrupted => Self::Nothing,
        }
    }
}

/// What may be done with a delivery for this level now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may be sent.
    Send,
    /// It may be sent, as the one that finds out whether the level works again.
    Probe,
    /// Not now: as much as the window holds is under way.
    Full,
    /// Not before that time: the circuit is open. What can wait is parked.
    Down(Timestamp),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Circuit {
    /// With so many failures since the last success.
    Closed {
        failures: u32,
    },
    Open {
        probe_at: Timestamp,
        wait: Duration,
    },
    /// The probe is under way. Should it be forgotten, another may go at `again_at`.
    Probing {
        again_at: Timestamp,
        wait: Duration,
    },
}

/// The state of one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    window: u32,
    window_max: u32,
    in_flight: u32,
    circuit: Circuit,
    /// It is down by hearsay: an earlier process said so, and nothing was tried since.
    is_assumed: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self::new(WINDOW_MAX)
    }
}

impl Health {
    /// Never spoken to. `window_max` of 0 counts as 1.
    #[must_use]
    pub fn new(window_max: u32) -> Self {
        let window_max = window_max.max(1);
        let circuit = Circuit::Closed { failures: 0 };
        Self { window: WINDOW_FIRST.min(window_max), window_max, in_flight: 0, circuit, is_assumed: false }
    }

    /// Another limit than it was made with. 0 counts as 1.
    pub fn limit(&mut self, window_max: u32) {
        self.window_max = window_max.max(1);
        self.window = self.window.min(self.window_max);
    }

    /// What may be done now. `is_parkable` is false for what can't wait: it is held to the window only.
    #[must_use]
    pub fn admission(&self, now: Timestamp, is_parkable: bool) -> Admission {
        match self.circuit {
            _ if !is_parkable || !rule::holds("an_open_circuit_holds_back") => self.within_window(),
            Circuit::Closed { .. } => self.within_window(),
            Circuit::Open { probe_at: at, .. } | Circuit::Probing { again_at: at, .. } if is_reached(at, now) => {
                Admission::Probe
            }
            Circuit::Open { probe_at: at, .. } | Circuit::Probing { again_at: at, .. } => Admission::Down(at),
        }
    }

    fn within_window(&self) -> Admission {
        let window = if rule::holds("windows_are_kept") { self.window } else { self.window_max * 4 };
        if self.in_flight < window { Admission::Send } else { Admission::Full }
    }

    /// Whether there is room for one that has nothing under way here yet, though the window is full: up to twice the window
    /// where nothing is wrong, so that one that is slow does not hold up its neighbours.
    #[must_use]
    pub fn admits_another(&self) -> bool {
        let room = self.window.saturating_mul(2).min(self.window_max);
        self.window >= WINDOW_FIRST && !self.is_down() && self.in_flight < room
    }

    /// Whether there is room for one that has something under way here, where several share the level: the last quarter of
    /// its limit is for those that have nothing. One that begins to hang would hold all of it else.
    #[must_use]
    pub fn admits_more(&self) -> bool {
        self.in_flight < self.window_max - self.window_max / SHARED_PART
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.in_flight == 0
    }

    /// An attempt begins, as was admitted. A probe must end before `deadline`; from then on another may go.
    pub fn begin(&mut self, admission: Admission, deadline: Timestamp) {
        self.in_flight += 1;
        if let (Admission::Probe, Circuit::Open { wait, .. } | Circuit::Probing { wait, .. }) =
            (admission, self.circuit)
        {
            self.circuit = Circuit::Probing { again_at: deadline, wait };
        }
    }

    /// An attempt has ended. `jitter` is in -1.0..=1.0 and spreads the probes by a tenth. While the circuit is open only the
    /// probe's failure counts: the others began before it opened, or can't wait.
    pub fn end(&mut self, bearing: Bearing, now: Timestamp, jitter: f64, is_probe: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match (bearing, self.circuit) {
            (Bearing::Well, _) => self.well(),
            (Bearing::Ill, _) => self.ill(now, jitter, is_probe),
            // A probe that told nothing is none: the next one goes after the same wait.
            (Bearing::Nothing, Circuit::Probing { wait, .. }) if is_probe => {
                self.circuit = Circuit::Open { probe_at: now.plus(spread(wait, jitter)), wait };
            }
            (Bearing::Nothing, _) => {}
        }
    }

    fn well(&mut self) {
        // One that is well again begins with one at a time; each success adds one, so that each round doubles.
        self.window = if self.is_down() { 1 } else { self.window.saturating_add(1).min(self.window_max) };
        self.circuit = Circuit::Closed { failures: 0 };
        self.is_assumed = false;
    }

    fn ill(&mut self, now: Timestamp, jitter: f64, is_probe: bool) {
        self.window = (self.window / 2).max(1);
        self.is_assumed &= !is_probe;
        self.circuit = match self.circuit {
            Circuit::Closed { failures } if failures + 1 < FAILURES_MAX => Circuit::Closed { failures: failures + 1 },
            Circuit::Closed { .. } => opened(PROBE_WAIT_FIRST, now, jitter),
            Circuit::Probing { wait, .. } if is_probe => opened((wait * 2).min(PROBE_WAIT_MAX), now, jitter),
            // What was under way when it opened, or can't be parked: it tells nothing new.
            open @ (Circuit::Open { .. } | Circuit::Probing { .. }) => open,
        };
    }

    /// It was down when an earlier process left it: the first thing that goes out is a probe.
    pub fn assume_down(&mut self, now: Timestamp) {
        self.window = 1;
        self.circuit = Circuit::Open { probe_at: now, wait: PROBE_WAIT_FIRST };
        self.is_assumed = true;
    }

    /// Whether nothing was ever tried.
    #[must_use]
    pub fn is_new(&self) -> bool {
        *self == Self::new(self.window_max)
    }

    /// Whether it is down, and this process has seen it.
    #[must_use]
    pub fn is_seen_down(&self) -> bool {
        self.is_down() && !self.is_assumed
    }

    /// Whether the circuit is open.
    #[must_use]
    pub fn is_down(&self) -> bool {
        !matches!(self.circuit, Circuit::Closed { .. })
    }

    /// Whether nothing is under way and nothing held back: where there are too many to keep them all, it may go.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0 && !self.is_down()
    }

    /// When the next probe may go; `None` while the circuit is closed.
    #[must_use]
    pub fn probe_at(&self) -> Option<Timestamp> {
        match self.circuit {
            Circuit::Closed { .. } => None,
            Circuit::Open { probe_at: at, .. } | Circuit::Probing { again_at: at, .. } => Some(at),
        }
    }

    /// The word for people: `closed`, `open` or `probing`.
    #[must_use]
    pub fn circuit(&self) -> &'static str {
        match self.circuit {
            Circuit::Closed { .. } => "closed",
            Circuit::Open { .. } => "open",
            Circuit::Probing { .. } => "probing",
        }
    }
}

fn opened(wait: Duration, now: Timestamp, jitter: f64) -> Circuit {
    Circuit::Open { probe_at: now.plus(spread(wait, jitter)), wait }
}

/// Whether that time has come. One that is further away than any wait was set before the clock was put back.
fn is_reached(at: Timestamp, now: Timestamp) -> bool {
    at <= now || at > now.plus(PROBE_WAIT_MAX * 2)
}

/// A tenth more or less, so that what went down together is not asked again together.
fn spread(wait: Duration, jitter: f64) -> Duration {
    wait.mul_f64(1.0 + 0.1 * jitter.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn later(seconds: i64) -> Timestamp {
        NOW.plus_ms(seconds * 1000)
    }

    fn attempt(health: &mut Health, bearing: Bearing, now: Timestamp) -> Admission {
        let admission = health.admission(now, true);
        assert!(matches!(admission, Admission::Send | Admission::Probe), "{admission:?}");
        health.begin(admission, now.plus_ms(60_000));
        health.end(bearing, now, 0.0, admission == Admission::Probe);
        admission
    }

    fn down() -> Health {
        let mut health = Health::default();
        for _ in 0..FAILURES_MAX {
            assert!(!health.is_down());
            attempt(&mut health, Bearing::Ill, NOW);
        }
        health
    }

    /// How many may be under way at once.
    fn window(health: &Health) -> u32 {
        let mut health = health.clone();
        let mut count = 0;
        while health.admission(NOW, true) == Admission::Send {
            health.begin(Admission::Send, later(60));
            count += 1;
        }
        count
    }

    #[test]
    fn the_window_grows_by_one_and_falls_by_half() {
        let mut health = Health::new(6);
        for want in [2, 3, 4, 5, 6, 6] {
            assert_eq!(window(&health), want);
            attempt(&mut health, Bearing::Well, NOW);
        }
        for want in [3, 1, 1] {
            attempt(&mut health, Bearing::Ill, NOW);
            assert_eq!(window(&health), want);
        }
        attempt(&mut health, Bearing::Nothing, NOW);
        assert_eq!(window(&health), 1);
        assert_eq!(window(&Health::new(0)), 1);
    }

    #[test]
    fn a_limit_that_is_set_later_holds_at_once_and_can_be_taken_back() {
        let mut health = Health::default();
        (0..9).for_each(|_| _ = attempt(&mut health, Bearing::Well, NOW));
        health.limit(3);
        assert_eq!(window(&health), 3);
        attempt(&mut health, Bearing::Well, NOW);
        assert_eq!(window(&health), 3);
        health.limit(WINDOW_MAX);
        attempt(&mut health, Bearing::Well, NOW);
        assert_eq!(window(&health), 4);
    }

    #[test]
    fn another_finds_room_beside_a_full_window_while_nothing_is_wrong() {
        let mut health = Health::new(6);
        let mut under_way = |count: u32| (0..count).for_each(|_| health.begin(Admission::Send, later(60)));
        under_way(2);
        assert!(health.admission(NOW, true) == Admission::Full && health.admits_another() && !health.is_at_rest());
        let mut more = health.clone();
        more.begin(Admission::Send, later(60));
        more.begin(Admission::Send, later(60));
        assert!(!more.admits_another(), "twice the window");
        more.end(Bearing::Well, NOW, 0.0, false);
        more.end(Bearing::Well, NOW, 0.0, false);
        (0..4).for_each(|_| more.begin(Admission::Send, later(60)));
        assert!(!more.admits_another(), "but no more than its limit");
        health.end(Bearing::Ill, NOW, 0.0, false);
        assert!(!health.admits_another(), "not where connections fail");
    }

    #[test]
    fn a_quarter_of_the_limit_is_for_those_that_have_nothing_under_way() {
        for (window_max, want) in [(1, 1), (3, 3), (4, 3), (8, 6), (32, 24)] {
            let mut health = Health::new(window_max);
            while health.admits_more() {
                health.begin(Admission::Send, later(60));
            }
            assert_eq!(health.in_flight, want, "of {window_max}");
        }
    }

    #[test]
    fn failures_in_a_row_open_the_circuit_and_one_success_between_them_does_not() {
        let mut health = Health::default();
        for _ in 0..3 {
            for _ in 1..FAILURES_MAX {
                attempt(&mut health, Bearing::Ill, NOW);
            }
            assert!(!health.is_down());
            attempt(&mut health, Bearing::Well, NOW);
        }
        assert_eq!(down().admission(NOW, true), Admission::Down(later(5)));
    }

    #[test]
    fn one_probe_goes_at_growing_intervals_up_to_five_minutes() {
        let mut health = down();
        let mut now = NOW;
        for want_s in [5, 10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(health.probe_at(), Some(now.plus_ms(want_s * 1000)));
            now = now.plus_ms(want_s * 1000);
            assert_eq!(health.admission(now.plus_ms(-1), true), Admission::Down(now));
            assert_eq!(health.admission(now, true), Admission::Probe);
            health.begin(Admission::Probe, now.plus_ms(30_000));
            assert_eq!(health.admission(now, true), Admission::Down(now.plus_ms(30_000)), "one at a time");
            health.end(Bearing::Ill, now, 0.0, true);
        }
        assert_eq!(attempt(&mut health, Bearing::Well, now.plus_ms(300_000)), Admission::Probe);
        assert!(!health.is_down());
        for want in [1, 2, 3] {
            assert_eq!(window(&health), want, "slow start");
            attempt(&mut health, Bearing::Well, NOW);
        }
    }

    #[test]
    fn a_probe_that_tells_nothing_is_repeated_after_the_same_wait() {
        let mut health = down();
        attempt(&mut health, Bearing::Nothing, later(5));
        assert_eq!(health.admission(later(5), true), Admission::Down(later(10)));
        health.begin(health.admission(later(10), true), later(40));
        assert_eq!(health.admission(later(40), true), Admission::Probe, "a forgotten one does not hold it for ever");
    }

    #[test]
    fn what_was_under_way_when_it_opened_changes_nothing_unless_it_succeeds() {
        let mut health = down();
        health.begin(Admission::Send, later(60));
        health.begin(Admission::Send, later(60));
        health.end(Bearing::Ill, later(3), 0.0, false);
        assert_eq!(health.probe_at(), Some(later(5)));
        health.end(Bearing::Well, later(4), 0.0, false);
        assert!(!health.is_down());
    }

    #[test]
    fn a_straggler_does_not_end_the_probe() {
        let mut health = down();
        health.begin(Admission::Send, later(60));
        health.begin(health.admission(later(5), true), later(60));
        health.end(Bearing::Ill, later(6), 0.0, false);
        health.end(Bearing::Nothing, later(6), 0.0, false);
        assert_eq!(health.admission(later(6), true), Admission::Down(later(60)), "it is still out");
        health.end(Bearing::Ill, later(20), 0.0, true);
        assert_eq!(health.admission(later(20), true), Admission::Down(later(30)));
    }

    #[test]
    fn what_is_down_by_hearsay_is_seen_by_the_first_probe() {
        let mut health = Health::default();
        health.assume_down(NOW);
        assert!(health.is_down() && !health.is_seen_down());
        assert_eq!(attempt(&mut health, Bearing::Ill, NOW), Admission::Probe);
        assert!(health.is_seen_down());
    }

    #[test]
    fn what_cannot_wait_is_held_to_the_window_only() {
        let mut health = down();
        assert_eq!(health.admission(NOW, false), Admission::Send);
        health.begin(Admission::Send, later(60));
        assert_eq!(health.admission(NOW, false), Admission::Full);
        assert!(health.is_down() && !health.is_idle() && health.circuit() == "open");
    }

    #[test]
    fn a_clock_that_is_put_back_does_not_hold_up_the_probe() {
        let mut health = down();
        assert_eq!(health.admission(later(-86_400), true), Admission::Probe);
        health.begin(Admission::Probe, later(60));
        assert_eq!(health.admission(later(-86_400), true), Admission::Probe);
        health.end(Bearing::Ill, later(-86_400), 0.0, true);
        assert_eq!(health.admission(later(-86_400), true), Admission::Down(later(-86_390)));
    }

    #[test]
    fn probes_are_spread_by_a_tenth() {
        for (jitter, want_ms) in [(-1.0, 4_500), (1.0, 5_500), (9.0, 5_500)] {
            let Circuit::Open { probe_at, .. } = opened(PROBE_WAIT_FIRST, NOW, jitter) else { unreachable!() };
            assert_eq!(probe_at, NOW.plus_ms(want_ms));
        }
    }

    #[test]
    fn whose_fault_it_is() {
        use crate::outcome::SendError;
        let refused = |status| Outcome::Refused { status, retry_after: None };
        for (outcome, destination, endpoint) in [
            (Outcome::Delivered { status: 200 }, Bearing::Well, Bearing::Well),
            (refused(500), Bearing::Well, Bearing::Ill),
            (refused(429), Bearing::Well, Bearing::Ill),
            (refused(302), Bearing::Well, Bearing::Ill),
            (Outcome::Failed(SendError::ConnectRefused), Bearing::Ill, Bearing::Nothing),
            (Outcome::Failed(SendError::TlsExpired), Bearing::Ill, Bearing::Nothing),
            (Outcome::Failed(SendError::ResponseTimeout), Bearing::Nothing, Bearing::Ill),
            (Outcome::Failed(SendError::ResolverDown), Bearing::Nothing, Bearing::Nothing),
            (Outcome::Interrupted, Bearing::Nothing, Bearing::Nothing),
        ] {
            assert_eq!(
                (Bearing::on_destination(outcome), Bearing::on_endpoint(outcome)),
                (destination, endpoint),
                "{outcome:?}"
            );
        }
    }

    proptest! {
        /// Whatever happens in whatever order: the bounds hold, and a level that has become well is open to all again.
        #[test]
        fn bounds_hold(steps in proptest::collection::vec((0u8..4, 0i64..100_000), 0..300), window_max in 0u32..40) {
            let mut health = Health::new(window_max);
            let (mut now, mut under_way) = (NOW, 0u32);
            for (what, ms) in steps {
                now = now.plus_ms(ms);
                let admission = health.admission(now, true);
                match what {
                    0 => if matches!(admission, Admission::Send | Admission::Probe) {
                        prop_assert!(admission == Admission::Probe || under_way < window_max.max(1));
                        health.begin(admission, now.plus_ms(60_000));
                        under_way += 1;
                    },
                    _ if under_way == 0 => {}
                    what => {
                        let bearing = [Bearing::Well, Bearing::Ill, Bearing::Nothing][usize::from(what) - 1];
                        health.end(bearing, now, 0.3, ms % 2 == 0);
                        under_way -= 1;
                        if bearing == Bearing::Well { prop_assert!(!health.is_down()); }
                    }
                }
                prop_assert!((1..=window_max.max(1)).contains(&health.window));
                if let Some(at) = health.probe_at() { prop_assert!(at.0 - now.0 <= 330_000); }
            }
        }
    }
}
