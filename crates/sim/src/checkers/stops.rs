//! Whether a stop leaves the disk in order, and long polls end with what they wait for.
use std::collections::{BTreeMap, BTreeSet};

use postsync_core::change::Change;
use postsync_core::ids::{DeliveryId, GenerationId};

use super::{Checker, ensure};
use crate::facts::{Fact, Moment, WorkEnd};

/// After a stop that neither the store nor a pause hindered: nothing is under way, and nothing on disk says that it is.
#[derive(Default)]
pub(super) struct StopHandsBack {
    works: BTreeSet<GenerationId>,
    started: BTreeSet<GenerationId>,
    open: BTreeSet<(DeliveryId, u32)>,
    hindered: bool,
}

impl Checker for StopHandsBack {
    fn name(&self) -> &'static str {
        "stop_hands_back"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Committed(Change::StartGeneration { id, .. }) => _ = self.started.insert(*id),
            Fact::Committed(Change::ReleaseGeneration { id, .. } | Change::EndGeneration { id, .. }) => {
                self.started.remove(id);
            }
            Fact::Committed(
                Change::StartAttempt { delivery, attempt, .. } | Change::StartProbe { delivery, attempt, .. },
            ) => {
                self.open.insert((*delivery, *attempt));
            }
            Fact::Committed(Change::SettleAttempt(s)) => _ = self.open.remove(&(s.delivery, s.attempt)),
            Fact::WorkBegan { generation, .. } => _ = self.works.insert(*generation),
            Fact::WorkEnded { generation, how } => {
                self.works.remove(generation);
                // A death stays counted: its next try may have been waiting for a place, and has not been started.
                if *how == WorkEnd::Died {
                    self.started.remove(generation);
                }
            }
            // What an earlier life has left at work stays as it is until a generator is free for it.
            Fact::LifeBegan => self.started.clear(),
            Fact::StopBegan => self.hindered = false,
            Fact::Refused | Fact::Paused { .. } => self.hindered = true,
            Fact::StopReturned if !self.hindered => {
                ensure(self.works.is_empty(), || format!("the stop left {:?} at work", self.works))?;
                ensure(self.open.is_empty(), || format!("the stop left the attempts {:?} open", self.open))?;
                return ensure(self.started.is_empty(), || format!("the stop did not hand back {:?}", self.started));
            }
            _ => {}
        }
        Ok(())
    }
}

/// How long a wait may outlast what it waits for: the acknowledgement of the commit, and the reading after it.
const LATE_MS_MAX: i64 = 5_000;

/// A long poll is answered when its generation ends, not when its timeout does.
#[derive(Default)]
pub(super) struct WaitsAreTold {
    ended_at: BTreeMap<GenerationId, (i64, u32)>,
}

impl Checker for WaitsAreTold {
    fn name(&self) -> &'static str {
        "waits_are_told"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Committed(Change::EndGeneration { id, .. }) => {
                self.ended_at.insert(*id, (at.mono_ms, at.life));
            }
            // Nobody is told anything while the process stands still.
            Fact::Paused { .. } => self.ended_at.clear(),
            Fact::WaitEnded { generation, .. } => {
                let Some((ended_ms, life)) = self.ended_at.get(generation) else { return Ok(()) };
                let late_ms = at.mono_ms - ended_ms;
                return ensure(*life != at.life || late_ms <= LATE_MS_MAX, || {
                    format!("a wait for {generation} was answered {late_ms} ms after its end")
                });
            }
            _ => {}
        }
        Ok(())
    }
}
