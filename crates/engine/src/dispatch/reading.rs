//! Reads what is due, once, in order, and hands it to the board.
//!
//! Where much is due already, all of that is taken in the order in which it was made: what was made together lies together on
//! disk, and to write a million outcomes all over a large database costs half as much again as to write them side by side.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use postsync_core::ids::DeliveryId;
use postsync_core::parking::{ParkReason, Patience};
use postsync_core::time::Timestamp;

use super::board::Offered;
use super::{PAGE, due_at, is_parkable, launch, parked};
use crate::ports::{DueCursor, DueDelivery, StoreError};
use crate::world::{World, locked};

/// Between two looks at lanes that nobody has called for.
const LANES_EVERY_MS: i64 = 100;

/// Pages that are read before the loop looks at other things.
const PAGES_PER_ROUND: usize = 8;

/// Due deliveries whose order is known beyond what is in memory; each is two numbers.
const AHEAD_MAX: usize = 524_288;

/// That order is kept no longer: what has become due since may have been made before.
const AHEAD_FOR_MS: i64 = 30_000;

/// Between two readings from the very beginning: what was written behind the reader's place without a word is found then.
const READ_ALL_EVERY_MS: i64 = 5_000;

/// How far the loop has read.
#[derive(Default)]
pub(super) struct Place {
    read_to: Option<DueCursor>,
    /// What is next, in the order in which it was made.
    ahead: VecDeque<DueCursor>,
    ahead_at: Option<Timestamp>,
    /// The last page was a full one: there may be much behind it.
    is_deep: bool,
    read_all_at: Option<Timestamp>,
    lanes_at: Option<Timestamp>,
    /// By which parked deliveries are judged, and when that was asked.
    patience: Option<(Patience, Duration)>,
    /// As of that look.
    pub(super) next_probe_at: Option<Timestamp>,
}

impl Place {
    /// Whether it is time to look at lanes that nobody has called for.
    pub(super) fn looks_at_lanes(&mut self, now: Timestamp) -> bool {
        let is_recent = self.lanes_at.is_some_and(|at| (0..LANES_EVERY_MS).contains(&(now.0 - at.0)));
        if !is_recent {
            self.lanes_at = Some(now);
        }
        !is_recent
    }

    /// Whoever can't wait longer than that has waited too long. `steady`: the hand of the clock that never steps.
    pub(super) fn is_waited_until(&mut self, now: Timestamp, steady: Duration) -> Timestamp {
        let (patience, looked_at) = self.patience.get_or_insert((Patience::starting(now), steady));
        let passed = steady.saturating_sub(std::mem::replace(looked_at, steady));
        patience.look(now, passed)
    }

    /// Behind what was written meanwhile; from time to time, and after the clock was set back, to the beginning.
    pub(super) fn turn_back(&mut self, due_at: Option<Timestamp>, now: Timestamp) {
        let is_recent = |at: Timestamp| (0..READ_ALL_EVERY_MS).contains(&(now.0 - at.0));
        if !self.read_all_at.is_some_and(is_recent) {
            (self.read_to, self.read_all_at) = (None, Some(now));
            if !self.ahead_at.is_some_and(|at| (0..AHEAD_FOR_MS).contains(&(now.0 - at.0))) {
                self.ahead.clear();
            }
        } else if let (Some(read_to), Some(at)) = (self.read_to, due_at)
            && at <= read_to.at
        {
            self.read_to = Some(DueCursor { at: at.plus_ms(-1), id: DeliveryId(i64::MAX) });
        }
    }
}

impl Place {
    /// `None`: there is no more. An empty one is of what was there a moment ago.
    async fn next_page(&mut self, world: &World, until: Timestamp) -> Result<Option<Vec<DueDelivery>>, StoreError> {
        if self.is_deep && self.ahead.is_empty() {
            self.look_ahead(world, until).await?;
        }
        if !self.ahead.is_empty() {
            return self.next_ahead(world).await.map(Some);
        }
        let page = world.ports.store.due(until, self.read_to, PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        let read_to = DueCursor { at: due_at(last), id: last.delivery.id };
        if self.read_to.is_some_and(|before| before >= read_to) {
            // Only a store that contradicts itself comes here; the reading from the very beginning looks again.
            return Ok(None);
        }
        self.is_deep = page.len() >= PAGE.min(world.bounds.ahead_min);
        self.read_to = Some(read_to);
        Ok(Some(page))
    }

    async fn look_ahead(&mut self, world: &World, until: Timestamp) -> Result<(), StoreError> {
        let places = world.ports.store.due_places(until, self.read_to, AHEAD_MAX).await?;
        self.is_deep = places.len() >= world.bounds.ahead_min;
        if self.is_deep {
            self.read_to = places.iter().copied().max().max(self.read_to);
            (self.ahead, self.ahead_at) = (places.into(), Some(world.now()));
        }
        Ok(())
    }

    /// What the page had no room for is next again.
    async fn next_ahead(&mut self, world: &World) -> Result<Vec<DueDelivery>, StoreError> {
        let places: Vec<DueCursor> = self.ahead.iter().take(PAGE).copied().collect();
        let page = world.ports.store.due_at(places.clone()).await?;
        let last = page.last().and_then(|due| places.iter().position(|place| place.id == due.delivery.id));
        self.ahead.drain(..last.map_or(places.len(), |last| last + 1));
        Ok(page)
    }
}

/// Reads on until nothing more is due, or enough waits. Whether anything was read.
pub(super) async fn read(world: &Arc<World>, place: &mut Place, until: Timestamp) -> Result<bool, StoreError> {
    let mut has_read = false;
    for _ in 0..PAGES_PER_ROUND {
        if locked(&world.dispatcher.board).has_enough(world.now()) {
            return Ok(has_read);
        }
        let Some(page) = place.next_page(world, until).await? else { return Ok(has_read) };
        has_read |= !page.is_empty();
        take_in(world, page, false).await?;
    }
    // There is more: the next round goes on, after a look at what else has come up.
    world.dispatcher.bell.notify_one();
    Ok(has_read)
}

/// Queues what may wait in memory, parks the rest, and begins what may begin.
pub(super) async fn take_in(world: &Arc<World>, page: Vec<DueDelivery>, is_fed: bool) -> Result<(), StoreError> {
    let (mut down, mut paused, mut backlog) = (Vec::new(), Vec::new(), Vec::new());
    for due in page {
        let is_parkable = is_parkable(world, &due.delivery);
        let offered = locked(&world.dispatcher.board).offer(due.clone(), world.now(), is_parkable, is_fed);
        match offered {
            Offered::Queued | Offered::Known => {}
            Offered::Park(lane, ParkReason::Down) => down.push((due, lane)),
            Offered::Park(lane, ParkReason::Paused) => paused.push((due, lane)),
            Offered::Park(lane, ParkReason::Backlog) => backlog.push((due, lane)),
        }
    }
    launch(world);
    parked::park_all(world, down, ParkReason::Down).await?;
    parked::park_all(world, paused, ParkReason::Paused).await?;
    parked::park_all(world, backlog, ParkReason::Backlog).await
}
