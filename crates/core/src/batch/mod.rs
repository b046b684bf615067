//! The life of a batch: PENDING -> JOBS_CREATED -> PROCESSING -> COMPLETED | FAILED. The last two are final.
//!
//! A batch is many generations that were asked for with one request: its rows. Each lives as any other generation does and has
//! its own webhook; the batch counts their ends, and its own event comes with the last of them.
//!
//! Promise: the count of a row is in the commit that ends the row's generation, and the end of the batch, its event and its
//! deliveries are in the commit that ends the last one. So the counters are true at every moment, and there is exactly one event.
//! Two rows that end at the same time can't both believe to be the last, nor neither: whoever counts says whether others are left,
//! and is refused where that is not so.
mod body;
mod change;
mod links;
mod rows;

use bytes::Bytes;

use crate::audit::{self, Caller, Named};
use crate::change::Change;
use crate::delivery::{Delivery, Origin};
use crate::endpoint::{self, Receiver};
use crate::event::{Event, EventType};
use crate::generation::{self, Generation, NewGeneration, Request, Surroundings};
use crate::ids::{BatchId, DeliveryId, EventId, GenerationId, OrgId};
use crate::terms::Terms;
use crate::time::Timestamp;

pub use body::{RowResult, result_line, wire};
pub use change::{BatchChange, moved};
pub use links::{file_grant, file_path, result_grant, result_path};
pub use rows::{JudgedRow, RowLimits, Rows};

/// A generation's place in its batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which batch.
    pub batch: BatchId,
    /// Its place, from 1.
    pub number: u32,
    /// What the client calls it.
    pub request_id: String,
}

/// A batch before it is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBatch {
    /// Whose.
    pub org: OrgId,
    /// Where its own webhook goes, as the client wrote it, ASCII.
    pub webhook_url: Option<String>,
    /// What is asked for, each under its `request_id`, in the client's order.
    pub rows: Vec<(String, Request)>,
    /// Who asks.
    pub caller: Caller,
    /// The assets that its rows name.
    pub named: Named,
}

/// How its rows stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub total: u32,
    /// Those that ended COMPLETED.
    pub succeeded: u32,
    /// Those that ended FAILED.
    pub failed: u32,
}

impl Counts {
    /// Those that have not ended.
    #[must_use]
    pub fn open(self) -> u32 {
        self.total.saturating_sub(self.succeeded).saturating_sub(self.failed)
    }

    /// One more has ended.
    #[must_use]
    pub fn with(self, succeeded: bool) -> Self {
        let (more, less) = (u32::from(succeeded), u32::from(!succeeded));
        Self { succeeded: self.succeeded + more, failed: self.failed + less, ..self }
    }
}

/// Where a batch stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Accepted.
    Pending,
    /// Its generations are on disk.
    JobsCreated,
    /// Work on one of them has begun.
    Processing,
    /// All of them have ended.
    Ended(End),
}

/// How a batch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// Where its results can be fetched, without a key.
    pub output_url: String,
}

/// Many generations that were asked for at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its name.
    pub id: BatchId,
    /// Whose.
    pub org: OrgId,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Where its own webhook goes.
    pub webhook_url: Option<String>,
    /// How its rows stand.
    pub counts: Counts,
    /// Where it stands.
    pub state: State,
}

impl Batch {
    /// `PENDING`, as the API writes it. FAILED where no row succeeded, else COMPLETED.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.state {
            State::Pending => Status::Pending,
            State::JobsCreated => Status::JobsCreated,
            State::Processing => Status::Processing,
            State::Ended(_) if self.counts.succeeded == 0 => Status::Failed,
            State::Ended(_) => Status::Completed,
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }
}

/// A batch's state in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Accepted.
    Pending,
    /// Its generations are on disk.
    JobsCreated,
    /// Work has begun.
    Processing,
    /// All have ended, one at least with a video.
    Completed,
    /// All have ended, none with a video.
    Failed,
}

impl Status {
    /// Every word that a filter may name.
    pub const ALL: [Self; 5] = [Self::Pending, Self::JobsCreated, Self::Processing, Self::Completed, Self::Failed];

    /// `PENDING`
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::JobsCreated => "JOBS_CREATED",
            Self::Processing => "PROCESSING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Every way from one status to another, with what takes it. Rendered into `docs/STATES.md`; a test tries every change in
/// every state and finds these and no others.
pub const TRANSITIONS: [(Status, &str, Status); 7] = [
    (Status::Pending, "its generations are made (in the commit that accepts it)", Status::JobsCreated),
    (Status::JobsCreated, "work on a row begins, or a row ends", Status::Processing),
    (Status::Processing, "work on a row begins, or a row ends", Status::Processing),
    (Status::JobsCreated, "the only row ends with a video", Status::Completed),
    (Status::JobsCreated, "the only row fails", Status::Failed),
    (Status::Processing, "the last row ends, and one at least has a video", Status::Completed),
    (Status::Processing, "the last row fails, as all others have", Status::Failed),
];

/// What [`accept`] gives.
#[derive(Debug)]
pub struct Accepted {
    /// As the client is told of it: PENDING.
    pub batch: Batch,
    /// Its rows, in their order; handed on once the changes are on disk.
    pub generations: Vec<Generation>,
    /// One list to be applied whole: the batch, its generations, and that they are made.
    pub changes: Vec<Change>,
}

/// Accepts a batch with all of its generations.
#[must_use]
pub fn accept(
    new: NewBatch,
    id: BatchId,
    now: Timestamp,
    mut next_generation: impl FnMut() -> GenerationId,
) -> Accepted {
    let total = u32::try_from(new.rows.len()).unwrap_or(u32::MAX);
    let batch = Batch {
        id,
        org: new.org.clone(),
        created_at: now,
        webhook_url: new.webhook_url,
        counts: Counts { total, ..Counts::default() },
        state: State::Pending,
    };
    let mut row = |(number, (request_id, request)): (u32, (String, Request))| {
        let generation = NewGeneration { org: new.org.clone(), request };
        let row = Some(Row { batch: id, number, request_id });
        Generation { row, ..generation::accept(generation, next_generation(), now) }
    };
    let generations: Vec<Generation> = (1..).zip(new.rows).map(&mut row).collect();
    let added = generations.iter().flat_map(|generation| {
        let its_own = new.named.of(&generation.request.input);
        audit::accepted(generation, new.caller, &its_own)
    });
    let first = Change::Batch(BatchChange::Add(Box::new(batch.clone())));
    let made = Change::Batch(BatchChange::JobsCreated { id });
    let changes = std::iter::once(first).chain(added).chain([made]).collect();
    Accepted { batch, generations, changes }
}

/// What goes with the start of a generation that is a row.
#[must_use]
pub fn row_began(row: &Row) -> Change {
    Change::Batch(BatchChange::RowBegan { id: row.batch })
}

/// What goes with the end of a generation that is a row: one list with it.
#[derive(Debug)]
pub struct RowEnd {
    /// Its count; with the last row the end of the batch, its event, its deliveries.
    pub changes: Vec<Change>,
    /// What happened, where it was the last row.
    pub event: Option<Event>,
    /// Whom that goes to; handed on once the changes are on disk.
    pub deliveries: Vec<Delivery>,
}

/// Counts the end of a row. `batch` as it is on disk: where another row is counted meanwhile and this one becomes the last by
/// that, or was not, the list is stale, and this is asked again.
#[must_use]
pub fn row_ended(
    batch: &Batch,
    succeeded: bool,
    now: Timestamp,
    around: Surroundings<'_>,
    output_url: impl FnOnce() -> String,
    next_event: impl FnOnce() -> EventId,
    mut next_delivery: impl FnMut() -> DeliveryId,
) -> RowEnd {
    if batch.counts.open() > 1 {
        let counted = Change::Batch(BatchChange::RowEnded { id: batch.id, succeeded });
        return RowEnd { changes: vec![counted], event: None, deliveries: Vec::new() };
    }
    let end = BatchChange::End {
        id: batch.id,
        before: batch.counts,
        succeeded,
        end: End { at: now, output_url: output_url() },
    };
    let ended = end.ended(batch);
    let kind = match ended.status() {
        Status::Failed => EventType::BatchFailed,
        _ => EventType::BatchCompleted,
    };
    let body = Bytes::from(wire(&ended));
    let event = Event { id: next_event(), org: batch.org.clone(), kind, generation: None, created_at: now, body };
    let to = endpoint::receivers(around.registered, &batch.org, kind, batch.webhook_url.as_deref(), &Terms::default());
    let make = |receiver: Receiver| receiver.delivery(next_delivery(), &event, Origin::Event, around.servers);
    let deliveries: Vec<Delivery> = to.into_iter().map(make).collect();
    let made = deliveries.iter().map(|delivery| Change::AddDelivery(Box::new(delivery.clone())));
    let changes = [Change::Batch(end), Change::AddEvent(Box::new(event.clone()))].into_iter().chain(made).collect();
    RowEnd { changes, event: Some(event), deliveries }
}

#[cfg(test)]
mod tests;
