//! Who asked for each generation.
use std::convert::Infallible;

use async_trait::async_trait;
use postsync_core::audit::{AuditChange, AuditEntry};
use postsync_core::retention::first_generation_at;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{AuditQuery, AuditStore, StoreError};

use super::Memory;
use super::tables::Tables;
use crate::page::cut_audit;
use crate::refusal::{Refusal, duplicate};

#[async_trait]
impl AuditStore for Memory {
    async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        Ok(self.tables().find_audit(&query))
    }
}

impl Tables {
    pub(super) fn change_audit(&mut self, change: AuditChange) -> Result<(), Refusal> {
        match change {
            AuditChange::Add(entry) => self.add_audit(*entry),
            AuditChange::Forget { before, limit } => self.forget_audit(before, limit),
        }
    }

    fn add_audit(&mut self, entry: AuditEntry) -> Result<(), Refusal> {
        let place = (entry.org.clone(), entry.generation);
        if self.audit.contains(&place) {
            return Err(duplicate("audit entry"));
        }
        self.audit.put(place, entry);
        Ok(())
    }

    fn forget_audit(&mut self, before: Timestamp, limit: usize) -> Result<(), Refusal> {
        let first = first_generation_at(before);
        let old = self.audit.values().filter(|entry| entry.generation < first).take(limit);
        let places: Vec<_> = old.map(|entry| (entry.org.clone(), entry.generation)).collect();
        places.iter().for_each(|place| self.audit.remove(place));
        if places.is_empty() { Err(Refusal::Stale) } else { Ok(()) }
    }

    fn find_audit(&self, query: &AuditQuery) -> Vec<AuditEntry> {
        let fits = |entry: &&AuditEntry| {
            entry.org == query.org
                && query.generation.is_none_or(|id| entry.generation == id)
                && query.key.is_none_or(|key| entry.caller.key == Some(key))
                && query.since.is_none_or(|since| entry.at() >= since)
                && query.until.is_none_or(|until| entry.at() < until)
                && query.before.is_none_or(|before| entry.generation < before)
        };
        let found = self.audit.values().rev().filter(fits).cloned().map(Ok::<_, Infallible>);
        let Ok(page) = cut_audit(found, query.limit);
        page
    }
}
