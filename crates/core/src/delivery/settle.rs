//! What follows an attempt: the whole matrix of outcome, age and place in the schedule, as one pure function, [`verdict`].
//!
//! | outcome | uses a step | next |
//! |---|---|---|
//! | 2xx | no | delivered |
//! | 410 | yes | exhausted: the receiver says that it is gone |
//! | any other status, or the receiver's own error | yes | the first point that is not yet past, not before `Retry-After`; one last attempt where all are past; exhausted after the last step, whatever was answered |
//! | interrupted by a crash | from the fourth time on | at once: it may have been received |
//! | cut by a stop | no | at once |
//! | our own fault | no | after a wait that grows; exhausted a week after the schedule's end |
use crate::attempt::{AttemptEnd, Word};
use crate::change::{Change, Parking, Settlement};
use crate::delivery::{Delivery, ExhaustedReason, State};
use crate::health::PROBE_WAIT_MAX;
use crate::limits;
use crate::outcome::{Outcome, RetryAfter, SendReport};
use crate::parking::{Lane, ParkReason};
use crate::rule;
use crate::schedule::Schedule;
use crate::time::Timestamp;

/// Why the next attempt is when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextReason {
    /// The schedule's next point.
    Schedule,
    /// The receiver asked for it.
    RetryAfter,
    /// The schedule's points have all passed meanwhile: one last attempt.
    LastChance,
    /// It may have been received, or not: again at once.
    Interrupted,
    /// Our own fault: after a wait that grows, and without using a step.
    OwnFault,
    /// It was a probe: it comes back at its next point, and has used no step.
    Probe,
}

impl NextReason {
    const ALL: [Self; 6] =
        [Self::Schedule, Self::RetryAfter, Self::LastChance, Self::Interrupted, Self::OwnFault, Self::Probe];

    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::RetryAfter => "retry_after",
            Self::LastChance => "last_chance",
            Self::Interrupted => "interrupted",
            Self::OwnFault => "own_fault",
            Self::Probe => "probe",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// What an outcome means for a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Steps used after it.
    pub step: u32,
    /// Interruptions after it.
    pub interrupted: u32,
    /// Where the delivery stands after it.
    pub state: State,
    /// Why it is due then; `None` where it has ended.
    pub next: Option<NextReason>,
}

/// Judges the open attempt of `delivery`: final, or due again. `servers` is the schedule where the delivery has none of its
/// own, `jitter` is in -1.0..=1.0.
#[must_use]
pub fn settle(delivery: &Delivery, report: &SendReport, servers: &Schedule, now: Timestamp, jitter: f64) -> Change {
    settlement(delivery, report, verdict(delivery, report.outcome, servers, now, jitter), now)
}

/// Judges the open attempt of a probe: as [`settle`] does, but a failure uses no step and says nothing of this delivery.
///
/// `still_down`: the lane that it was the probe of. It waits there with the others, as due as it was, and is a probe again
/// after its next point, so that each delivery is one at most once between two of them. Without it (its lane is up again,
/// and it failed all the same) it is due at its next point. Where no point is left it has waited too long.
#[must_use]
pub fn settle_probe(
    delivery: &Delivery,
    report: &SendReport,
    servers: &Schedule,
    now: Timestamp,
    jitter: f64,
    still_down: Option<Lane>,
) -> Vec<Change> {
    let usual = verdict(delivery, report.outcome, servers, now, jitter);
    let judged = match report.outcome.word() {
        Word::Failed if !is_gone(report.outcome) && rule::holds("probes_use_no_step") => {
            after_probe(delivery, report.outcome, servers, now, jitter, usual)
        }
        _ => usual,
    };
    match (judged, delivery.state, still_down) {
        (
            Verdict { state: State::Due(next), next: Some(NextReason::Probe), .. },
            State::Due(was_due_at),
            Some(lane),
        ) => {
            let due_at = asked_for(report.outcome, now).map_or(was_due_at, |at| at.max(was_due_at));
            let back = Delivery { state: State::Due(due_at), ..delivery.clone() };
            let probe_at = if rule::holds("a_probe_waits_for_its_next_point") { next } else { now };
            let parking = back.parking(lane, ParkReason::Down, servers, now);
            // Jitter may have moved its last point back behind its schedule: it must not end before its turn.
            let expires_at = parking.expires_at.max(probe_at.plus(PROBE_WAIT_MAX * 2));
            let parking = Parking { probe_at, expires_at, ..parking };
            let judged = Verdict { state: back.state, ..judged };
            vec![settlement(delivery, report, judged, now), Change::Park(Box::new(parking))]
        }
        _ => vec![settlement(delivery, report, judged, now)],
    }
}

fn settlement(delivery: &Delivery, report: &SendReport, verdict: Verdict, now: Timestamp) -> Change {
    let end = AttemptEnd {
        at: now,
        outcome: report.outcome.word(),
        http_status: report.outcome.status(),
        error: report.outcome.error(),
        message: report.message.clone(),
        address: report.address,
        phases: report.phases,
        tls: report.tls.clone(),
        next: verdict.next,
        sent: report.sent.clone(),
        answer: report.answer.clone(),
    };
    Change::SettleAttempt(Box::new(Settlement {
        delivery: delivery.id,
        attempt: delivery.attempts,
        end,
        step: verdict.step,
        interrupted: verdict.interrupted,
        state: verdict.state,
    }))
}

/// What `outcome` means for `delivery`.
#[must_use]
pub fn verdict(delivery: &Delivery, outcome: Outcome, servers: &Schedule, now: Timestamp, jitter: f64) -> Verdict {
    let schedule = delivery.terms.schedule_or(servers);
    let interrupted = delivery.interrupted.saturating_add(u32::from(outcome == Outcome::Interrupted));
    let (step, state, next) = if uses_step(outcome, interrupted) {
        after_failure(delivery, outcome, schedule, now, jitter)
    } else {
        let (state, next) = without_step(delivery, outcome, schedule, now);
        (delivery.step, state, next)
    };
    Verdict { step, interrupted, state, next: next.filter(|_| matches!(state, State::Due(_))) }
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
fn without_step(
    delivery: &Delivery,
    outcome: Outcome,
    schedule: &Schedule,
    now: Timestamp,
) -> (State, Option<NextReason>) {
    match outcome.word() {
        Word::Delivered => (State::Delivered(now), None),
        Word::OwnFault => (after_own_fault(delivery, schedule, now), Some(NextReason::OwnFault)),
        // It may have been received, so waiting gains the receiver nothing: again at once, under the next number.
        Word::Interrupted | Word::Failed => (State::Due(now), Some(NextReason::Interrupted)),
    }
}

/// Again after a wait that grows, because what we could not mend within a minute we shall not have mended a second later.
fn after_own_fault(d: &Delivery, schedule: &Schedule, now: Timestamp) -> State {
    // What is neither a step nor an interruption. Skipped steps make it less, stops and probes more: enough to grow a wait by.
    let times = d.attempts.saturating_sub(d.step.saturating_add(d.interrupted)).max(1);
    let ends_at = d.created_at.plus_ms(schedule.last_ms()).plus_ms(limits::OWN_FAULT_MS_MAX);
    if now > ends_at && times >= limits::OWN_FAULTS_MIN {
        return State::Exhausted(now, ExhaustedReason::OwnFault);
    }
    let wait_ms = limits::OWN_FAULT_WAIT_MS.saturating_mul(1 << (times - 1).min(32));
    State::Due(now.plus_ms(wait_ms.min(limits::OWN_FAULT_WAIT_MS_MAX)))
}

fn is_gone(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Refused { status: 410, .. }) && rule::holds("gone_ends_it")
}

fn after_failure(
    d: &Delivery,
    outcome: Outcome,
    schedule: &Schedule,
    now: Timestamp,
    jitter: f64,
) -> (u32, State, Option<NextReason>) {
    if is_gone(outcome) {
        return (d.step + 1, State::Exhausted(now, ExhaustedReason::Gone), None);
    }
    let following = due_after(schedule, d.created_at, d.step + 1, now, jitter);
    let Some((step, at, reason)) = following.filter(|_| rule::holds("failures_are_tried_again")) else {
        return (d.step + 1, State::Exhausted(now, ExhaustedReason::ScheduleEnded), None);
    };
    let asked_for = earliest(outcome, now);
    if asked_for > at {
        (step, State::Due(asked_for), Some(NextReason::RetryAfter))
    } else {
        (step, State::Due(at), Some(reason))
    }
}

fn after_probe(
    delivery: &Delivery,
    outcome: Outcome,
    servers: &Schedule,
    now: Timestamp,
    jitter: f64,
    usual: Verdict,
) -> Verdict {
    let schedule = delivery.terms.schedule_or(servers);
    // A point that this probe may have been for, early by its jitter, is used up even though the step is not.
    let used = |s: u32| {
        let point = schedule.point_ms(s).map(|point_ms| delivery.created_at.plus_ms(point_ms));
        point.is_none_or(|at| at.plus_ms(-jitter_ms(schedule.gap_ms(s), 1.0)) <= now)
    };
    let first = (delivery.step + 1..schedule.steps()).find(|s| !used(*s)).unwrap_or(schedule.steps());
    let (state, next) = match next_point(schedule, delivery.created_at, first, now, jitter) {
        Some((_, at)) => (State::Due(at.max(earliest(outcome, now))), Some(NextReason::Probe)),
        None => (State::Exhausted(now, ExhaustedReason::DestinationDown), None),
    };
    Verdict { step: delivery.step, state, next, ..usual }
}

/// The first point from `step` on that is not yet past. Where steps are left and all their points are past (a slow answer,
/// a wait in the queue), one last attempt follows at once. `None` where no step is left.
fn due_after(
    schedule: &Schedule,
    born: Timestamp,
    step: u32,
    now: Timestamp,
    jitter: f64,
) -> Option<(u32, Timestamp, NextReason)> {
    let last = schedule.steps().checked_sub(1)?;
    if step > last {
        return None;
    }
    Some(match next_point(schedule, born, step, now, jitter) {
        Some((step, at)) => (step, at, NextReason::Schedule),
        None => (last, now, NextReason::LastChance),
    })
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
    asked_for(outcome, now).unwrap_or(now)
}

/// When the receiver wants to be asked again, where it said so.
fn asked_for(outcome: Outcome, now: Timestamp) -> Option<Timestamp> {
    match outcome {
        _ if !rule::holds("retry_after_is_honoured") => None,
        Outcome::Refused { retry_after: Some(RetryAfter::Ms(ms)), .. } => {
            Some(now.plus_ms(ms.clamp(0, limits::RETRY_AFTER_MS_MAX)))
        }
        Outcome::Refused { retry_after: Some(RetryAfter::At(at)), .. } => {
            Some(at.min(now.plus_ms(limits::RETRY_AFTER_MS_MAX)))
        }
        _ => None,
    }
}
