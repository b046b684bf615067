//! Whether what an upstream makes is handed on once and never lost from sight.
use std::collections::{BTreeMap, BTreeSet};

use postsync_core::change::Change;
use postsync_core::ids::GenerationId;
use postsync_core::relay::RelayChange;

use super::{Checker, ensure};
use crate::facts::{Fact, Moment};

/// A generation is one job at the upstream, whatever was lost in between: each submit of it says the same, and none is made any
/// more once the upstream's id is on disk.
#[derive(Default)]
pub(super) struct HandedOnOnce {
    said: BTreeMap<GenerationId, String>,
    known: BTreeSet<GenerationId>,
    taken: BTreeSet<GenerationId>,
}

impl Checker for HandedOnOnce {
    fn name(&self) -> &'static str {
        "handed_on_once"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Committed(Change::Relay(RelayChange::Take { generation, .. })) => {
                let is_first = self.known.insert(*generation);
                return ensure(is_first, || format!("{generation} has got a second id upstream"));
            }
            Fact::Submitted(submission) => {
                let id = submission.id;
                ensure(!self.known.contains(&id), || format!("{id} was submitted though its id upstream is on disk"))?;
                let says = format!("{:?} {:?} {:?}", submission.request, submission.files, submission.webhook_url);
                let said = self.said.entry(id).or_insert_with(|| says.clone());
                return ensure(*said == says, || format!("{id} was submitted as {says} after {said}"));
            }
            Fact::UpstreamTook { generation } => {
                let is_first = self.taken.insert(*generation);
                return ensure(is_first, || format!("the upstream makes {generation} a second time"));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The longest wait between two looks where the upstream can tell us, with its jitter and the least between two.
const LOOKS_APART_MS_MAX: i64 = 36_200;

/// For a commit of its end that the store is slow with, where its time was over.
const END_MS_MAX: i64 = 8_000;

/// Each refusal of the store is one more try of that.
const REFUSED_MS: i64 = 1_000;

/// What the upstream is at work on is looked at again soon, as long as we live: whether the upstream's webhook comes or not.
#[derive(Default)]
pub(super) struct RelaysAreWatched {
    /// By when the next look must come.
    next_by: BTreeMap<GenerationId, i64>,
}

impl Checker for RelaysAreWatched {
    fn name(&self) -> &'static str {
        "relays_are_watched"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::LookSawWork { generation } => {
                self.next_by.insert(*generation, at.mono_ms + LOOKS_APART_MS_MAX + END_MS_MAX);
            }
            Fact::LookBegan { generation } | Fact::Committed(Change::EndGeneration { id: generation, .. }) => {
                let late_ms = self.next_by.remove(generation).map_or(0, |by| at.mono_ms - by);
                return ensure(late_ms <= 0, || format!("{generation} was out of sight for {late_ms} ms too long"));
            }
            Fact::Paused { ms } => self.next_by.values_mut().for_each(|by| *by += ms),
            Fact::Refused => self.next_by.values_mut().for_each(|by| *by += REFUSED_MS),
            // Who watches next begins with a look.
            Fact::LifeBegan | Fact::StopBegan => self.next_by.clear(),
            _ => {}
        }
        Ok(())
    }
}
