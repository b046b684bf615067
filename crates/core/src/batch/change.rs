//! What can be written down of a batch, and what each of these makes of it.
use super::{Batch, Counts, End, State};
use crate::ids::BatchId;

/// One thing to write down of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchChange {
    /// A batch was accepted; its generations follow in the same list. Fence: its id is new.
    Add(Box<Batch>),
    /// They are all there: PENDING -> JOBS_CREATED. Fence: PENDING.
    JobsCreated {
        /// Which.
        id: BatchId,
    },
    /// Work on one of its rows begins, in one list with that start: JOBS_CREATED -> PROCESSING. Fence: it has not ended.
    RowBegan {
        /// Which.
        id: BatchId,
    },
    /// One of its rows has ended, in one list with that end. Fence: it has not ended, and another row is open beside this one.
    RowEnded {
        /// Which.
        id: BatchId,
        /// Whether there is a video.
        succeeded: bool,
    },
    /// Its last row has ended, in one list with that end. Fence: it has not ended, its rows stand as `before` says, and this one is
    /// the only one that is open.
    End {
        /// Which.
        id: BatchId,
        /// Without this row.
        before: Counts,
        /// Whether this row has a video.
        succeeded: bool,
        /// How the batch ended.
        end: End,
    },
}

impl BatchChange {
    /// Which batch it is of.
    #[must_use]
    pub fn id(&self) -> BatchId {
        match self {
            Self::Add(batch) => batch.id,
            Self::JobsCreated { id } | Self::RowBegan { id } | Self::RowEnded { id, .. } | Self::End { id, .. } => *id,
        }
    }

    /// The batch behind its end.
    pub(super) fn ended(&self, batch: &Batch) -> Batch {
        match self {
            Self::End { before, succeeded, end, .. } => {
                Batch { counts: before.with(*succeeded), state: State::Ended(end.clone()), ..batch.clone() }
            }
            _ => batch.clone(),
        }
    }
}

/// What a change makes of a batch. `None`: its fence is stale.
#[must_use]
pub fn moved(batch: &Batch, change: &BatchChange) -> Option<Batch> {
    if batch.is_final() {
        return None;
    }
    let (counts, state) = (batch.counts, batch.state.clone());
    let (counts, state) = match change {
        BatchChange::Add(_) => return None,
        BatchChange::JobsCreated { .. } if state == State::Pending => (counts, State::JobsCreated),
        BatchChange::JobsCreated { .. } => return None,
        _ if state == State::Pending => return None,
        BatchChange::RowBegan { .. } => (counts, State::Processing),
        BatchChange::RowEnded { succeeded, .. } if counts.open() > 1 => (counts.with(*succeeded), State::Processing),
        BatchChange::RowEnded { .. } => return None,
        BatchChange::End { before, .. } if *before == counts && counts.open() == 1 => return Some(change.ended(batch)),
        BatchChange::End { .. } => return None,
    };
    Some(Batch { counts, state, ..batch.clone() })
}
