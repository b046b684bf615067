//! Whether what a client has canceled is over soon after.
use std::collections::{BTreeMap, BTreeSet};

use postsync_core::change::Change;
use postsync_core::error_code::GENERATION_CANCELED;
use postsync_core::generation::{Ending, Failure};
use postsync_core::ids::GenerationId;

use super::{Checker, End, ensure};
use crate::facts::{Fact, Moment};

/// How long the work may outlast the commit of its cancel: the acknowledgement of the commit, and what is deaf to the word.
const LATE_MS_MAX: i64 = 1_000;

/// Work on a generation that was canceled is over within a second, and none begins after that.
#[derive(Default)]
pub(super) struct CancelsStopWork {
    works: BTreeSet<GenerationId>,
    /// By when it must be over.
    canceled: BTreeMap<GenerationId, i64>,
    /// A stop has a time of its own for what is deaf, whoever canceled it besides.
    stopping: bool,
}

impl Checker for CancelsStopWork {
    fn name(&self) -> &'static str {
        "cancels_stop_work"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Committed(Change::EndGeneration { id, ending, .. }) if is_cancel(ending) && !self.stopping => {
                self.canceled.insert(*id, at.mono_ms + LATE_MS_MAX);
            }
            // Nobody could be told meanwhile.
            Fact::Paused { ms } => self.canceled.values_mut().for_each(|until| *until += ms),
            Fact::WorkBegan { generation, .. } => {
                self.works.insert(*generation);
                return self.in_time(at, *generation);
            }
            Fact::WorkEnded { generation, .. } => {
                self.works.remove(generation);
                return self.in_time(at, *generation);
            }
            // Its work died with it.
            Fact::LifeBegan => (self.stopping, self.canceled) = (false, BTreeMap::new()),
            Fact::StopBegan => (self.stopping, self.canceled) = (true, BTreeMap::new()),
            _ => {}
        }
        Ok(())
    }

    fn at_end(&mut self, _end: &End) -> Result<(), String> {
        let left: Vec<_> = self.canceled.keys().filter(|id| self.works.contains(id)).collect();
        ensure(left.is_empty(), || format!("{left:?} are at work though they were canceled"))
    }
}

impl CancelsStopWork {
    fn in_time(&self, at: Moment, id: GenerationId) -> Result<(), String> {
        let late_ms = self.canceled.get(&id).map_or(0, |until| at.mono_ms - until);
        ensure(late_ms <= 0, || format!("{id} was at work {late_ms} ms after it should have been over"))
    }
}

fn is_cancel(ending: &Ending) -> bool {
    matches!(ending, Ending::Failed(Failure { code, .. }) if *code == GENERATION_CANCELED)
}
