//! The life of a delivery: due -> (open attempt) -> delivered | due again | exhausted. Delivered and exhausted are final.
//!
//! Two numbers: `attempts` rises by one at every start; `step` is the place in the schedule and is used up only by the
//! receiver's own outcome. Our own faults and stops use none, an interruption by a crash none for the first
//! [`limits::INTERRUPTED_FREE`] times.
//!
//! Promise: [`settle`] always says what comes next; a delivery never simply stops.
use crate::attempt::{AttemptEnd, Word};
use crate::change::Parking;
use crate::change::{Change, Settlement};
use crate::event::Event;
use crate::health::PROBE_WAIT_MAX;
use crate::ids::{DeliveryId, EndpointId, EventId, GenerationId, OrgId};
use crate::limits;
use crate::outcome::{Outcome, RetryAfter, SendReport};
use crate::parking::{Lane, ParkReason};
use crate::rule;
use crate::schedule::Schedule;
use crate::time::Timestamp;

/// A schedule that ends before is not held back by a circuit.
const PARKABLE_FROM_MS: i64 = 10 * 60 * 1000;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// To be attempted at that time, or being attempted now.
    Due(Timestamp),
    /// Due at that time, and held back since then or later.
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
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::ScheduleEnded, Self::Gone, Self::OwnFault, Self::DestinationDown]
            .into_iter()
            .find(|r| r.as_str() == text)
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
    /// The generation that the event is about.
    pub generation: GenerationId,
    /// Whom it is for.
    pub endpoint: EndpointId,
    /// Where to, in full. Logs show it without the query.
    pub url: String,
    /// Which of the 256 owners its destination belongs to.
    pub shard: u8,
    /// When the event happened: the schedule counts from here.
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
            endpoint,
            url,
            shard,
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
}

impl Delivery {
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
    pub fn park(&self, lane: Lane, reason: ParkReason, schedule: &Schedule, now: Timestamp) -> Change {
        let last = self.created_at.plus_ms(last_point_ms(schedule));
        let due_at = match self.state {
            State::Due(at) | State::Parked(at, _) => at,
            State::Delivered(_) | State::Exhausted(..) => now,
        };
        let expires_at = last.max(due_at).max(now).plus(PROBE_WAIT_MAX * 2);
        Change::Park(Box::new(Parking { id: self.id, lane, reason, expires_at }))
    }
}

/// Whether a delivery can wait for a receiver that is down: schedules that end soon are for those who would rather know.
#[must_use]
pub fn is_parkable(schedule: &Schedule) -> bool {
    last_point_ms(schedule) >= PARKABLE_FROM_MS
}

fn last_point_ms(schedule: &Schedule) -> i64 {
    schedule.steps().checked_sub(1).and_then(|last| schedule.point_ms(last)).unwrap_or(0)
}

/// Judges the open attempt of a probe: as [`settle`] does, but a failure uses no step and says nothing of this delivery.
/// It is due again at its next point, so that each delivery is a probe at most once between two of them; where none is left
/// it has waited too long.
#[must_use]
pub fn settle_probe(
    delivery: &Delivery,
    report: &SendReport,
    schedule: &Schedule,
    now: Timestamp,
    jitter: f64,
) -> Change {
    let change = settle(delivery, report, schedule, now, jitter);
    let (Change::SettleAttempt(mut settlement), Word::Failed) = (change.clone(), report.outcome.word()) else {
        return change;
    };
    if !rule::holds("probes_use_no_step") || matches!(report.outcome, Outcome::Refused { status: 410, .. }) {
        return change;
    }
    settlement.step = delivery.step;
    // A point that this probe may have been for, early by its jitter, is used up even though the step is not.
    let used = |s: u32| {
        let point = schedule.point_ms(s).map(|point_ms| delivery.created_at.plus_ms(point_ms));
        point.is_none_or(|at| at.plus_ms(-jitter_ms(schedule.gap_ms(s), 1.0)) <= now)
    };
    let first = (delivery.step + 1..schedule.steps()).find(|s| !used(*s)).unwrap_or(schedule.steps());
    settlement.state = match next_point(schedule, delivery.created_at, first, now, jitter) {
        Some((_, at)) => State::Due(at.max(earliest(report.outcome, now))),
        None => State::Exhausted(now, ExhaustedReason::DestinationDown),
    };
    Change::SettleAttempt(settlement)
}

/// Judges the open attempt of `delivery`: final, or due again. `jitter` is in -1.0..=1.0.
#[must_use]
pub fn settle(delivery: &Delivery, report: &SendReport, schedule: &Schedule, now: Timestamp, jitter: f64) -> Change {
    let outcome = report.outcome;
    let attempt = delivery.attempts;
    let end = AttemptEnd {
        at: now,
        outcome: outcome.word(),
        http_status: outcome.status(),
        error: outcome.error(),
        message: report.message.clone(),
        address: report.address,
        phases: report.phases,
        tls: report.tls.clone(),
    };
    let interrupted = delivery.interrupted + u32::from(outcome == Outcome::Interrupted);
    let (step, state) = if uses_step(outcome, interrupted) {
        after_failure(delivery, outcome, schedule, now, jitter)
    } else {
        (delivery.step, without_step(delivery, outcome, schedule, now))
    };
    let delivery = delivery.id;
    Change::SettleAttempt(Box::new(Settlement { delivery, attempt, end, step, interrupted, state }))
}

fn uses_step(outcome: Outcome, interrupted: u32) -> bool {
    match outcome.word() {
        Word::Delivered => !rule::holds("a_2xx_is_believed"),
        Word::OwnFault => !rule::holds("own_faults_use_no_step"),
        // A stop is asked for by somebody; what keeps crashing us is perhaps this very delivery, and must end one day.
        Word::Interrupted if outcome != Outcome::Interrupted => !rule::holds("stops_use_no_step"),
        Word::Interrupted => interrupted > limits::INTERRUPTED_FREE || !rule::holds("interruptions_are_free_at_first"),
        Word::Failed => true,
    }
}

/// What follows where the schedule does not move on.
fn without_step(delivery: &Delivery, outcome: Outcome, schedule: &Schedule, now: Timestamp) -> State {
    match outcome.word() {
        Word::Delivered => State::Delivered(now),
        Word::OwnFault => after_own_fault(delivery, schedule, now),
        // It may have been received, so waiting gains the receiver nothing: again at once, under the next number.
        Word::Interrupted | Word::Failed => State::Due(now),
    }
}

/// Again after a wait that grows, because what we could not mend within a minute we shall not have mended a second later.
fn after_own_fault(d: &Delivery, schedule: &Schedule, now: Timestamp) -> State {
    // What is neither a step nor an interruption. Skipped steps make it less, stops more: enough to grow a wait by.
    let times = d.attempts.saturating_sub(d.step.saturating_add(d.interrupted)).max(1);
    let ends_at = d.created_at.plus_ms(schedule.last_ms()).plus_ms(limits::OWN_FAULT_MS_MAX);
    if now > ends_at && times >= limits::OWN_FAULTS_MIN {
        return State::Exhausted(now, ExhaustedReason::OwnFault);
    }
    let wait_ms = limits::OWN_FAULT_WAIT_MS.saturating_mul(1 << (times - 1).min(32));
    State::Due(now.plus_ms(wait_ms.min(limits::OWN_FAULT_WAIT_MS_MAX)))
}

fn after_failure(d: &Delivery, outcome: Outcome, schedule: &Schedule, now: Timestamp, jitter: f64) -> (u32, State) {
    if matches!(outcome, Outcome::Refused { status: 410, .. }) && rule::holds("gone_ends_it") {
        return (d.step + 1, State::Exhausted(now, ExhaustedReason::Gone));
    }
    match due_after(schedule, d.created_at, d.step + 1, now, jitter) {
        None => (d.step + 1, State::Exhausted(now, ExhaustedReason::ScheduleEnded)),
        Some(_) if !rule::holds("failures_are_tried_again") => {
            (d.step + 1, State::Exhausted(now, ExhaustedReason::ScheduleEnded))
        }
        Some((step, at)) => (step, State::Due(at.max(earliest(outcome, now)))),
    }
}

/// The first point from `step` on that is not yet past. Where steps are left and all their points are past (a slow answer,
/// a wait in the queue), one last attempt follows at once. `None` where no step is left.
fn due_after(schedule: &Schedule, born: Timestamp, step: u32, now: Timestamp, jitter: f64) -> Option<(u32, Timestamp)> {
    let last = schedule.steps().checked_sub(1)?;
    if step > last {
        return None;
    }
    Some(next_point(schedule, born, step, now, jitter).unwrap_or((last, now)))
}

/// The first point from `step` on that is not yet past.
fn next_point(
    schedule: &Schedule,
    born: Timestamp,
    step: u32,
    now: Timestamp,
    jitter: f64,
) -> Option<(u32, Timestamp)> {
    (step..schedule.steps()).find_map(|s| {
        let at = born.plus_ms(schedule.point_ms(s)?);
        (at > now).then(|| (s, at.plus_ms(jitter_ms(schedule.gap_ms(s), jitter)).max(now)))
    })
}

/// A tenth of the gap at most, so that an outage's deliveries do not come back as one wave.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a tenth of at most 30 days in ms is exact in f64"
)]
fn jitter_ms(gap_ms: i64, jitter: f64) -> i64 {
    let share = if rule::holds("jitter_is_a_tenth") { 0.1 } else { 0.5 };
    (gap_ms as f64 * share * jitter.clamp(-1.0, 1.0)) as i64
}

fn earliest(outcome: Outcome, now: Timestamp) -> Timestamp {
    match outcome {
        _ if !rule::holds("retry_after_is_honoured") => now,
        Outcome::Refused { retry_after: Some(RetryAfter::Ms(ms)), .. } => {
            now.plus_ms(ms.clamp(0, limits::RETRY_AFTER_MS_MAX))
        }
        Outcome::Refused { retry_after: Some(RetryAfter::At(at)), .. } => {
            at.min(now.plus_ms(limits::RETRY_AFTER_MS_MAX))
        }
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::IdSequence;
    use crate::outcome::SendError;
    use proptest::prelude::*;

    fn delivery() -> Delivery {
        let mut ids = IdSequence::after(0);
        Delivery {
            id: DeliveryId(ids.next(Timestamp(0))),
            event: EventId(ids.next(Timestamp(0))),
            org: OrgId::new("default"),
            generation: GenerationId(uuid::Uuid::nil()),
            endpoint: EndpointId::new("e"),
            url: "https://app.example.com/webhook".into(),
            shard: 0,
            created_at: Timestamp(1_000_000),
            attempts: 1,
            step: 0,
            interrupted: 0,
            state: State::Due(Timestamp(1_000_000)),
        }
    }

    fn settled(d: &Delivery, outcome: Outcome, schedule: &str, at_ms: i64, jitter: f64) -> Settlement {
        let schedule = Schedule::parse(schedule).unwrap();
        match settle(d, &SendReport::bare(outcome, ""), &schedule, d.created_at.plus_ms(at_ms), jitter) {
            Change::SettleAttempt(s) => *s,
            other => panic!("{other:?}"),
        }
    }

    fn refused(status: u16, retry_after: Option<RetryAfter>) -> Outcome {
        Outcome::Refused { status, retry_after }
    }

    /// Age in ms of the next due time, or the final word.
    fn next(s: &Settlement) -> Result<i64, &'static str> {
        match s.state {
            State::Due(at) => Ok(at.0 - 1_000_000),
            State::Delivered(_) => Err("delivered"),
            State::Exhausted(_, reason) => Err(reason.as_str()),
            State::Parked(..) => Err("parked"),
        }
    }

    #[test]
    fn a_probe_that_fails_uses_no_step_and_comes_back_at_the_next_point() {
        let schedule = Schedule::parse("0s,5s,60s,1h").unwrap();
        let probed = |step: u32, outcome: Outcome, at_ms: i64| {
            let d = Delivery { step, ..delivery() };
            match settle_probe(&d, &SendReport::bare(outcome, ""), &schedule, d.created_at.plus_ms(at_ms), 0.0) {
                Change::SettleAttempt(s) => (s.step, next(&s)),
                other => panic!("{other:?}"),
            }
        };
        let refused_connection = Outcome::Failed(SendError::ConnectRefused);
        assert_eq!(probed(0, refused_connection, 10), (0, Ok(5_000)));
        assert_eq!(probed(1, refused_connection, 60_001), (1, Ok(3_600_000)));
        assert_eq!(probed(1, refused(503, Some(RetryAfter::Ms(7_200_000))), 60_001), (1, Ok(7_260_001)));
        assert_eq!(probed(1, refused_connection, 3_600_001), (1, Err("destination_down")));
        assert_eq!(probed(1, Outcome::Delivered { status: 200 }, 10), (1, Err("delivered")));
        assert_eq!(probed(1, refused(410, None), 10), (2, Err("gone")));
        assert_eq!(probed(1, Outcome::Failed(SendError::ResolverDown), 10).0, 1);
    }

    #[test]
    fn only_long_schedules_wait() {
        for (schedule, want) in [("0s", false), ("0s,599s", false), ("0s,600s", true)] {
            assert_eq!(is_parkable(&Schedule::parse(schedule).unwrap()), want);
        }
        assert!(is_parkable(&Schedule::default()));
    }

    #[test]
    fn what_follows_what() {
        let s = "0s,5s,60s";
        let hour = Some(RetryAfter::Ms(3_600_000));
        type Case = (Outcome, u32, i64, Result<i64, &'static str>, u32);
        let cases: [Case; 14] = [
            (Outcome::Delivered { status: 204 }, 0, 10, Err("delivered"), 0),
            (refused(500, None), 0, 10, Ok(5_000), 1),
            (refused(301, None), 0, 10, Ok(5_000), 1),
            (refused(404, None), 1, 5_010, Ok(60_000), 2),
            (refused(500, None), 2, 60_010, Err("schedule_ended"), 3),
            (refused(500, hour), 2, 60_010, Err("schedule_ended"), 3),
            (refused(503, hour), 0, 10, Ok(3_600_010), 1),
            (refused(503, Some(RetryAfter::Ms(i64::MAX))), 0, 0, Ok(86_400_000), 1),
            (refused(429, Some(RetryAfter::At(Timestamp(1_000_000 + 7_000)))), 0, 10, Ok(7_000), 1),
            (refused(429, Some(RetryAfter::Ms(-5))), 0, 10, Ok(5_000), 1),
            (refused(410, None), 0, 10, Err("gone"), 1),
            (Outcome::Failed(SendError::ConnectRefused), 0, 6_000, Ok(60_000), 2),
            (Outcome::Failed(SendError::ResolverDown), 0, 10, Ok(5_010), 0),
            (Outcome::Failed(SendError::ResponseTimeout), 0, 200_000, Ok(200_000), 2),
        ];
        for (outcome, step, at, want, want_step) in cases {
            let d = Delivery { step, ..delivery() };
            let got = settled(&d, outcome, s, at, 0.0);
            assert_eq!((next(&got), got.step), (want, want_step), "{outcome:?} at step {step}");
        }
    }

    #[test]
    fn interruptions_are_free_three_times() {
        for (before, want_step) in [(0, 0), (1, 0), (2, 0), (3, 1), (9, 1)] {
            let d = Delivery { interrupted: before, ..delivery() };
            let got = settled(&d, Outcome::Interrupted, "0s,5s", 10, 0.0);
            assert_eq!((got.step, got.interrupted), (want_step, before + 1));
        }
        let last = Delivery { interrupted: 3, step: 1, ..delivery() };
        assert_eq!(next(&settled(&last, Outcome::Interrupted, "0s,5s", 10, 0.0)), Err("schedule_ended"));
    }

    #[test]
    fn stops_are_free_always() {
        for before in [0, 3, 9] {
            let d = Delivery { interrupted: before, attempts: 40, ..delivery() };
            let got = settled(&d, Outcome::Failed(SendError::ShuttingDown), "0s", 10, 0.0);
            assert_eq!((got.step, got.interrupted, next(&got)), (0, before, Ok(10)));
            assert_eq!(got.end.outcome, Word::Interrupted, "it may have been received");
        }
    }

    #[test]
    fn our_own_faults_wait_longer_each_time_and_end_one_day() {
        let down = Outcome::Failed(SendError::ResolverDown);
        let mut d = delivery();
        let mut age_ms = 0;
        let mut waits_ms = Vec::new();
        let end = loop {
            let got = settled(&d, down, "0s,1h", age_ms, 0.0);
            assert_eq!((got.step, got.end.outcome), (0, Word::OwnFault));
            match next(&got) {
                Ok(at_ms) => waits_ms.push(at_ms - age_ms),
                Err(end) => break end,
            }
            (d.attempts, age_ms) = (d.attempts + 1, age_ms + waits_ms[waits_ms.len() - 1]);
        };
        assert_eq!(waits_ms[..8], [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
        assert_eq!(end, "own_fault");
        let bound_ms = 3_600_000 + limits::OWN_FAULT_MS_MAX;
        assert!((bound_ms..=bound_ms + 300_000).contains(&(age_ms - 1)), "it ended after {age_ms} ms");
    }

    #[test]
    fn a_server_that_was_off_for_weeks_still_sends_when_it_is_back() {
        let weeks_ms = 30 * 86_400_000;
        let down = Outcome::Failed(SendError::ResolverDown);
        assert_eq!(next(&settled(&delivery(), down, "0s,5s", weeks_ms, 0.0)), Ok(weeks_ms + 5_000));
        let often = Delivery { attempts: limits::OWN_FAULTS_MIN, ..delivery() };
        assert_eq!(next(&settled(&often, down, "0s,5s", weeks_ms, 0.0)), Err("own_fault"));
        // What the receiver says counts whenever it says it.
        assert_eq!(
            next(&settled(&often, Outcome::Delivered { status: 200 }, "0s,5s", weeks_ms, 0.0)),
            Err("delivered")
        );
    }

    #[test]
    fn one_attempt_only_where_the_schedule_says_so() {
        assert_eq!(next(&settled(&delivery(), refused(500, None), "0s", 10, 0.0)), Err("schedule_ended"));
    }

    #[test]
    fn jitter_is_a_tenth_of_the_gap() {
        for (jitter, want) in [(-1.0, 4_500), (0.0, 5_000), (1.0, 5_500), (99.0, 5_500)] {
            assert_eq!(next(&settled(&delivery(), refused(500, None), "0s,5s", 10, jitter)), Ok(want));
        }
    }

    proptest! {
        /// Whatever comes back, a delivery ends: each failure of the receiver's moves the step on, and the step is bounded.
        #[test]
        fn every_delivery_ends(statuses in proptest::collection::vec(300u16..600, 60), jitter in -1.0f64..=1.0) {
            let schedule = Schedule::default();
            let mut d = delivery();
            let mut now = d.created_at;
            let mut ended = false;
            for status in statuses {
                let Change::SettleAttempt(s) = settle(&d, &SendReport::bare(refused(status, None), ""), &schedule, now, jitter) else { unreachable!() };
                d.step = s.step;
                d.attempts += 1;
                match s.state {
                    State::Due(at) => { prop_assert!(at >= now); now = at; }
                    _ => { ended = true; break; }
                }
            }
            prop_assert!(ended && d.attempts <= schedule.steps() + 1);
        }
    }
}
