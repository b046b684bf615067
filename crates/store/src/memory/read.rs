//! What the memory store answers. The order of each answer is part of the port.
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::Bound;

use bytes::Bytes;
use postsync_core::access::Organization;
use postsync_core::delivery::{Delivery, State as DeliveryState};
use postsync_core::event::Event;
use postsync_core::generation::{Ending, Generation, State};
use postsync_core::ids::{DeliveryId, GenerationId, MediaId, OrgId};
use postsync_core::limits::BACKLOG_COUNTED_MAX;
use postsync_core::parking::Lane;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{
    Backlog, BacklogQuery, DeliveryFilter, DeliveryQuery, DeliveryRecord, DueCursor, DueDelivery, GenerationOrder,
    GenerationQuery,
};

use super::tables::{Row, Tables};
use crate::page::{cut, cut_attempts, cut_due, cut_due_at};

impl Tables {
    pub(super) fn open_generations(
        &self,
        models: &[&'static str],
        after: Option<GenerationId>,
        limit: usize,
    ) -> Vec<Generation> {
        let behind = self.generations.range((behind(after), Bound::Unbounded)).map(|(_, g)| g);
        let open =
            behind.filter(|g| !g.is_final() && !self.is_held(g.id) && models.contains(&g.request.model.as_str()));
        let Ok(page) = cut(open.cloned().map(Ok::<_, Infallible>), limit);
        page
    }

    pub(super) fn due(&self, until: Timestamp, after: Option<DueCursor>, limit: usize) -> Vec<DueDelivery> {
        self.page_of(self.all_due(until, after).map(|(_, row)| row), limit)
    }

    pub(super) fn due_places(&self, until: Timestamp, after: Option<DueCursor>, limit: usize) -> Vec<DueCursor> {
        let mut places: Vec<_> = self.all_due(until, after).map(|(place, _)| place).take(limit).collect();
        places.sort_unstable_by_key(|place| place.id);
        places
    }

    pub(super) fn due_at(&self, places: &[DueCursor]) -> Vec<DueDelivery> {
        let there = places.iter().filter(|place| self.due.contains(&(place.at, place.id)));
        let rows = there.filter_map(|place| self.deliveries.get(&place.id));
        self.page_of(rows.filter(|row| !row.open), places.len())
    }

    fn all_due(&self, until: Timestamp, after: Option<DueCursor>) -> impl Iterator<Item = (DueCursor, &Row)> {
        let from = behind(after.map(|cursor| (cursor.at, cursor.id)));
        let keys =
            self.due.range((from, Bound::Unbounded)).map(|(key, ())| key).take_while(move |(at, _)| *at <= until);
        let rows = keys.filter_map(|(at, id)| Some((DueCursor { at: *at, id: *id }, self.deliveries.get(id)?)));
        rows.filter(|(_, row)| !row.open)
    }

    pub(super) fn parked(&self, lane: &Lane, limit: usize, bytes_max: usize) -> Vec<DueDelivery> {
        let rows = self.in_lane(lane).filter_map(|row| self.with_event(row)).map(Ok::<_, Infallible>);
        let Ok(page) = cut_due_at(rows, limit, bytes_max);
        page
    }

    pub(super) fn probes(&self, lane: &Lane, until: Timestamp, limit: usize) -> Vec<DueDelivery> {
        let may = |row: &&Row| self.parked.get(&row.delivery.id).is_some_and(|parking| parking.probe_at <= until);
        self.page_of(self.in_lane(lane).filter(may), limit)
    }

    fn page_of<'a>(&self, rows: impl Iterator<Item = &'a Row>, limit: usize) -> Vec<DueDelivery> {
        let Ok(page) = cut_due(rows.filter_map(|row| self.with_event(row)).map(Ok::<_, Infallible>), limit);
        page
    }

    fn in_lane(&self, lane: &Lane) -> impl Iterator<Item = &Row> {
        let first = (lane.clone(), DeliveryId(i64::MIN));
        let keys = self.lanes.range((Bound::Included(first), Bound::Unbounded)).map(|(key, ())| key);
        keys.take_while(move |(of, _)| of == lane).filter_map(|(_, id)| self.deliveries.get(id))
    }

    pub(super) fn backlogs(&self, query: &BacklogQuery) -> Vec<Backlog> {
        let mut counts = BTreeMap::<&str, usize>::new();
        for parking in self.parked.values() {
            let is_theirs = self.deliveries.get(&parking.id).is_some_and(|row| row.delivery.org == query.org);
            if is_theirs && query.after.as_deref().is_none_or(|after| parking.destination.as_str() > after) {
                *counts.entry(&parking.destination).or_default() += 1;
            }
        }
        let counted = |(destination, parked): (&str, usize)| Backlog {
            destination: destination.to_owned(),
            parked: parked.min(BACKLOG_COUNTED_MAX),
        };
        counts.into_iter().map(counted).take(query.limit).collect()
    }

    pub(super) fn parked_lanes(&self, after: Option<Lane>, limit: usize) -> Vec<Lane> {
        let behind = after.map_or(Bound::Unbounded, |lane| Bound::Excluded((lane, DeliveryId(i64::MAX))));
        let mut lanes: Vec<Lane> =
            self.lanes.range((behind, Bound::Unbounded)).map(|((lane, _), ())| lane.clone()).collect();
        lanes.dedup();
        lanes.truncate(limit);
        lanes
    }

    pub(super) fn parked_until(&self, until: Timestamp, limit: usize) -> Vec<DueDelivery> {
        let mut over: Vec<_> = self.parked.values().filter(|parking| parking.expires_at <= until).collect();
        over.sort_by_key(|parking| (parking.expires_at, parking.id));
        let rows = over.into_iter().filter_map(|parking| self.deliveries.get(&parking.id));
        let page = rows.filter_map(|row| self.with_event(row)).map(without_body).map(Ok::<_, Infallible>);
        let Ok(page) = cut_due(page, limit);
        page
    }

    pub(super) fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        let behind = (Bound::Excluded((after, DeliveryId(i64::MAX))), Bound::Unbounded);
        let mut waiting =
            self.due.range(behind).filter(|((_, id), ())| self.deliveries.get(id).is_some_and(|r| !r.open));
        waiting.next().map(|((at, _), ())| *at)
    }

    pub(super) fn open_attempts(&self, after: Option<DeliveryId>, limit: usize) -> Vec<DueDelivery> {
        let rows = self.deliveries.range((behind(after), Bound::Unbounded)).map(|(_, row)| row);
        self.page_of(rows.filter(|row| row.open), limit)
    }

    pub(super) fn last_id(&self) -> i64 {
        let ids = [
            self.events.last_key().map(|id| id.0),
            self.deliveries.last_key().map(|id| id.0),
            self.keys.last_key().map(|id| id.0),
            self.secrets.last_key().map(|id| id.0),
            self.replays.last_key().map(|id| id.0),
            self.endpoints.values().filter_map(|endpoint| endpoint.id.number()).max(),
        ];
        ids.into_iter().flatten().max().unwrap_or(0)
    }

    pub(super) fn find_generations(&self, query: &GenerationQuery) -> Vec<Generation> {
        let fits = |g: &&Generation| {
            g.org == query.org
                && (query.statuses.is_empty() || query.statuses.contains(&g.status()))
                && (query.ids.is_empty() || query.ids.contains(&g.id))
        };
        let rows = match (query.order, query.after) {
            (_, None) => (Bound::Unbounded, Bound::Unbounded),
            (GenerationOrder::OldestFirst, Some(id)) => (Bound::Excluded(id), Bound::Unbounded),
            (GenerationOrder::NewestFirst, Some(id)) => (Bound::Unbounded, Bound::Excluded(id)),
        };
        let rows = self.generations.range(rows).map(|(_, g)| g);
        let found = |g: &Generation| Ok::<_, Infallible>(g.clone());
        let Ok(page) = match query.order {
            GenerationOrder::OldestFirst => cut(rows.filter(fits).map(found), query.limit),
            GenerationOrder::NewestFirst => cut(rows.rev().filter(fits).map(found), query.limit),
        };
        page
    }

    pub(super) fn delivery(&self, org: &OrgId, id: DeliveryId) -> Option<DeliveryRecord> {
        let DueDelivery { delivery, event } = self.with_event(self.deliveries.get(&id)?)?;
        let attempts = self.attempts.range((id, 0)..=(id, u32::MAX)).map(|(_, attempt)| attempt.clone());
        let Ok(mut newest) = cut_attempts(attempts.rev().map(Ok::<_, Infallible>), &event);
        newest.reverse();
        (delivery.org == *org).then_some(DeliveryRecord { delivery, event, attempts: newest })
    }

    /// Those that a row names.
    pub(super) fn named_media(&self, ids: &[MediaId]) -> Vec<MediaId> {
        let outputs = self.generations.values().filter_map(|g| match &g.state {
            State::Ended(_, Ending::Completed(output)) => output.media,
            _ => None,
        });
        let named: BTreeSet<MediaId> = outputs
            .chain(self.assets.values().flat_map(|asset| [asset.media(), asset.facts.thumbnail]).flatten())
            .collect();
        ids.iter().copied().filter(|id| named.contains(id)).collect()
    }

    pub(super) fn find_deliveries(&self, query: &DeliveryQuery) -> Vec<DueDelivery> {
        let fits = |d: &Delivery| {
            d.org == query.org
                && query.status.is_none_or(|status| fits(status, d.state))
                && query.generation.is_none_or(|id| d.generation == Some(id))
                && query.endpoint.as_ref().is_none_or(|id| *id == d.endpoint)
        };
        let older = (Bound::Unbounded, query.after.map_or(Bound::Unbounded, Bound::Excluded));
        let rows = self.deliveries.range(older).rev().map(|(_, row)| row).filter(|row| fits(&row.delivery));
        rows.take(query.limit).filter_map(|row| self.with_event(row)).map(without_body).collect()
    }

    /// Oldest first; ids break ties.
    pub(super) fn organizations_by_age(&self) -> Vec<Organization> {
        let mut all: Vec<Organization> = self.organizations.values().cloned().collect();
        all.sort_by_key(|organization| organization.created_at);
        all
    }

    pub(super) fn with_event(&self, row: &Row) -> Option<DueDelivery> {
        let event = self.events.get(&row.delivery.event)?.clone();
        Some(DueDelivery { delivery: row.delivery.clone(), event })
    }
}

fn behind<K>(after: Option<K>) -> Bound<K> {
    after.map_or(Bound::Unbounded, Bound::Excluded)
}

/// A list of a thousand would else carry a thousand bodies.
pub(super) fn without_body(found: DueDelivery) -> DueDelivery {
    DueDelivery { event: Event { body: Bytes::new(), ..found.event }, ..found }
}

fn fits(filter: DeliveryFilter, state: DeliveryState) -> bool {
    match filter {
        DeliveryFilter::Pending => matches!(state, DeliveryState::Due(_) | DeliveryState::Parked(..)),
        DeliveryFilter::Due => matches!(state, DeliveryState::Due(_)),
        DeliveryFilter::Parked => matches!(state, DeliveryState::Parked(..)),
        DeliveryFilter::Delivered => matches!(state, DeliveryState::Delivered(_)),
        DeliveryFilter::Exhausted => matches!(state, DeliveryState::Exhausted(..)),
    }
}
