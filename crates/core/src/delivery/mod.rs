//! The life of a delivery: due -> (open attempt) -> delivered | due again | exhausted. Delivered and exhausted are final.
//!
//! Two numbers: `attempts` rises by one at every start; `step` is the place in the schedule and is used up only by the
//! receiver's own outcome. Our own faults and stops use none, an interruption by a crash none for the first
//! [`crate::limits::INTERRUPTED_FREE`] times.
//!
//! Promise: [`settle`] always says what comes next; a delivery never simply stops.
mod settle;

use crate::change::{Change, Parking};
use crate::event::Event;
use crate::health::PROBE_WAIT_MAX;
use crate::ids::{DeliveryId, EndpointId, EventId, GenerationId, OrgId};
use crate::limits::PAUSE_MAX;
use crate::parking::{Lane, ParkReason};
use crate::rule;
use crate::schedule::Schedule;
use crate::target::Destination;
use crate::terms::Terms;
use crate::time::Timestamp;

pub use settle::{NextReason, Verdict, settle, settle_probe, verdict};

/// A schedule that ends before is not held back by a circuit.
pub const PARKABLE_FROM_MS: i64 = 10 * 60 * 1000;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// To be attempted at that time, or being attempted now.
    Due(Timestamp),
    /// Due at that time, and held back: it goes when nothing holds it back any more, and not before.
    Parked(Timestamp, ParkReason),
    /// The receiver said 2xx.
    Delivered(Timestamp),
    /// Out of attempts: the dead letter.
    Exhausted(Timestamp, ExhaustedReason),
}

/// Why a delivery ended without a 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExhaustedReason {
    /// The last step failed.
    ScheduleEnded,
    /// The receiver said 410.
    Gone,
    /// Our own faults did not end.
    OwnFault,
    /// It waited for a destination or an endpoint that did not come back before the schedule's last point.
    DestinationDown,
    /// Its endpoint was disabled or deleted.
    EndpointDisabled,
}

impl ExhaustedReason {
    /// As shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScheduleEnded => "schedule_ended",
            Self::Gone => "gone",
            Self::OwnFault => "own_fault",
            Self::DestinationDown => "destination_down",
            Self::EndpointDisabled => "endpoint_disabled",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::ScheduleEnded, Self::Gone, Self::OwnFault, Self::DestinationDown, Self::EndpointDisabled]
            .into_iter()
            .find(|r| r.as_str() == text)
    }
}

/// What made a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its event happened.
    Event,
    /// Somebody wanted it delivered again.
    Replay,
    /// Somebody tries an endpoint.
    Test,
    /// A listener has taken it: it was made with its answer, and no schedule ever moved it.
    Listener,
}

impl Origin {
    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Replay => "replay",
            Self::Test => "test",
            Self::Listener => "listener",
        }
    }

    /// The origin of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Event, Self::Replay, Self::Test, Self::Listener].into_iter().find(|origin| origin.as_str() == text)
    }
}

/// One event for one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its name, rising with time.
    pub id: DeliveryId,
    /// What is delivered.
    pub event: EventId,
    /// Whose it is.
    pub org: OrgId,
    /// The generation that the event is about, if it is about one.
    pub generation: Option<GenerationId>,
    /// What made it.
    pub origin: Origin,
    /// Whom it is for.
    pub endpoint: EndpointId,
    /// Where to, in full. Logs show it without the query.
    pub url: String,
    /// Which of the 256 owners its destination belongs to.
    pub shard: u8,
    /// What was asked of it in place of the server's settings.
    pub terms: Terms,
    /// When the event happened, or was replayed: the schedule counts from here.
    pub created_at: Timestamp,
    /// Starts so far.
    pub attempts: u32,
    /// Steps used so far.
    pub step: u32,
    /// Interruptions so far.
    pub interrupted: u32,
    /// Where it stands.
    pub state: State,
}

impl Delivery {
    /// The delivery of `event` to `url`, due at once.
    #[must_use]
    pub fn new(id: DeliveryId, event: &Event, endpoint: EndpointId, url: String, shard: u8) -> Self {
        Self {
            id,
            event: event.id,
            org: event.org.clone(),
            generation: event.generation,
            origin: Origin::Event,
            endpoint,
            url,
            shard,
            terms: Terms::default(),
            created_at: event.created_at,
            attempts: 0,
            step: 0,
            interrupted: 0,
            state: State::Due(event.created_at),
        }
    }

    /// Puts the start of the next attempt on record. Fenced: stale where another start came first.
    #[must_use]
    pub fn start(&mut self, now: Timestamp) -> Change {
        self.attempts += 1;
        Change::StartAttempt { delivery: self.id, attempt: self.attempts, step: self.step, started_at: now }
    }

    /// Puts the start of a probe on record: the delivery is parked until then. Fenced as [`Delivery::start`] is.
    #[must_use]
    pub fn start_probe(&mut self, now: Timestamp) -> Change {
        self.attempts += 1;
        if let State::Parked(at, _) = self.state {
            self.state = State::Due(at);
        }
        Change::StartProbe { delivery: self.id, attempt: self.attempts, step: self.step, started_at: now }
    }

    /// Holds it back. Where its receiver stays down it ends some time after its schedule, and after now: its last point may
    /// have been moved back by jitter or by the receiver's word, and a probe must have had its turn.
    #[must_use]
    pub fn park(&self, lane: Lane, reason: ParkReason, servers: &Schedule, now: Timestamp) -> Change {
        Change::Park(Box::new(self.parking(lane, reason, servers, now)))
    }

    /// Lets it go again, as it was read.
    #[must_use]
    pub fn unpark(&self) -> Change {
        Change::Unpark { id: self.id, attempts: self.attempts }
    }

    fn parking(&self, lane: Lane, reason: ParkReason, servers: &Schedule, now: Timestamp) -> Parking {
        let last = self.created_at.plus_ms(self.terms.schedule_or(servers).last_ms());
        let due_at = match self.state {
            State::Due(at) | State::Parked(at, _) => at,
            State::Delivered(_) | State::Exhausted(..) => now,
        };
        let grace = if reason == ParkReason::Paused { PAUSE_MAX } else { PROBE_WAIT_MAX * 2 };
        let expires_at = last.max(due_at).max(now).plus(grace);
        let destination = Destination::of(&self.url).map(|to| to.to_string()).unwrap_or_default();
        Parking { id: self.id, attempts: self.attempts, lane, reason, expires_at, probe_at: due_at, destination }
    }

    /// Whether it can wait for a receiver that is down: schedules that end soon are for those who would rather know.
    /// `servers` is the schedule where it has none of its own.
    #[must_use]
    pub fn is_parkable(&self, servers: &Schedule) -> bool {
        let is_long = self.terms.schedule_or(servers).last_ms() >= PARKABLE_FROM_MS;
        is_long || !rule::holds("a_short_schedule_is_not_held_back")
    }
}

#[cfg(test)]
mod tests;
