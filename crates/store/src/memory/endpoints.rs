//! Registered endpoints.
use std::collections::BTreeSet;
use std::ops::Bound;

use postsync_core::endpoint::Endpoint;
use postsync_core::ids::{EndpointId, OrgId};
use postsync_core::rotation::SecretOwner;

use super::tables::Tables;
use crate::refusal::Refusal;

impl Tables {
    pub(super) fn all_endpoints(&self, after: Option<(OrgId, EndpointId)>, limit: usize) -> Vec<Endpoint> {
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.endpoints.range((behind, Bound::Unbounded)).map(|(_, endpoint)| endpoint.clone()).take(limit).collect()
    }

    pub(super) fn endpoints_on_record(
        &self,
        after: Option<(OrgId, EndpointId)>,
        limit: usize,
    ) -> Vec<(OrgId, EndpointId)> {
        let registered = self.deliveries.values().map(|row| &row.delivery).filter(|d| d.endpoint.is_registered());
        let all: BTreeSet<_> = registered.map(|delivery| (delivery.org.clone(), delivery.endpoint.clone())).collect();
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        all.range((behind, Bound::Unbounded)).take(limit).cloned().collect()
    }

    pub(super) fn add_endpoint(&mut self, endpoint: Endpoint) -> Result<(), Refusal> {
        if self.endpoints.values().any(|other| other.id == endpoint.id) || self.has_url_of(&endpoint) {
            return Err(Refusal::Stale);
        }
        self.endpoints.put((endpoint.org.clone(), endpoint.id.clone()), endpoint);
        Ok(())
    }

    pub(super) fn change_endpoint(&mut self, endpoint: Endpoint) -> Result<(), Refusal> {
        let key = (endpoint.org.clone(), endpoint.id.clone());
        let before = self.endpoints.get(&key).ok_or(Refusal::Stale)?;
        if before.version.checked_add(1) != Some(endpoint.version) || self.has_url_of(&endpoint) {
            return Err(Refusal::Stale);
        }
        self.endpoints.put(key, endpoint);
        Ok(())
    }

    pub(super) fn remove_endpoint(&mut self, org: OrgId, id: EndpointId) -> Result<(), Refusal> {
        let key = (org, id);
        if !self.endpoints.contains(&key) {
            return Err(Refusal::Stale);
        }
        self.endpoints.remove(&key);
        let owner = SecretOwner::endpoint(&key.0, &key.1);
        let ids = self.signing.get(&owner).map_or(vec![], |signing| signing.places().ids());
        ids.iter().for_each(|id| self.secrets.remove(id));
        self.signing.remove(&owner);
        Ok(())
    }

    fn has_url_of(&self, endpoint: &Endpoint) -> bool {
        let key = endpoint.url_key();
        self.endpoints.values().any(|o| o.org == endpoint.org && o.id != endpoint.id && o.url_key() == key)
    }
}
