//! Whether what goes out is the same each time, signed with the one secret, and not too much at once.
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use postsync_core::change::Change;
use postsync_core::ids::{DeliveryId, EventId, GenerationId};
use postsync_core::rotation::Places;

use super::{Checker, Rules, ensure};
use crate::facts::{Fact, Moment};

/// Ids go on above everything that an earlier life has left on disk, whatever the wall clock says.
#[derive(Default)]
pub(super) struct IdsRise {
    highest: i64,
    floor: i64,
}

impl Checker for IdsRise {
    fn name(&self) -> &'static str {
        "ids_rise"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        let id = match fact {
            Fact::Committed(Change::AddEvent(event)) => event.id.0,
            Fact::Committed(Change::AddDelivery(delivery)) => delivery.id.0,
            Fact::Committed(Change::SetSecrets { was, now }) => {
                let known = was.map_or(vec![], Places::ids);
                let Some(new) = now.places().ids().into_iter().find(|id| !known.contains(id)) else { return Ok(()) };
                new.0
            }
            Fact::LifeBegan => {
                self.floor = self.highest;
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.highest = self.highest.max(id);
        ensure(id > self.floor, || format!("{id} was given, and an earlier life has given {}", self.floor))
    }
}

/// Every POST of an event carries the bytes that were frozen with it, under the same event id, to the URL it was made for.
#[derive(Default)]
pub(super) struct SameBytes {
    frozen: BTreeMap<EventId, Bytes>,
    meant: BTreeMap<DeliveryId, (EventId, String)>,
}

impl Checker for SameBytes {
    fn name(&self) -> &'static str {
        "same_bytes"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Committed(Change::AddEvent(event)) => {
                self.frozen.insert(event.id, event.body.clone());
            }
            Fact::Committed(Change::AddDelivery(delivery)) => {
                self.meant.insert(delivery.id, (delivery.event, delivery.url.clone()));
            }
            Fact::PostBegan(post) => {
                let as_frozen = self.frozen.get(&post.event) == Some(&post.body);
                ensure(as_frozen, || format!("attempt {} of {} carries other bytes", post.attempt, post.delivery))?;
                let meant = self.meant.get(&post.delivery);
                let as_meant = meant.is_some_and(|(event, url)| *event == post.event && *url == post.url);
                return ensure(as_meant, || format!("{} carries {} to {}", post.delivery, post.event, post.url));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Never more POSTs, and never more works of one generator, than there may be.
pub(super) struct InFlightBounded {
    posts_max: usize,
    works_max: usize,
    posts: BTreeSet<(DeliveryId, u32)>,
    probes: BTreeSet<(DeliveryId, u32)>,
    works: BTreeSet<GenerationId>,
}

impl InFlightBounded {
    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            posts_max: rules.in_flight_max,
            works_max: rules.works_max,
            posts: BTreeSet::new(),
            probes: BTreeSet::new(),
            works: BTreeSet::new(),
        }
    }
}

impl Checker for InFlightBounded {
    fn name(&self) -> &'static str {
        "in_flight_bounded"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Committed(Change::StartProbe { delivery, attempt, .. }) => {
                self.probes.insert((*delivery, *attempt));
            }
            Fact::PostBegan(post) => {
                self.posts.insert((post.delivery, post.attempt));
            }
            Fact::PostAnswered { delivery, attempt, .. } | Fact::PostCut { delivery, attempt } => {
                self.posts.remove(&(*delivery, *attempt));
            }
            Fact::WorkBegan { generation, instant: false } => {
                self.works.insert(*generation);
            }
            Fact::WorkEnded { generation, .. } => {
                self.works.remove(generation);
            }
            _ => {}
        }
        let again = self.posts.iter().filter(|key| key.1 > 1 && !self.probes.contains(key)).count();
        let again_max = (self.posts_max - self.posts_max / 4).max(1);
        ensure(again <= again_max, || format!("{again} of the POSTs under way are retries"))?;
        ensure(self.posts.len() <= self.posts_max, || format!("{} POSTs are under way", self.posts.len()))?;
        ensure(self.works.len() <= self.works_max, || format!("{} works are under way", self.works.len()))
    }
}
