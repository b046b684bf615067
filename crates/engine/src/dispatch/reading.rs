//! Reads what is due, once, in order, and hands it to the board.
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

/// Between two readings from the very beginning: what was written behind the reader's place without a word is found then.
const READ_ALL_EVERY_MS: i64 = 5_000;

/// How far the loop has read.
#[derive(Default)]
pub(super) struct Place {
    read_to: Option<DueCursor>,
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
        } else if let (Some(read_to), Some(at)) = (self.read_to, due_at)
            && at <= read_to.at
        {
            self.read_to = Some(DueCursor { at: at.plus_ms(-1), id: DeliveryId(i64::MAX) });
        }
    }
}

/// Reads on until nothing more is due, or enough waits. Whether anything was read.
pub(super) async fn read(world: &Arc<World>, place: &mut Place, until: Timestamp) -> Result<bool, StoreError> {
    let mut has_read = false;
    for _ in 0..PAGES_PER_ROUND {
        if locked(&world.dispatcher.board).has_enough(world.now()) {
            return Ok(has_read);
        }
        let page = world.ports.store.due(until, place.read_to, PAGE).await?;
        let Some(last) = page.last() else { return Ok(has_read) };
        let read_to = DueCursor { at: due_at(last), id: last.delivery.id };
        if place.read_to.is_some_and(|before| (before.at, before.id) >= (read_to.at, read_to.id)) {
            // Only a store that contradicts itself comes here; the reading from the very beginning looks again.
            return Ok(has_read);
        }
        has_read = true;
        place.read_to = Some(read_to);
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
