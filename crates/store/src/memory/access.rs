//! Organizations, keys, and what waits for room.
use std::ops::Bound;

use async_trait::async_trait;
use postsync_core::access::{AccessChange, ApiKey, OrgLimits, Organization, USED_AGAIN_MS};
use postsync_core::generation::{Generation, Status};
use postsync_core::hold::HoldChange;
use postsync_core::ids::{GenerationId, KeyId, OrgId};
use postsync_core::limits::KEYS_MAX;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{AccessStore, HoldStore, StoreError};

use super::Memory;
use super::tables::Tables;
use crate::refusal::Refusal;

#[async_trait]
impl AccessStore for Memory {
    async fn organization(&self, id: &OrgId) -> Result<Option<Organization>, StoreError> {
        Ok(self.tables().organizations.get(id).cloned())
    }

    async fn newest_keys(&self, org: &OrgId, before: Option<KeyId>, limit: usize) -> Result<Vec<ApiKey>, StoreError> {
        let tables = self.tables();
        let of_org = tables.keys.values().rev().filter(|key| key.org == *org);
        Ok(of_org.filter(|key| before.is_none_or(|before| key.id < before)).take(limit).cloned().collect())
    }
}

#[async_trait]
impl HoldStore for Memory {
    async fn held(
        &self,
        after: Option<(OrgId, GenerationId)>,
        limit: usize,
    ) -> Result<Vec<(OrgId, GenerationId)>, StoreError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self.tables().held.range((from, Bound::Unbounded)).take(limit).map(|(place, ())| place.clone()).collect())
    }

    async fn oldest_held(&self) -> Result<Option<GenerationId>, StoreError> {
        Ok(self.tables().held.range(..).map(|((_, id), ())| *id).min())
    }

    async fn in_status(
        &self,
        org: &OrgId,
        status: Status,
        after: Option<GenerationId>,
        limit: usize,
    ) -> Result<Vec<GenerationId>, StoreError> {
        let tables = self.tables();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = tables.generations.range((from, Bound::Unbounded)).map(|(_, generation)| generation);
        let fits = behind
            .filter(|generation| generation.org == *org && generation.status() == status && generation.row.is_none());
        Ok(fits.take(limit).map(|generation| generation.id).collect())
    }
}

impl Tables {
    pub(super) fn change_access(&mut self, change: &AccessChange) -> Result<(), Refusal> {
        match change {
            AccessChange::Limit { org, was, now } => self.limit(org, was, now),
            AccessChange::MakeKey(key) => self.make_key(key),
            AccessChange::Used { id, at } => self.key_used(*id, *at),
        }
    }

    fn make_key(&mut self, key: &ApiKey) -> Result<(), Refusal> {
        let working = self.keys.values().filter(|other| other.org == key.org && other.revoked_at.is_none());
        if working.count() >= KEYS_MAX { Err(Refusal::Stale) } else { self.add_key(key.clone()) }
    }

    fn limit(&mut self, org: &OrgId, was: &OrgLimits, now: &OrgLimits) -> Result<(), Refusal> {
        let found = self.organizations.get(org).filter(|found| found.limits() == *was).ok_or(Refusal::Stale)?;
        let OrgLimits { plan, concurrency } = now.clone();
        let limited = Organization { plan, concurrency, ..found.clone() };
        self.organizations.put(org.clone(), limited);
        Ok(())
    }

    fn key_used(&mut self, id: KeyId, at: Timestamp) -> Result<(), Refusal> {
        let is_old = |key: &&ApiKey| key.last_used_at.is_none_or(|last| last.0 <= at.0.saturating_sub(USED_AGAIN_MS));
        let key = self.keys.get(&id).filter(is_old).ok_or(Refusal::Stale)?;
        let used = ApiKey { last_used_at: Some(at), ..key.clone() };
        self.keys.put(id, used);
        Ok(())
    }

    pub(super) fn change_hold(&mut self, change: HoldChange) -> Result<(), Refusal> {
        match change {
            HoldChange::Hold { org, id } => self.hold(org, id),
            HoldChange::LetIn { org, id } => self.let_in(org, id),
        }
    }

    fn hold(&mut self, org: OrgId, id: GenerationId) -> Result<(), Refusal> {
        let is_open = |generation: &Generation| generation.org == org && !generation.is_final();
        if !self.generations.get(&id).is_some_and(is_open) || self.is_held(id) {
            return Err(Refusal::Stale);
        }
        self.held.put((org, id), ());
        Ok(())
    }

    fn let_in(&mut self, org: OrgId, id: GenerationId) -> Result<(), Refusal> {
        let place = (org, id);
        if !self.held.contains(&place) {
            return Err(Refusal::Stale);
        }
        self.held.remove(&place);
        Ok(())
    }

    pub(super) fn waits_no_more(&mut self, id: GenerationId) {
        if let Some(org) = self.generations.get(&id).map(|generation| generation.org.clone()) {
            self.held.remove(&(org, id));
        }
    }

    /// Whether it waits for room.
    pub(super) fn is_held(&self, id: GenerationId) -> bool {
        self.generations.get(&id).is_some_and(|generation| self.held.contains(&(generation.org.clone(), id)))
    }
}
