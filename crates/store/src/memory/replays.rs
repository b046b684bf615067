//! Replays, and what they walk over.
use std::ops::Bound;

use postsync_core::change::ReplayStep;
use postsync_core::delivery::State;
use postsync_core::ids::{DeliveryId, OrgId, ReplayId};
use postsync_core::limits::{REPLAYS_RUNNING_MAX, REPLAYS_RUNNING_OF_ONE_MAX};
use postsync_core::parking::ParkReason;
use postsync_core::replay::{Ended, EndedAs, Original, Replay};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{ReplayCount, ReplayPage, ReplayQuery};

use super::tables::{Row, Tables};
use crate::refusal::{Refusal, duplicate};

impl Tables {
    pub(super) fn add_replay(&mut self, replay: Replay) -> Result<(), Refusal> {
        if self.replays.contains(&replay.id) {
            return Err(duplicate("replay"));
        }
        let running = || self.replays.values().filter(|replay| replay.ended_at.is_none());
        let of_one = running().filter(|other| other.org == replay.org).count();
        if running().count() >= REPLAYS_RUNNING_MAX || of_one >= REPLAYS_RUNNING_OF_ONE_MAX {
            return Err(Refusal::Stale);
        }
        self.replays.put(replay.id, replay);
        Ok(())
    }

    pub(super) fn advance_replay(&mut self, step: &ReplayStep) -> Result<(), Refusal> {
        let fits = |replay: &&Replay| replay.ended_at.is_none() && replay.read_to == step.from;
        let found = self.replays.get(&step.id).filter(fits).ok_or(Refusal::Stale)?;
        let (made, skipped) = (found.made + step.made, found.skipped + step.skipped);
        let count = if step.ended_at.is_some() { Some(made + skipped) } else { found.count };
        let moved = Replay { read_to: step.to, made, skipped, count, ended_at: step.ended_at, ..found.clone() };
        self.replays.put(step.id, moved);
        Ok(())
    }

    pub(super) fn forget_replays(&mut self, before: ReplayId, limit: usize) -> Result<(), Refusal> {
        let old = self.replays.range(..before).filter(|(_, replay)| replay.ended_at.is_some());
        let ids: Vec<ReplayId> = old.map(|(id, _)| *id).take(limit).collect();
        ids.iter().for_each(|id| self.replays.remove(id));
        if ids.is_empty() { Err(Refusal::Stale) } else { Ok(()) }
    }

    pub(super) fn mark_replayed(
        &mut self,
        id: DeliveryId,
        before: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        if !self.deliveries.contains(&id) || self.replayed.get(&id).copied() != before {
            return Err(Refusal::Stale);
        }
        self.replayed.put(id, at);
        Ok(())
    }

    pub(super) fn replayable(&self, query: &ReplayQuery) -> ReplayPage {
        let (looked_at, mut read_to) = self.look(query);
        let mut found: Vec<Original> = Vec::new();
        for (row, _) in looked_at.into_iter().filter(|(_, ended)| query.filter.fits(ended)) {
            if found.len() == query.limit {
                read_to = Some(found.last().map_or(query.after, |last| last.delivery.id));
                break;
            }
            found.push(self.original_of(row));
        }
        ReplayPage { found, read_to }
    }

    pub(super) fn count_replayable(&self, query: &ReplayQuery) -> ReplayCount {
        let (looked_at, read_to) = self.look(query);
        let count = looked_at.iter().filter(|(_, ended)| query.filter.fits(ended)).count() as u64;
        ReplayCount { count, read_to }
    }

    /// Those that may be meant, and how far that is; `None` where it is all.
    fn look(&self, query: &ReplayQuery) -> (Vec<(&Row, Ended)>, Option<DeliveryId>) {
        let may_be_meant = |row: &&Row| row.delivery.org == query.org && query.filter.names(&row.delivery);
        // A walk that ends before it begins, as one is that starts in the future, finds nothing; a range would panic.
        let walked = (Bound::Excluded(query.after), Bound::Included(query.until.max(query.after)));
        let rows = self.deliveries.range(walked).map(|(_, row)| row).filter(may_be_meant);
        let ended = rows.filter_map(|row| Some((row, self.ended(row)?)));
        let right = ended.filter(|(_, ended)| query.filter.status.is_none_or(|status| status == ended.ended));
        let looked_at: Vec<_> = right.take(query.look).collect();
        let is_all = looked_at.len() < query.look;
        let read_to = looked_at.last().map(|(row, _)| row.delivery.id).filter(|_| !is_all);
        (looked_at, read_to)
    }

    pub(super) fn ended(&self, row: &Row) -> Option<Ended> {
        let id = row.delivery.id;
        let last = self.attempts.get(&(id, row.delivery.attempts));
        Some(Ended {
            ended: EndedAs::of(row.delivery.state)?,
            created_at: row.delivery.created_at,
            error: last.and_then(|attempt| attempt.end.as_ref()?.error),
            replayed_at: self.replayed.get(&id).copied(),
        })
    }

    pub(super) fn original(&self, org: &OrgId, id: DeliveryId) -> Option<Original> {
        self.deliveries.get(&id).filter(|row| row.delivery.org == *org).map(|row| self.original_of(row))
    }

    fn original_of(&self, row: &Row) -> Original {
        Original {
            delivery: row.delivery.clone(),
            replayed_at: self.replayed.get(&row.delivery.id).copied(),
            has_event: self.events.contains(&row.delivery.event),
        }
    }

    pub(super) fn waiting(&self, mut ids: Vec<DeliveryId>, now: Timestamp) -> Vec<DeliveryId> {
        ids.retain(|id| match self.deliveries.get(id).map(|row| row.delivery.state) {
            Some(State::Due(at)) => at <= now,
            Some(State::Parked(_, reason)) => reason == ParkReason::Backlog,
            Some(State::Delivered(_) | State::Exhausted(..)) | None => false,
        });
        ids
    }
}
