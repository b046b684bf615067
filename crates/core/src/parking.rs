//! Deliveries that are due and held back: why, and in which lane they wait.
//!
//! A lane belongs to what holds them back, a destination or an endpoint, so that all of it is found at once when that can
//! be sent to again. What no circuit may hold back, because its schedule is short, has a lane of its own beside it. The
//! texts are stored.
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::EndpointId;
use crate::target::Destination;
use crate::time::Timestamp;

/// Why a delivery that is due is not sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParkReason {
    /// The circuit of its destination or of its endpoint is open.
    Down,
    /// Its endpoint's owner has paused it.
    Paused,
    /// Its destination's queue in memory is full.
    Backlog,
}

impl ParkReason {
    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Paused => "paused",
            Self::Backlog => "backlog",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Down, Self::Paused, Self::Backlog].into_iter().find(|reason| reason.as_str() == text)
    }
}

/// At the end of the lane of those with a short schedule.
const SHORT: &str = "#short";

/// What holds deliveries back, as a key: `https://app.example.com:443`, or an endpoint's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(Arc<str>);

impl Lane {
    /// Of a destination.
    #[must_use]
    pub fn of_destination(destination: &Destination) -> Self {
        Self(destination.to_string().into())
    }

    /// Of an endpoint.
    #[must_use]
    pub fn of_endpoint(endpoint: &EndpointId) -> Self {
        Self(endpoint.as_str().into())
    }

    /// Beside it, for those that no circuit may hold back.
    #[must_use]
    pub fn short(&self) -> Self {
        if self.is_short() { self.clone() } else { Self(format!("{}{SHORT}", self.0).into()) }
    }

    /// Whether it is for those that no circuit may hold back.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.ends_with(SHORT)
    }

    /// As it was stored.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The text that is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The time by which it is judged who has waited too long: the wall clock's, but it goes at most twice as fast as time does. A
/// clock that is set to next month by mistake must not end all that waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    believed: Timestamp,
}

impl Patience {
    /// The clock is believed at the start: there is nothing to hold it against.
    #[must_use]
    pub fn starting(now: Timestamp) -> Self {
        Self { believed: now }
    }

    /// Looks at the clock again, so long after the last look.
    pub fn look(&mut self, now: Timestamp, passed: Duration) -> Timestamp {
        self.believed = now.min(self.believed.plus(passed * 2));
        self.believed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back() {
        for reason in [ParkReason::Down, ParkReason::Paused, ParkReason::Backlog] {
            assert_eq!(ParkReason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(ParkReason::parse("tired"), None);
    }

    #[test]
    fn what_can_not_wait_has_a_lane_of_its_own() {
        let lane = Lane::of_endpoint(&EndpointId::new("imp_1"));
        let short = lane.short();
        assert!(short.is_short() && !lane.is_short() && short != lane);
        assert_eq!((short.short(), Lane::stored(short.as_str())), (short.clone(), short));
    }

    #[test]
    fn a_clock_that_is_put_forward_is_believed_at_twice_the_pace_of_time() {
        let mut patience = Patience::starting(Timestamp(0));
        let second = Duration::from_secs(1);
        for (now_ms, want_ms) in [(1_000, 1_000), (90_000, 3_000), (91_000, 5_000), (6_000, 6_000), (2_000, 2_000)] {
            assert_eq!(patience.look(Timestamp(now_ms), second), Timestamp(want_ms));
        }
    }
}
