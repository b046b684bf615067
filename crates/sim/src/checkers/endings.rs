//! Whether everything ends, ends once, and leaves nothing behind.
use std::collections::{BTreeMap, BTreeSet};

use postsync_core::change::Change;
use postsync_core::delivery::{Origin, State};
use postsync_core::ids::{DeliveryId, EndpointId, GenerationId};
use postsync_engine::ports::DeliveryRecord;

use super::{Checker, End, ensure};
use crate::facts::{Fact, Moment};

/// A generation whose create was answered is on disk, and ends.
#[derive(Default)]
pub(super) struct AcceptedEnds {
    acknowledged: BTreeSet<GenerationId>,
}

impl Checker for AcceptedEnds {
    fn name(&self) -> &'static str {
        "accepted_ends"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        if let Fact::Acknowledged(generation) = fact {
            self.acknowledged.insert(generation.id);
        }
        Ok(())
    }

    fn at_end(&mut self, end: &End) -> Result<(), String> {
        let ended: BTreeSet<_> = end.generations.iter().filter(|g| g.is_final()).map(|g| g.id).collect();
        match self.acknowledged.difference(&ended).next() {
            Some(id) => Err(format!("{id} was acknowledged and has not ended")),
            None => Ok(()),
        }
    }
}

/// Each ended generation that wanted a webhook has one event with one delivery, beside those of replays and at most one for each
/// registered endpoint, and all are delivered or exhausted.
#[derive(Default)]
pub(super) struct EventReachesOrExhausts;

impl Checker for EventReachesOrExhausts {
    fn name(&self) -> &'static str {
        "event_reaches_or_exhausts"
    }

    fn saw(&mut self, _at: Moment, _fact: &Fact<'_>) -> Result<(), String> {
        Ok(())
    }

    fn at_end(&mut self, end: &End) -> Result<(), String> {
        let mut of: BTreeMap<Option<GenerationId>, Vec<(Origin, &EndpointId, State)>> = BTreeMap::new();
        for DeliveryRecord { delivery, .. } in &end.deliveries {
            of.entry(delivery.generation).or_default().push((delivery.origin, &delivery.endpoint, delivery.state));
        }
        for generation in end.generations.iter().filter(|g| g.is_final()) {
            let wanted = usize::from(generation.request.webhook_url.is_some());
            let states = of.get(&Some(generation.id)).map_or(&[][..], Vec::as_slice);
            let first = states.iter().filter(|(origin, ..)| *origin == Origin::Event).map(|(_, endpoint, _)| *endpoint);
            let (registered, own): (Vec<_>, Vec<_>) = first.partition(|endpoint| endpoint.is_registered());
            ensure(own.len() == wanted, || format!("{} has ended with {} deliveries", generation.id, own.len()))?;
            let each_once = registered.iter().collect::<BTreeSet<_>>().len() == registered.len();
            ensure(each_once, || format!("{} has ended with two deliveries for one endpoint", generation.id))?;
            ensure(states.iter().all(|(.., s)| !matches!(s, State::Due(_) | State::Parked(..))), || {
                format!("the event of {} was neither delivered nor given up", generation.id)
            })?;
        }
        Ok(())
    }
}

/// Nothing changes what has ended.
#[derive(Default)]
pub(super) struct FinalStaysFinal {
    generations: BTreeSet<GenerationId>,
    deliveries: BTreeSet<DeliveryId>,
}

impl Checker for FinalStaysFinal {
    fn name(&self) -> &'static str {
        "final_stays_final"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        let open_generation = |id| ensure(!self.generations.contains(id), || format!("{id} was moved after its end"));
        let open_delivery = |id| ensure(!self.deliveries.contains(id), || format!("{id} was moved after its end"));
        let (Fact::Committed(change) | Fact::ZombieTook(change)) = fact else { return Ok(()) };
        match change {
            Change::StartGeneration { id, .. } | Change::ReleaseGeneration { id, .. } => open_generation(id),
            Change::EndGeneration { id, .. } => {
                open_generation(id)?;
                self.generations.insert(*id);
                Ok(())
            }
            Change::StartAttempt { delivery: id, .. }
            | Change::StartProbe { delivery: id, .. }
            | Change::Unpark { id, .. }
            | Change::WaitOn { id, .. } => open_delivery(id),
            Change::Park(parking) => open_delivery(&parking.id),
            Change::Exhaust { id, .. } | Change::ExhaustPending { id, .. } => {
                open_delivery(id)?;
                self.deliveries.insert(*id);
                Ok(())
            }
            Change::SettleAttempt(s) => {
                open_delivery(&s.delivery)?;
                if !matches!(s.state, State::Due(_)) {
                    self.deliveries.insert(s.delivery);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Once faults stop, everything ends within a bound of virtual time.
#[derive(Default)]
pub(super) struct SettlesWithinBound;

impl Checker for SettlesWithinBound {
    fn name(&self) -> &'static str {
        "settles_within_bound"
    }

    fn saw(&mut self, _at: Moment, _fact: &Fact<'_>) -> Result<(), String> {
        Ok(())
    }

    fn at_end(&mut self, end: &End) -> Result<(), String> {
        ensure(end.settled, || format!("not everything had ended {} ms after the faults did", end.took_ms))
    }
}

/// No folder, no open attempt, nothing shown as being at work, or counted as if it were.
#[derive(Default)]
pub(super) struct NothingLeft;

impl Checker for NothingLeft {
    fn name(&self) -> &'static str {
        "nothing_left"
    }

    fn saw(&mut self, _at: Moment, _fact: &Fact<'_>) -> Result<(), String> {
        Ok(())
    }

    fn at_end(&mut self, end: &End) -> Result<(), String> {
        ensure(end.media_of_nobody.is_empty(), || format!("the files {:?} belong to nobody", end.media_of_nobody))?;
        ensure(end.folders.is_empty(), || format!("folders of {:?} were left", end.folders))?;
        ensure(end.at_work.is_empty(), || format!("{:?} are still shown as being at work", end.at_work))?;
        ensure(end.counted == 0, || format!("{} still count against a limit", end.counted))?;
        let open = end.deliveries.iter().find(|r| r.attempts.iter().any(|attempt| attempt.end.is_none()));
        ensure(open.is_none(), || format!("an attempt of {:?} is still open", open.map(|r| r.delivery.id)))
    }
}
