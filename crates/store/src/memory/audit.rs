//! Who asked for each generation.
use std::convert::Infallible;
use std::ops::Bound;

use async_trait::async_trait;
use postsync_core::audit::{Asked, AuditChange, AuditEntry};
use postsync_core::ids::{GenerationId, OrgId};
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

    async fn aged_audit(
        &self,
        after: Option<(OrgId, GenerationId)>,
        before: GenerationId,
        limit: usize,
    ) -> Result<Vec<(OrgId, GenerationId)>, StoreError> {
        let tables = self.tables();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let places = tables.audit.range((from, Bound::Unbounded)).map(|(place, _)| place);
        Ok(places.filter(|(_, id)| *id < before).take(limit).cloned().collect())
    }
}

/// What is on record of one generation.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    /// The generation tells the rest.
    Asked(Asked),
    /// It is gone.
    Whole(AuditEntry),
}

impl Tables {
    pub(super) fn change_audit(&mut self, change: AuditChange) -> Result<(), Refusal> {
        match change {
            AuditChange::Add(asked) => self.add_audit(*asked),
            AuditChange::Forget(places) => self.forget_audit(&places),
        }
    }

    fn add_audit(&mut self, asked: Asked) -> Result<(), Refusal> {
        let place = (asked.org.clone(), asked.generation);
        if self.audit.contains(&place) {
            return Err(duplicate("audit entry"));
        }
        self.audit.put(place, Kept::Asked(asked));
        Ok(())
    }

    /// To be called while the generation is still there.
    pub(super) fn keep_audit(&mut self, org: &OrgId, id: GenerationId) {
        let place = (org.clone(), id);
        if let Some(entry) = self.audit.get(&place).and_then(|kept| self.audit_entry(kept)) {
            self.audit.put(place, Kept::Whole(entry));
        }
    }

    fn forget_audit(&mut self, places: &[(OrgId, GenerationId)]) -> Result<(), Refusal> {
        let gone = places.iter().filter(|place| self.audit.contains(place)).count();
        places.iter().for_each(|place| self.audit.remove(place));
        if gone == 0 { Err(Refusal::Stale) } else { Ok(()) }
    }

    /// `None`: there is no generation that would tell the rest.
    fn audit_entry(&self, kept: &Kept) -> Option<AuditEntry> {
        match kept {
            Kept::Whole(entry) => Some(entry.clone()),
            Kept::Asked(asked) => {
                let request = &self.generations.get(&asked.generation)?.request;
                Some(AuditEntry::of(asked.clone(), request.model.clone(), &request.input))
            }
        }
    }

    fn find_audit(&self, query: &AuditQuery) -> Vec<AuditEntry> {
        let fits = |entry: &AuditEntry| {
            entry.org == query.org
                && query.generation.is_none_or(|id| entry.generation == id)
                && query.key.is_none_or(|key| entry.caller.key == Some(key))
                && query.since.is_none_or(|since| entry.at() >= since)
                && query.until.is_none_or(|until| entry.at() < until)
                && query.before.is_none_or(|before| entry.generation < before)
        };
        let entries = self.audit.values().rev().filter_map(|kept| self.audit_entry(kept));
        let found = entries.filter(fits).map(Ok::<_, Infallible>);
        let Ok(page) = cut_audit(found, query.limit);
        page
    }
}
