//! The delivery rules of DESIGN section 7, written down a second time and held against every settlement on disk.
use std::collections::BTreeMap;
use std::sync::Arc;

use postsync_core::attempt::Word;
use postsync_core::change::{Change, Settlement};
use postsync_core::delivery::State;
use postsync_core::ids::DeliveryId;
use postsync_core::outcome::{Outcome, RetryAfter, SendError};
use postsync_core::parking::ParkReason;
use postsync_core::schedule::Schedule;

use super::{Checker, Rules, ensure};
use crate::facts::{Fact, Moment};

/// Interruptions that cost no step.
const FREE: u32 = 3;

/// How long our own fault holds a delivery back at first, and at most. Between them each wait is twice the one before.
const OWN_FAULT_WAIT_MS: i64 = 5_000;
const OWN_FAULT_WAIT_MS_MAX: i64 = 300_000;

/// A schedule that ends before is not held back by a circuit.
const PARKABLE_FROM_MS: i64 = 600_000;

/// `Retry-After` counts up to a day.
const RETRY_AFTER_MS_MAX: i64 = 86_400_000;

/// No attempt before its due time; due times and steps follow from what the receiver answered, and from nothing else.
pub(super) struct ScheduleRespected {
    /// Where a delivery has no schedule of its own.
    points_ms: Arc<[i64]>,
    of: BTreeMap<DeliveryId, Place>,
    /// By how much the wall clock was set back in this life: a row that was read as due before may be started after it.
    stepped_back_ms: i64,
}

#[derive(Default)]
struct Place {
    points_ms: Arc<[i64]>,
    born_ms: i64,
    due_ms: i64,
    step: u32,
    interrupted: u32,
    own_faults: u32,
    started_in_life: u32,
    /// Held back, and since when it may end for that.
    parked_until_ms: Option<i64>,
    is_probe: bool,
    /// A probe failed and its level is still down: it waits there again, and is none before that.
    probe_from_ms: i64,
    /// And nothing else may become of it first.
    must_be_parked: bool,
    heard: Option<(u32, Outcome, u32)>,
    /// The last attempt of which a POST was seen.
    posted: u32,
}

/// What may stand in a settlement.
#[derive(Debug, PartialEq)]
enum Wanted {
    Delivered,
    Exhausted,
    Due { step: u32, from_ms: i64, to_ms: i64 },
}

impl ScheduleRespected {
    pub(super) fn new(rules: &Rules) -> Self {
        Self { points_ms: points_of(&rules.schedule), of: BTreeMap::new(), stepped_back_ms: 0 }
    }

    fn started(
        &mut self,
        at: Moment,
        id: DeliveryId,
        step: u32,
        started_ms: i64,
        is_probe: bool,
    ) -> Result<(), String> {
        let Some(place) = self.of.get_mut(&id) else { return Err(format!("{id} was started and never made")) };
        place.started_in_life = at.life;
        let was_parked = place.parked_until_ms.take().is_some();
        ensure(was_parked == is_probe, || format!("{id} was started as a probe: {is_probe}; parked: {was_parked}"))?;
        place.is_probe = is_probe;
        ensure(!place.must_be_parked, || format!("{id} was a probe that failed, and goes before its next point"))?;
        ensure(!is_probe || started_ms + self.stepped_back_ms >= place.probe_from_ms, || {
            format!("{id} is a probe again {} ms before its next point", place.probe_from_ms - started_ms)
        })?;
        ensure(step == place.step, || format!("{id} was started at step {step}, and stands at {}", place.step))?;
        ensure(started_ms + self.stepped_back_ms >= place.due_ms, || {
            format!("{id} was started {} ms before it was due", place.due_ms - started_ms)
        })
    }

    fn settled(&mut self, at: Moment, s: &Settlement) -> Result<(), String> {
        let Some(place) = self.of.get_mut(&s.delivery) else { return Err(format!("{} was never made", s.delivery)) };
        // Only this life can have heard it: what an earlier one heard and did not write down died with it.
        let heard = place.heard.take().filter(|(attempt, _, life)| *attempt == s.attempt && *life == at.life);
        // Nothing was heard: a crash cut it in an earlier life, or a stop has in this one.
        let cut = match place.started_in_life == at.life {
            // What was never sent has only one excuse.
            true if place.posted < s.attempt && s.end.outcome == Word::OwnFault => {
                Outcome::Failed(SendError::Unsendable)
            }
            true => Outcome::Failed(SendError::ShuttingDown),
            false => Outcome::Interrupted,
        };
        let outcome = heard.map_or(cut, |(_, outcome, _)| outcome);
        let (id, word) = (s.delivery, word_of(outcome));
        ensure(s.end.outcome == word, || format!("{id} settled as {:?}, and it was {outcome:?}", s.end.outcome))?;
        let interrupted = place.interrupted + u32::from(outcome == Outcome::Interrupted);
        // A stop and a probe that failed count as one, but only for the length of the next wait.
        let is_stop = outcome == Outcome::Failed(SendError::ShuttingDown);
        let is_failed_probe = place.is_probe && word == Word::Failed;
        place.own_faults += u32::from(word == Word::OwnFault || is_stop || is_failed_probe);
        ensure(s.interrupted == interrupted, || format!("{id} counts {} interruptions", s.interrupted))?;
        let wanted = place.wanted(&place.points_ms, outcome, interrupted, s.end.at.0);
        let fits = match (&wanted, s.state) {
            (Wanted::Delivered, State::Delivered(_)) | (Wanted::Exhausted, State::Exhausted(..)) => true,
            (Wanted::Due { step, from_ms, to_ms }, State::Due(due)) if (*from_ms..=*to_ms).contains(&due.0) => {
                *step == s.step
            }
            // As due as it was, but not before the receiver's word: it waits with the others of its lane.
            (Wanted::Due { step, from_ms, .. }, State::Due(due)) if place.is_probe && word == Word::Failed => {
                (place.must_be_parked, place.probe_from_ms) = (true, *from_ms);
                *step == s.step
                    && due.0 == earliest_ms(outcome, s.end.at.0).map_or(place.due_ms, |at| at.max(place.due_ms))
            }
            _ => false,
        };
        let (step, was) = (s.step, s.end.at.0);
        ensure(fits, || format!("{id} after {outcome:?} at {was}: {:?} step {step}, wanted {wanted:?}", s.state))?;
        (place.interrupted, place.step) = (interrupted, s.step);
        if let State::Due(due) = s.state {
            place.due_ms = due.0;
        }
        Ok(())
    }
}

impl Place {
    fn wanted(&self, points_ms: &[i64], outcome: Outcome, interrupted: u32, now_ms: i64) -> Wanted {
        match word_of(outcome) {
            Word::Delivered => Wanted::Delivered,
            Word::OwnFault => {
                let longest_ms = OWN_FAULT_WAIT_MS << (self.own_faults - 1).min(30);
                let to_ms = now_ms + longest_ms.min(OWN_FAULT_WAIT_MS_MAX);
                Wanted::Due { step: self.step, from_ms: now_ms + OWN_FAULT_WAIT_MS, to_ms }
            }
            Word::Interrupted if interrupted <= FREE || outcome != Outcome::Interrupted => {
                Wanted::Due { step: self.step, from_ms: now_ms, to_ms: now_ms }
            }
            Word::Failed if self.is_probe => self.after_probe(points_ms, outcome, now_ms),
            Word::Interrupted | Word::Failed => self.next_step(points_ms, outcome, now_ms),
        }
    }

    /// A probe's failure uses no step, and where no point is left it was the end of a long wait.
    fn after_probe(&self, points_ms: &[i64], outcome: Outcome, now_ms: i64) -> Wanted {
        let begun =
            |step: usize| self.born_ms + points_ms[step] - (points_ms[step] - points_ms[step - 1]) / 10 <= now_ms;
        let next = (self.step as usize + 1..points_ms.len()).find(|step| !begun(*step));
        let Some(next) = next.and_then(|next| u32::try_from(next).ok()) else { return Wanted::Exhausted };
        let from_there = Self { step: next - 1, ..Self::default() };
        match (Self { born_ms: self.born_ms, ..from_there }).next_step(points_ms, outcome, now_ms) {
            Wanted::Due { from_ms, to_ms, .. } => Wanted::Due { step: self.step, from_ms, to_ms },
            other => other,
        }
    }

    fn next_step(&self, points_ms: &[i64], outcome: Outcome, now_ms: i64) -> Wanted {
        let left = points_ms.iter().enumerate().skip(self.step as usize + 1);
        let (mut last, mut next) = (None, None);
        for (step, point_ms) in left {
            let gap_ms = point_ms - points_ms[step - 1];
            let at_ms = self.born_ms + point_ms;
            last = Some(step);
            if next.is_none() && at_ms > now_ms {
                next = Some((step, at_ms - gap_ms / 10, at_ms + gap_ms / 10));
            }
        }
        let gone = matches!(outcome, Outcome::Refused { status: 410, .. });
        let (Some(last), false) = (last, gone) else { return Wanted::Exhausted };
        let (step, from_ms, to_ms) = next.unwrap_or((last, now_ms, now_ms));
        let earliest_ms = earliest_ms(outcome, now_ms).unwrap_or(now_ms).max(now_ms);
        let step = u32::try_from(step).unwrap_or(u32::MAX);
        Wanted::Due { step, from_ms: from_ms.max(earliest_ms), to_ms: to_ms.max(earliest_ms) }
    }
}

fn points_of(schedule: &Schedule) -> Arc<[i64]> {
    (0..schedule.steps()).filter_map(|step| schedule.point_ms(step)).collect()
}

/// When the receiver wants it, if it said so.
fn earliest_ms(outcome: Outcome, now_ms: i64) -> Option<i64> {
    match outcome {
        Outcome::Refused { retry_after: Some(RetryAfter::Ms(ms)), .. } => {
            Some(now_ms + ms.clamp(0, RETRY_AFTER_MS_MAX))
        }
        Outcome::Refused { retry_after: Some(RetryAfter::At(at)), .. } => Some(at.0.min(now_ms + RETRY_AFTER_MS_MAX)),
        _ => None,
    }
}

fn word_of(outcome: Outcome) -> Word {
    match outcome {
        Outcome::Delivered { .. } => Word::Delivered,
        Outcome::Failed(SendError::ResolverDown | SendError::ProxyFailed | SendError::Unsendable) => Word::OwnFault,
        Outcome::Failed(SendError::ShuttingDown) => Word::Interrupted,
        Outcome::Failed(_) | Outcome::Refused { .. } => Word::Failed,
        Outcome::Interrupted => Word::Interrupted,
    }
}

impl Checker for ScheduleRespected {
    fn name(&self) -> &'static str {
        "schedule_respected"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::WallStepped { by_ms } => self.stepped_back_ms += by_ms.min(&0).abs(),
            Fact::LifeBegan => self.stepped_back_ms = 0,
            Fact::PostBegan(post) => {
                if let Some(place) = self.of.get_mut(&post.delivery) {
                    place.posted = post.attempt;
                }
            }
            Fact::PostAnswered { delivery, attempt, outcome } => {
                if let Some(place) = self.of.get_mut(delivery) {
                    place.heard = Some((*attempt, *outcome, at.life));
                }
            }
            Fact::Committed(Change::AddDelivery(d)) => {
                let born_ms = d.created_at.0;
                let points_ms = d.terms.schedule.as_ref().map_or(self.points_ms.clone(), |own| points_of(own));
                let due_ms = born_ms + points_ms.first().copied().unwrap_or(0);
                self.of.insert(d.id, Place { points_ms, born_ms, due_ms, ..Place::default() });
            }
            Fact::Committed(Change::StartAttempt { delivery, step, started_at, .. }) => {
                return self.started(at, *delivery, *step, started_at.0, false);
            }
            Fact::Committed(Change::StartProbe { delivery, step, started_at, .. }) => {
                return self.started(at, *delivery, *step, started_at.0, true);
            }
            Fact::Committed(Change::Park(parking)) => {
                let Some(place) = self.of.get_mut(&parking.id) else { return Ok(()) };
                let last_ms = place.points_ms.last().copied().unwrap_or(0);
                let is_long = last_ms >= PARKABLE_FROM_MS;
                place.parked_until_ms = Some(place.born_ms + last_ms);
                place.must_be_parked = false;
                return ensure(is_long || parking.reason != ParkReason::Down, || {
                    format!("{} was parked, and its schedule is too short for that", parking.id)
                });
            }
            Fact::Committed(Change::Unpark { id, .. }) => {
                if let Some(place) = self.of.get_mut(id) {
                    place.parked_until_ms = None;
                    place.probe_from_ms = 0;
                }
            }
            Fact::Committed(Change::Exhaust { id, at: ended_at, .. }) => {
                let until_ms = self.of.get(id).and_then(|place| place.parked_until_ms);
                return ensure(until_ms.is_some_and(|until_ms| until_ms <= ended_at.0), || {
                    format!("{id} was given up at {}, and could wait until {until_ms:?}", ended_at.0)
                });
            }
            Fact::Committed(Change::SettleAttempt(s)) => return self.settled(at, s),
            _ => {}
        }
        Ok(())
    }
}
