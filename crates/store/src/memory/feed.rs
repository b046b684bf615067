//! The feeds in memory: places, spans, and how far their readers are.
use std::convert::Infallible;
use std::ops::Bound::Excluded;

use postsync_core::event::Event;
use postsync_core::feed::{Seq, Span, has_place};
use postsync_core::ids::{ConsumerName, EventId, OrgId};
use postsync_core::limits::{CONSUMER_IDLE_MS, CONSUMERS_MAX};
use postsync_core::rule;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{FedEvent, FeedFrom, FeedPage, FeedQuery};

use super::tables::Tables;
use crate::page::cut_feed;
use crate::refusal::Refusal;

/// How far a reader is, and when it last said so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Consumer {
    pub(super) seq: Seq,
    committed_at: Timestamp,
}

impl Tables {
    pub(super) fn give_place(&mut self, event: &Event) {
        if has_place(event) {
            let span = self.span(&event.org);
            let last = Seq(span.last.0 + 1);
            self.feeds.put(event.org.clone(), Span { last, ..span });
            self.places.put((event.org.clone(), last), event.id);
        }
    }

    /// Whyever an event is removed: no reader may step over the hole without a word.
    pub(super) fn forget_event(&mut self, id: EventId) {
        self.events.remove(&id);
        let place = self.places.range(..).find(|(_, event)| **event == id).map(|(key, _)| key.clone());
        if let Some((org, seq)) = place {
            let span = self.span(&org);
            self.feeds.put(org.clone(), Span { forgotten: span.forgotten.max(seq), ..span });
            self.places.remove(&(org, seq));
        }
    }

    pub(super) fn commit_cursor(
        &mut self,
        org: OrgId,
        name: ConsumerName,
        seq: Seq,
        committed_at: Timestamp,
    ) -> Result<(), Refusal> {
        let key = (org, name);
        let behind = |old: Seq| if rule::holds("cursors_never_move_back") { old.max(seq) } else { seq };
        let moved = self.consumers.get(&key).map(|old| Consumer { seq: behind(old.seq), committed_at });
        if moved.is_none() && !self.has_room_for_a_consumer(&key.0, committed_at) {
            return Err(Refusal::Stale);
        }
        self.consumers.put(key, moved.unwrap_or(Consumer { seq, committed_at }));
        Ok(())
    }

    fn has_room_for_a_consumer(&mut self, org: &OrgId, now: Timestamp) -> bool {
        let of_org: Vec<_> = self.consumers.range(..).filter(|((of, _), _)| of == org).collect();
        if of_org.len() < CONSUMERS_MAX {
            return true;
        }
        let idle_since = now.0.saturating_sub(CONSUMER_IDLE_MS);
        let idle = of_org.into_iter().filter(|(_, consumer)| consumer.committed_at.0 < idle_since);
        let idle: Vec<_> = idle.map(|(key, _)| key.clone()).collect();
        idle.iter().for_each(|key| self.consumers.remove(key));
        !idle.is_empty()
    }

    pub(super) fn feed(&self, query: &FeedQuery) -> FeedPage {
        let (org, span) = (&query.org, self.span(&query.org));
        let at = |place: Seq| (org.clone(), place);
        let between = |after: Seq, before: Seq| self.places.range((Excluded(at(after)), Excluded(at(before))));
        let end = Seq(i64::MAX);
        let places: Vec<(Seq, EventId)> = match query.from {
            FeedFrom::After(after) if after < end => {
                between(after.max(span.forgotten), end).take(query.limit).map(place).collect()
            }
            FeedFrom::After(_) => Vec::new(),
            FeedFrom::Before(Some(before)) if before <= span.forgotten => Vec::new(),
            FeedFrom::Before(before) => {
                between(span.forgotten, before.unwrap_or(end)).rev().take(query.limit).map(place).collect()
            }
        };
        let fed = |(seq, id)| Some(Ok(FedEvent { seq, event: self.events.get(&id)?.clone() }));
        let events = places.into_iter().filter_map(fed);
        let Ok(events) = cut_feed::<Infallible>(events, query.bytes_max);
        FeedPage { span, events }
    }

    fn span(&self, org: &OrgId) -> Span {
        self.feeds.get(org).copied().unwrap_or_default()
    }
}

fn place((key, id): (&(OrgId, Seq), &EventId)) -> (Seq, EventId) {
    (key.1, *id)
}
