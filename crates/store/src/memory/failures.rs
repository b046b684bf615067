//! Dead letters by their last error.
use std::ops::Bound;

use async_trait::async_trait;
use postsync_core::replay::EndedAs;
use postsync_engine::ports::{FailurePage, FailureQuery, FailureStore, StoreError};

use super::Memory;
use super::read::without_body;

#[async_trait]
impl FailureStore for Memory {
    async fn failures(&self, query: FailureQuery) -> Result<FailurePage, StoreError> {
        let tables = self.tables();
        let older = (Bound::Unbounded, query.after.map_or(Bound::Unbounded, Bound::Excluded));
        let mine = tables.deliveries.range(older).rev().map(|(_, row)| row).filter(|row| {
            let delivery = &row.delivery;
            delivery.org == query.org && query.endpoint.as_ref().is_none_or(|id| *id == delivery.endpoint)
        });
        let ended = mine.filter_map(|row| Some((row, tables.ended(row)?)));
        let dead = ended.filter(|(_, ended)| ended.ended == EndedAs::Exhausted);
        let (mut found, mut looked_at, mut last) = (Vec::new(), 0, None);
        for (row, ended) in dead.take(query.look) {
            (looked_at, last) = (looked_at + 1, Some(row.delivery.id));
            if ended.error == Some(query.error) {
                found.extend(tables.with_event(row).map(without_body));
            }
            if found.len() == query.limit {
                return Ok(FailurePage { found, read_to: last });
            }
        }
        Ok(FailurePage { found, read_to: last.filter(|_| looked_at == query.look) })
    }
}
