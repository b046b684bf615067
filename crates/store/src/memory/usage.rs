//! What has ended.
use async_trait::async_trait;
use postsync_core::generation::{Ending, Generation, State};
use postsync_engine::ports::{StoreError, UsageQuery, UsageStore, Used};

use super::Memory;

#[async_trait]
impl UsageStore for Memory {
    async fn usage(&self, query: UsageQuery) -> Result<Vec<Used>, StoreError> {
        let tables = self.tables();
        let ended = tables.generations.values().filter(|generation| generation.org == query.org).filter_map(used);
        let fits = |used: &Used| {
            query.since.is_none_or(|since| used.ended_at >= since)
                && query.until.is_none_or(|until| used.ended_at < until)
                && query.before.is_none_or(|before| (used.ended_at, used.generation) < before)
        };
        let mut found: Vec<Used> = ended.filter(fits).collect();
        found.sort_by_key(|used| std::cmp::Reverse((used.ended_at, used.generation)));
        found.truncate(query.limit);
        Ok(found)
    }
}

fn used(generation: &Generation) -> Option<Used> {
    let State::Ended(ended_at, ending) = &generation.state else { return None };
    let duration_ms = match ending {
        Ending::Completed(output) => output.duration_ms,
        Ending::Failed(_) => None,
    };
    let (id, model, status) = (generation.id, generation.request.model.clone(), generation.status());
    Some(Used { generation: id, model, status, ended_at: *ended_at, duration_ms })
}
