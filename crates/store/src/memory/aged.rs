//! What is old, and what goes after its retention.
use std::ops::Bound;

use postsync_core::asset::Asset;
use postsync_core::delivery::State as DeliveryState;
use postsync_core::generation::{Ending, State};
use postsync_core::ids::{AssetId, DeliveryId, EventId, MediaId};
use postsync_core::retention::Standing;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{AgedAsset, AgedDelivery, AgedEvent, AgedOutput};

use super::tables::{Row, Tables};
use crate::refusal::Refusal;

impl Tables {
    pub(super) fn aged_deliveries(
        &self,
        after: Option<DeliveryId>,
        before: DeliveryId,
        limit: usize,
    ) -> Vec<AgedDelivery> {
        let Some(rows) = between(after, before) else { return Vec::new() };
        let aged = |(id, row): (&DeliveryId, &Row)| AgedDelivery {
            id: *id,
            standing: self.standing(row),
            attempts: row.delivery.attempts,
            bytes: self.attempt_bytes(*id) + self.event_bytes(row.delivery.event),
        };
        self.deliveries.range(rows).take(limit).map(aged).collect()
    }

    fn event_bytes(&self, id: EventId) -> u64 {
        self.events.get(&id).map_or(0, |event| event.body.len() as u64)
    }

    fn attempt_bytes(&self, id: DeliveryId) -> u64 {
        let ends = self.attempts.range((id, 0)..=(id, u32::MAX)).filter_map(|(_, attempt)| attempt.end.as_ref());
        let answers = ends.filter_map(|end| end.answer.as_ref());
        answers.map(|answer| (answer.headers.len() + answer.body.len()) as u64).sum()
    }

    fn standing(&self, row: &Row) -> Standing {
        match row.delivery.state {
            DeliveryState::Due(_) | DeliveryState::Parked(..) => Standing::Open,
            DeliveryState::Delivered(_) => Standing::Delivered,
            DeliveryState::Exhausted(..) if self.replayed.contains(&row.delivery.id) => Standing::Replayed,
            DeliveryState::Exhausted(..) => Standing::Exhausted,
        }
    }

    pub(super) fn aged_events(&self, after: Option<EventId>, before: EventId, limit: usize) -> Vec<AgedEvent> {
        let Some(rows) = between(after, before) else { return Vec::new() };
        let ids = self.events.range(rows).take(limit).map(|(id, _)| *id);
        ids.map(|id| AgedEvent { id, has_delivery: self.has_delivery(id), bytes: self.event_bytes(id) }).collect()
    }

    fn has_delivery(&self, event: EventId) -> bool {
        self.deliveries.values().any(|row| row.delivery.event == event)
    }

    pub(super) fn aged_outputs(&self, after: MediaId, before: MediaId, limit: usize) -> Vec<AgedOutput> {
        let outputs = self.generations.values().filter_map(|g| match &g.state {
            State::Ended(_, Ending::Completed(output)) => output.media.map(|id| (id, g.id)),
            _ => None,
        });
        let mut old: Vec<_> = outputs.filter(|(id, _)| *id > after && *id < before).collect();
        old.sort_unstable();
        old.truncate(limit);
        let is_named = |of| self.deliveries.values().any(|row| row.delivery.generation == Some(of));
        old.into_iter().map(|(id, of)| AgedOutput { id, is_named: is_named(of) }).collect()
    }

    pub(super) fn aged_assets(&self, after: Option<AssetId>, before: AssetId, limit: usize) -> Vec<AgedAsset> {
        let Some(rows) = between(after, before) else { return Vec::new() };
        let old = self.assets.range(rows).take(limit);
        let aged = |(id, asset): (&AssetId, &Asset)| AgedAsset {
            id: *id,
            media: asset.media(),
            thumbnail: asset.facts.thumbnail,
        };
        old.map(aged).collect()
    }

    pub(super) fn forget_deliveries(&mut self, ids: &[DeliveryId]) -> Result<(), Refusal> {
        for id in ids {
            let row = self.deliveries.get(id).filter(|row| self.standing(row) != Standing::Open);
            let event = row.ok_or(Refusal::Stale)?.delivery.event;
            self.deliveries.remove(id);
            self.replayed.remove(id);
            let attempts: Vec<_> = self.attempts.range((*id, 0)..=(*id, u32::MAX)).map(|(key, _)| *key).collect();
            attempts.iter().for_each(|key| self.attempts.remove(key));
            if !self.has_delivery(event) {
                self.forget_event(event);
            }
        }
        Ok(())
    }

    pub(super) fn forget_events(&mut self, ids: &[EventId]) -> Result<(), Refusal> {
        for id in ids {
            if !self.events.contains(id) || self.has_delivery(*id) {
                return Err(Refusal::Stale);
            }
            self.forget_event(*id);
        }
        Ok(())
    }

    pub(super) fn forget_assets(&mut self, ids: &[AssetId]) -> Result<(), Refusal> {
        for id in ids {
            if !self.assets.contains(id) {
                return Err(Refusal::Stale);
            }
            self.assets.remove(id);
            self.detach_everywhere(*id);
        }
        Ok(())
    }

    pub(super) fn removed_outputs_before(&mut self, before: Timestamp) -> Result<(), Refusal> {
        if before <= self.removed_outputs() {
            return Err(Refusal::Stale);
        }
        self.removed_outputs.put((), before);
        Ok(())
    }

    pub(super) fn removed_outputs(&self) -> Timestamp {
        self.removed_outputs.get(&()).copied().unwrap_or_default()
    }
}

/// `None` where there can be nothing: a map's range wants its ends in order.
fn between<K: Ord>(after: Option<K>, before: K) -> Option<(Bound<K>, Bound<K>)> {
    match after {
        Some(after) if after >= before => None,
        Some(after) => Some((Bound::Excluded(after), Bound::Excluded(before))),
        None => Some((Bound::Unbounded, Bound::Excluded(before))),
    }
}
