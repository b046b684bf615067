//! The health of every destination and endpoint that is known, and which organization has which.
use std::collections::BTreeMap;

use postsync_core::health::{Health, WINDOW_MAX};
use postsync_core::ids::{EndpointId, OrgId};
use postsync_core::parking::Lane;
use postsync_core::target::Destination;

use crate::dispatch::fair::Path;

/// Past so many, those that are well and idle are forgotten: as good as new but for their windows.
pub(super) const KEPT_MAX: usize = 10_000;

/// Past so many, all are looked through for those that nothing waits for, also those that are down.
pub(super) const SWEPT_AT: usize = 2 * KEPT_MAX;

pub(super) struct Levels {
    destinations: BTreeMap<Destination, Health>,
    endpoints: BTreeMap<EndpointId, OfEndpoint>,
    /// How many endpoints an organization has there, by the destination's text.
    by_org: BTreeMap<(OrgId, Lane), usize>,
    /// How many endpoints there are in all.
    by_destination: BTreeMap<Destination, usize>,
    /// The next time is at so many: twice what could not be forgotten the last time.
    sweep_at: usize,
}

impl Default for Levels {
    fn default() -> Self {
        let (destinations, endpoints, by_org, by_destination) = Default::default();
        Self { destinations, endpoints, by_org, by_destination, sweep_at: SWEPT_AT }
    }
}

struct OfEndpoint {
    health: Health,
    org: OrgId,
    destination: Destination,
}

impl Levels {
    pub(super) fn destination(&self, name: &Destination) -> Option<&Health> {
        self.destinations.get(name)
    }

    pub(super) fn endpoint(&self, name: &EndpointId) -> Option<&Health> {
        self.endpoints.get(name).map(|of| &of.health)
    }

    pub(super) fn destination_mut(&mut self, name: &Destination) -> Option<&mut Health> {
        self.destinations.get_mut(name)
    }

    pub(super) fn endpoint_mut(&mut self, name: &EndpointId) -> Option<&mut Health> {
        self.endpoints.get_mut(name).map(|of| &mut of.health)
    }

    /// Both on that path, new ones where they are not known yet. `concurrency`: the endpoint's own limit.
    pub(super) fn both(&mut self, path: &Path, concurrency: Option<u32>) -> [&mut Health; 2] {
        let endpoint = self.endpoints.entry(path.endpoint.clone()).or_insert_with(|| {
            let destination = path.destination.clone();
            *self.by_org.entry((path.org.clone(), Lane::of_destination(&destination))).or_default() += 1;
            *self.by_destination.entry(destination.clone()).or_default() += 1;
            let health = Health::new(concurrency.unwrap_or(WINDOW_MAX));
            OfEndpoint { health, org: path.org.clone(), destination }
        });
        [self.destinations.entry(path.destination.clone()).or_default(), &mut endpoint.health]
    }

    /// The destinations of an organization in the order of their texts, behind that one.
    pub(super) fn of_org<'a>(&'a self, org: &'a OrgId, after: Option<&str>) -> impl Iterator<Item = &'a Lane> {
        let first = (org.clone(), Lane::stored(after.unwrap_or_default()));
        let behind = self.by_org.range(first.clone()..).map(|(key, _)| key).filter(move |key| **key != first);
        behind.take_while(move |(of, _)| of == org).map(|(_, destination)| destination)
    }

    /// Lets go of what is as good as new, where there is too much.
    pub(super) fn forget_idle(&mut self, path: &Path) {
        if self.endpoints.len() > KEPT_MAX && self.endpoint(&path.endpoint).is_some_and(Health::is_idle) {
            self.forget_endpoint(&path.endpoint);
        }
        if self.destinations.len() > KEPT_MAX && self.destination(&path.destination).is_some_and(Health::is_idle) {
            self.destinations.remove(&path.destination);
        }
    }

    /// Lets go of all that nothing is under way to and nothing waits for, where there is far too much: URLs that are used once
    /// and fail leave a level each that is down for ever. One that is used after all is new.
    pub(super) fn sweep(&mut self, has_lane: impl Fn(&Lane) -> bool) {
        if self.endpoints.len().max(self.destinations.len()) < self.sweep_at {
            return;
        }
        let is_left = |health: &Health, lane: &Lane| health.is_at_rest() && !has_lane(lane);
        let endpoints = self.endpoints.iter();
        let left = endpoints.filter(|(name, of)| is_left(&of.health, &Lane::of_endpoint(name))).map(|(name, _)| name);
        for name in left.cloned().collect::<Vec<_>>() {
            self.forget_endpoint(&name);
        }
        self.destinations.retain(|name, health| !is_left(health, &Lane::of_destination(name)));
        self.sweep_at = SWEPT_AT.max(2 * self.endpoints.len().max(self.destinations.len()));
    }

    fn forget_endpoint(&mut self, name: &EndpointId) {
        let Some(gone) = self.endpoints.remove(name) else { return };
        count_down(&mut self.by_org, &(gone.org, Lane::of_destination(&gone.destination)));
        count_down(&mut self.by_destination, &gone.destination);
    }

    /// Whether several endpoints share it, and what it has left is for those that have nothing under way there.
    pub(super) fn keeps_places(&self, destination: &Destination) -> bool {
        let is_shared = self.by_destination.get(destination).is_some_and(|count| *count > 1);
        is_shared && !self.destination(destination).is_none_or(Health::admits_more)
    }
}

fn count_down<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    let Some(count) = counts.get_mut(key) else { return };
    *count -= 1;
    if *count == 0 {
        counts.remove(key);
    }
}
