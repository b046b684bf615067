//! Whether batches end, once, and count their rows right.
use std::collections::{BTreeMap, BTreeSet};

use postsync_core::batch::{Batch, BatchChange};
use postsync_core::change::Change;
use postsync_core::generation::Status;
use postsync_core::ids::BatchId;

use super::{Checker, End, ensure};
use crate::facts::{Fact, Moment};

/// A batch whose create was answered ends in the commit of its last row, with one event that tells what its rows came to; and it
/// is there with all of its rows or not at all.
#[derive(Default)]
pub(super) struct BatchesEndOnce {
    acknowledged: BTreeSet<BatchId>,
    ends: BTreeMap<BatchId, u32>,
    /// Batch events, by the batch that they tell of.
    events: BTreeMap<String, u32>,
}

impl Checker for BatchesEndOnce {
    fn name(&self) -> &'static str {
        "batches_end_once"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::BatchAcknowledged(batch) => _ = self.acknowledged.insert(batch.id),
            Fact::Committed(Change::Batch(BatchChange::End { id, .. })) => *self.ends.entry(*id).or_default() += 1,
            Fact::Committed(Change::AddEvent(event)) if event.kind.is_of_a_batch() => {
                let body: serde_json::Value = serde_json::from_slice(&event.body).map_err(|e| e.to_string())?;
                *self.events.entry(body["id"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn at_end(&mut self, end: &End) -> Result<(), String> {
        let on_disk: BTreeSet<BatchId> = end.batches.iter().map(|batch| batch.id).collect();
        if let Some(id) = self.acknowledged.difference(&on_disk).next() {
            return Err(format!("the batch {id} was acknowledged and is not there"));
        }
        for batch in &end.batches {
            self.has_ended(batch)?;
            counts_its_rows(batch, end)?;
        }
        Ok(())
    }
}

impl BatchesEndOnce {
    fn has_ended(&self, batch: &Batch) -> Result<(), String> {
        let id = batch.id;
        ensure(batch.is_final(), || format!("the batch {id} has not ended: {:?}", batch.counts))?;
        let ends = self.ends.get(&id).copied().unwrap_or(0);
        ensure(ends == 1, || format!("the batch {id} has ended {ends} times"))?;
        let events = self.events.get(&id.to_string()).copied().unwrap_or(0);
        ensure(events == 1, || format!("the batch {id} has {events} events"))
    }
}

fn counts_its_rows(batch: &Batch, end: &End) -> Result<(), String> {
    let is_its = |g: &&postsync_core::generation::Generation| g.row.as_ref().is_some_and(|row| row.batch == batch.id);
    let with = |status: Status| end.generations.iter().filter(is_its).filter(|g| g.status() == status).count();
    let (succeeded, failed) = (with(Status::Completed), with(Status::Failed));
    let counted = (batch.counts.succeeded as usize, batch.counts.failed as usize, batch.counts.total as usize);
    ensure(counted == (succeeded, failed, succeeded + failed), || {
        format!("the batch {} counts {:?}, and its rows are {succeeded} and {failed}", batch.id, batch.counts)
    })
}
