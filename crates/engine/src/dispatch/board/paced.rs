//! What endpoints' owners have set: how fast, how many at once, and whether at all.
//!
//! Promise: an endpoint that may not go yet holds up nobody but itself, and is asked again when its time has come.
use std::collections::{BTreeMap, BTreeSet};

use postsync_core::delivery::Delivery;
use postsync_core::endpoint_limits::{Bucket, EndpointRules};
use postsync_core::health::WINDOW_MAX;
use postsync_core::ids::EndpointId;
use postsync_core::parking::Lane;
use postsync_core::rule;
use postsync_core::time::Timestamp;

use super::Board;
use crate::dispatch::fair::Path;
use crate::ports::DueDelivery;

/// No turn is longer: what waits for a later time was noted before the clock was put back.
const TURN_MS_MAX: i64 = 1_000;

#[derive(Default)]
pub(super) struct Paced {
    /// Of those that have any.
    of: BTreeMap<EndpointId, Paces>,
    /// Who was left out because it would have been too soon, and until when.
    waits: BTreeSet<(Timestamp, Path)>,
    /// Somebody waits for an earlier time than anybody did when last asked.
    is_sooner: bool,
}

#[derive(Default)]
struct Paces {
    rules: EndpointRules,
    bucket: Bucket,
}

impl Paced {
    pub(super) fn rules(&self, endpoint: &EndpointId) -> EndpointRules {
        self.of.get(endpoint).map(|paces| paces.rules).unwrap_or_default()
    }

    pub(super) fn is_paused(&self, endpoint: &EndpointId) -> bool {
        self.rules(endpoint).is_paused && rule::holds("a_pause_holds_back")
    }

    /// How many may be under way at once, where its owner has set that.
    pub(super) fn concurrency(&self, endpoint: &EndpointId) -> Option<u32> {
        self.rules(endpoint).limits.concurrency.filter(|_| rule::holds("an_endpoints_limit_is_kept"))
    }

    /// When the next POST may begin: `now` where it may at once.
    pub(super) fn free_at(&self, endpoint: &EndpointId, now: Timestamp) -> Timestamp {
        let Some(paces) = self.of.get(endpoint) else { return now };
        let limit = paces.rules.limits.per_second.filter(|_| rule::holds("an_endpoints_rate_is_kept"));
        limit.map_or(now, |per_second| paces.bucket.free_at(per_second, now))
    }

    /// One begins.
    pub(super) fn take(&mut self, endpoint: &EndpointId, now: Timestamp) {
        if let Some(paces) = self.of.get_mut(endpoint)
            && let Some(per_second) = paces.rules.limits.per_second
        {
            paces.bucket.take(per_second, now);
        }
    }

    /// These were left out.
    pub(super) fn wait(&mut self, too_fast: Vec<(Timestamp, Path)>) {
        let first = self.waits.first().map(|(at, _)| *at);
        self.waits.extend(too_fast);
        self.is_sooner |= self.waits.first().map(|(at, _)| *at) != first;
    }

    fn set(&mut self, endpoint: &EndpointId, rules: EndpointRules) {
        if rules == EndpointRules::default() {
            self.of.remove(endpoint);
        } else {
            // Its bucket stays: a limit that is set anew does not give a second burst.
            self.of.entry(endpoint.clone()).or_default().rules = rules;
        }
    }
}

impl Board {
    /// When the first endpoint that was too fast may go on.
    pub(crate) fn next_turn_at(&self) -> Option<Timestamp> {
        self.paced.waits.first().map(|(at, _)| *at)
    }

    /// Whether whoever waits for [`Board::next_turn_at`] must ask again.
    pub(crate) fn turns_are_sooner(&mut self) -> bool {
        std::mem::take(&mut self.paced.is_sooner)
    }

    /// Lets those have their turn whose time has come.
    pub(crate) fn wake_turns(&mut self, now: Timestamp) {
        let is_due = |at: Timestamp| at <= now || at > now.plus_ms(TURN_MS_MAX);
        let (come, later) = std::mem::take(&mut self.paced.waits).into_iter().partition(|(at, _)| is_due(*at));
        self.paced.waits = later;
        let come: BTreeSet<(Timestamp, Path)> = come;
        for (_, path) in come {
            self.first.wake(&path);
            self.again.wake(&path);
        }
    }

    /// Its owner has set something. Gives what waited for an endpoint that is paused now, and where it is to be parked.
    pub(crate) fn set_rules(
        &mut self,
        endpoint: &EndpointId,
        rules: EndpointRules,
        is_parkable: impl Fn(&Delivery) -> bool,
    ) -> Vec<(DueDelivery, Lane)> {
        self.paced.set(endpoint, rules);
        if let Some(health) = self.levels.endpoint_mut(endpoint) {
            health.limit(self.paced.concurrency(endpoint).unwrap_or(WINDOW_MAX));
        }
        let lane = Lane::of_endpoint(endpoint);
        let paths: BTreeSet<Path> =
            [self.first.paths_of(endpoint), self.again.paths_of(endpoint)].concat().into_iter().collect();
        if !self.paced.is_paused(endpoint) {
            for path in &paths {
                self.first.wake(path);
                self.again.wake(path);
            }
            [lane.clone(), lane.short()].iter().for_each(|lane| self.lanes.call(lane));
            return Vec::new();
        }
        let waiting =
            paths.iter().flat_map(|path| [self.first.drain_endpoint(path), self.again.drain_endpoint(path)].concat());
        let lane_of = |due: &DueDelivery| if is_parkable(&due.delivery) { lane.clone() } else { lane.short() };
        waiting.map(|due| (lane_of(&due), due)).map(|(lane, due)| (due, lane)).collect()
    }
}
