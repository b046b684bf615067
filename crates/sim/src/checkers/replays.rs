//! Whether replays make what they say, and go on until they are done.
use std::collections::BTreeSet;

use postsync_core::change::Change;
use postsync_core::delivery::Origin;
use postsync_core::ids::ReplayId;

use super::{Checker, End, ensure};
use crate::facts::{Fact, Moment};

/// The place of a walk moves in one commit with the deliveries that it stands for, each of them with the mark on what it was
/// made from; and every replay on disk is done at the end. So nothing is skipped and nothing made twice.
#[derive(Default)]
pub(super) struct ReplaysAreWhole {
    running: BTreeSet<ReplayId>,
    /// What the commit that is being told must still hold.
    deliveries: u64,
    marks: u64,
}

impl ReplaysAreWhole {
    fn is_open(&self) -> bool {
        self.deliveries + self.marks > 0
    }

    fn advanced(&mut self, id: ReplayId, made: u64, is_over: bool) -> Result<(), String> {
        ensure(!self.is_open(), || format!("{id} has moved on before what it stands for was made"))?;
        (self.deliveries, self.marks) = (made, made);
        let was_running = if is_over { self.running.remove(&id) } else { self.running.contains(&id) };
        ensure(was_running, || format!("{id} has moved on, and was not running"))
    }

    /// One alone has its mark first, and no walk.
    fn marked(&mut self) {
        match self.marks.checked_sub(1) {
            Some(left) => self.marks = left,
            None => self.deliveries += 1,
        }
    }
}

impl Checker for ReplaysAreWhole {
    fn name(&self) -> &'static str {
        "replays_are_whole"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Committed(Change::AdvanceReplay(step)) => self.advanced(step.id, step.made, step.ended_at.is_some()),
            Fact::Committed(Change::MarkReplayed { .. }) => {
                self.marked();
                Ok(())
            }
            Fact::Committed(Change::AddDelivery(made)) if made.origin == Origin::Replay => {
                let left = self.deliveries.checked_sub(1);
                self.deliveries = left.unwrap_or(0);
                ensure(left.is_some(), || format!("{} was made anew, and no replay stands for it", made.id))
            }
            other => {
                if let Fact::Committed(Change::AddReplay(replay)) = other {
                    self.running.insert(replay.id);
                }
                let missing = std::mem::take(&mut self.deliveries).max(std::mem::take(&mut self.marks));
                ensure(missing == 0, || format!("{missing} were not made with the place of their replay"))
            }
        }
    }

    fn at_end(&mut self, _end: &End) -> Result<(), String> {
        ensure(self.running.is_empty(), || format!("{:?} are not done", self.running))
    }
}
