//! Batches: each change with its fence. What a change makes of a batch is written down once more in
//! [`moved`](postsync_core::batch::moved); the conformance suite holds both to it.
use postsync_core::batch::{Batch, BatchChange, Counts, End, State};
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;

const ADD: &str =
    "INSERT INTO batches (id, org, status, created_at, ended_at, total, succeeded, failed, webhook_url, output_url)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const ROW_ENDED: &str =
    "UPDATE batches SET status = 'PROCESSING', succeeded = succeeded + ?2, failed = failed + (1 - ?2)
    WHERE id = ?1 AND status IN ('JOBS_CREATED', 'PROCESSING') AND total - succeeded - failed > 1";

const END: &str = "UPDATE batches SET status = ?2, succeeded = ?3, failed = ?4, ended_at = ?5, output_url = ?6
    WHERE id = ?1 AND status IN ('JOBS_CREATED', 'PROCESSING') AND succeeded = ?7 AND failed = ?8 AND total = ?9
        AND total - succeeded - failed = 1";

impl Unit<'_> {
    pub(super) fn batch(&mut self, change: &BatchChange) -> Result<(), Refusal> {
        match change {
            BatchChange::Add(batch) => self.add_batch(batch),
            BatchChange::JobsCreated { id } => {
                let sql = "UPDATE batches SET status = 'JOBS_CREATED' WHERE id = ?1 AND status = 'PENDING'";
                self.fenced(sql, [id.0.as_bytes()])
            }
            BatchChange::RowBegan { id } => {
                let sql = "UPDATE batches SET status = 'PROCESSING'
                    WHERE id = ?1 AND status IN ('JOBS_CREATED', 'PROCESSING')";
                self.fenced(sql, [id.0.as_bytes()])
            }
            BatchChange::RowEnded { id, succeeded } => self.fenced(ROW_ENDED, params![id.0.as_bytes(), succeeded]),
            BatchChange::End { before, succeeded, end, .. } => self.end_batch(change, *before, *succeeded, end),
        }
    }

    fn add_batch(&mut self, batch: &Batch) -> Result<(), Refusal> {
        let end = match &batch.state {
            State::Ended(end) => Some(end),
            State::Pending | State::JobsCreated | State::Processing => None,
        };
        self.run(
            ADD,
            params![
                batch.id.0.as_bytes(),
                batch.org.as_str(),
                batch.status().as_str(),
                batch.created_at.0,
                end.map(|end| end.at.0),
                batch.counts.total,
                batch.counts.succeeded,
                batch.counts.failed,
                batch.webhook_url,
                end.map(|end| end.output_url.as_str())
            ],
        )?;
        Ok(())
    }

    fn end_batch(&mut self, change: &BatchChange, before: Counts, succeeded: bool, end: &End) -> Result<(), Refusal> {
        let after = before.with(succeeded);
        let status = if after.succeeded == 0 { "FAILED" } else { "COMPLETED" };
        self.fenced(
            END,
            params![
                change.id().0.as_bytes(),
                status,
                after.succeeded,
                after.failed,
                end.at.0,
                end.output_url,
                before.succeeded,
                before.failed,
                before.total
            ],
        )
    }
}
