//! Batches, and whose turn it is.
use std::collections::BTreeSet;
use std::convert::Infallible;

use async_trait::async_trait;
use postsync_core::batch::{Batch, BatchChange, RowResult, moved};
use postsync_core::generation::Generation;
use postsync_core::ids::{BatchId, GenerationId, OrgId};
use postsync_core::rule;
use postsync_engine::ports::{BatchQuery, BatchStore, StoreError, TurnPage, TurnQuery, TurnStore};

use super::Memory;
use super::tables::Tables;
use crate::page::cut;
use crate::refusal::{Refusal, duplicate};
use crate::turns::{Work, share_out};

impl Tables {
    pub(super) fn batch(&mut self, change: BatchChange) -> Result<(), Refusal> {
        let id = change.id();
        if let BatchChange::Add(batch) = change {
            if self.batches.contains(&id) {
                return Err(duplicate("batch"));
            }
            self.batches.put(id, *batch);
            return Ok(());
        }
        let batch = self.batches.get(&id).ok_or(Refusal::Stale)?;
        let after = match (moved(batch, &change), &change) {
            (Some(after), _) => after,
            // As if whoever counts were believed that another row is open.
            (None, BatchChange::RowEnded { succeeded, .. }) if !rule::holds("the_last_row_is_fenced") => {
                Batch { counts: batch.counts.with(*succeeded), ..batch.clone() }
            }
            (None, _) => return Err(Refusal::Stale),
        };
        self.batches.put(id, after);
        Ok(())
    }

    fn find_batches(&self, query: &BatchQuery) -> Vec<Batch> {
        let fits = |batch: &&Batch| {
            batch.org == query.org
                && query.status.is_none_or(|status| batch.status() == status)
                && query.after.is_none_or(|after| batch.created_at > after)
                && query.before.is_none_or(|before| batch.created_at < before)
        };
        let mut found: Vec<Batch> = self.batches.values().filter(fits).cloned().collect();
        found.sort_by_key(|batch| std::cmp::Reverse((batch.created_at, batch.id)));
        found.truncate(query.limit);
        found
    }

    fn batch_results(&self, id: BatchId) -> Vec<RowResult> {
        let rows = self.generations.values().filter_map(|g| Some((g, g.row.as_ref().filter(|row| row.batch == id)?)));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|(_, row)| row.number);
        let result = |(g, row): (&Generation, &postsync_core::batch::Row)| RowResult {
            request_id: row.request_id.clone(),
            generation: g.id,
            state: g.state.clone(),
        };
        rows.into_iter().map(result).collect()
    }

    fn in_turn(&self, query: &TurnQuery) -> TurnPage {
        let known: BTreeSet<GenerationId> = query.known.iter().copied().collect();
        let fits =
            |g: &&Generation| !g.is_final() && !self.is_held(g.id) && query.models.contains(&g.request.model.as_str());
        let open = self.generations.values().filter(fits);
        let Ok((ids, is_all)) = share_out(&mut Open(open.collect()), query.after.as_ref(), &known, query.limit);
        let rows = ids.iter().filter_map(|id| self.generations.get(id).cloned()).map(Ok::<_, Infallible>);
        let Ok(found) = cut(rows, query.limit);
        TurnPage { is_all: is_all && found.len() == ids.len(), found }
    }
}

/// What is open, in id order.
struct Open<'a>(Vec<&'a Generation>);

impl<'a> Open<'a> {
    fn of<'s>(&'s self, org: &OrgId) -> impl Iterator<Item = &'a Generation> + use<'a, 's> {
        let org = org.clone();
        self.0.iter().copied().filter(move |g| g.org == org)
    }
}

/// `None` is no batch at all, and comes first.
fn lane(generation: &Generation) -> Option<BatchId> {
    generation.row.as_ref().map(|row| row.batch)
}

impl Work for Open<'_> {
    type Org = OrgId;
    type Lane = Option<BatchId>;
    type Error = Infallible;

    fn org_behind(&mut self, after: Option<&OrgId>) -> Result<Option<OrgId>, Infallible> {
        Ok(self.0.iter().map(|g| &g.org).filter(|org| after.is_none_or(|after| *org > after)).min().cloned())
    }

    fn lane_behind(
        &mut self,
        org: &OrgId,
        after: Option<&Option<BatchId>>,
    ) -> Result<Option<Option<BatchId>>, Infallible> {
        Ok(self.of(org).map(lane).filter(|lane| after.is_none_or(|after| lane > after)).min())
    }

    fn waiting(
        &mut self,
        org: &OrgId,
        of: &Option<BatchId>,
        known: &BTreeSet<GenerationId>,
        limit: usize,
    ) -> Result<Vec<GenerationId>, Infallible> {
        let waiting = self.of(org).filter(|g| lane(g) == *of && !known.contains(&g.id));
        Ok(waiting.map(|g| g.id).take(limit).collect())
    }
}

#[async_trait]
impl BatchStore for Memory {
    async fn batch_of_any(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        Ok(self.tables().batches.get(&id).cloned())
    }

    async fn batches(&self, query: BatchQuery) -> Result<Vec<Batch>, StoreError> {
        Ok(self.tables().find_batches(&query))
    }

    async fn batch_results(&self, id: BatchId) -> Result<Vec<RowResult>, StoreError> {
        Ok(self.tables().batch_results(id))
    }
}

#[async_trait]
impl TurnStore for Memory {
    async fn in_turn(&self, query: TurnQuery) -> Result<TurnPage, StoreError> {
        Ok(self.tables().in_turn(&query))
    }
}
