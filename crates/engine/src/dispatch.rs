//! Room 6: takes deliveries that are due and has each attempted, as many at once as there are slots.
//!
//! Promise: whatever is due on disk is found, because the disk is read: at start, whenever the bell rings, and when the
//! next due time comes. Memory holds only what is under way.
//!
//! Deliberately absent: what an outcome means (`core::delivery`), HTTP, and, until destinations have windows and circuits
//! of their own, any difference between one receiver and another: they will stand between the page and the slot.
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postsync_core::ids::DeliveryId;
use postsync_core::rule;
use postsync_core::time::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::ports::{DueCursor, DueDelivery, StoreError};
use crate::settle;
use crate::world::{World, locked};

/// Due deliveries read at once.
const PAGE: usize = 256;

/// The longest sleep without a look at the store: another process on the same database can't ring our bell.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(crate) struct Dispatcher {
    slots: Arc<Semaphore>,
    /// Taken up, and perhaps not yet marked open on disk: a page read meanwhile may show them again.
    flying: Mutex<BTreeSet<DeliveryId>>,
    bell: Notify,
}

/// The right to have one POST under way. Given back when it is dropped.
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Dispatcher {
    pub(crate) fn new(in_flight_max: usize) -> Self {
        let slots = if rule::holds("attempts_in_flight_are_bounded") { in_flight_max } else { in_flight_max * 4 };
        Self { slots: Arc::new(Semaphore::new(slots)), flying: Mutex::default(), bell: Notify::new() }
    }

    /// A slot, if one is free now.
    pub(crate) fn reserve(&self) -> Option<Slot> {
        self.slots.clone().try_acquire_owned().ok().map(|permit| Slot { _permit: permit })
    }

    async fn slot(&self) -> Option<Slot> {
        self.slots.clone().acquire_owned().await.ok().map(|permit| Slot { _permit: permit })
    }

    /// Something has become due on disk, or its due time has changed.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    fn take_off(&self, id: DeliveryId) -> bool {
        locked(&self.flying).insert(id)
    }

    /// The delivery is not under way any more.
    pub(crate) fn land(&self, id: DeliveryId) {
        locked(&self.flying).remove(&id);
    }
}

/// The loop.
pub(crate) async fn run(world: Arc<World>) {
    loop {
        let round = async {
            // One for the whole round: with a new one for each page, arrivals that keep up make a round without end, and
            // what comes to lie behind its cursor waits for as long.
            let early = if rule::holds("only_what_is_due_is_sent") { Duration::ZERO } else { Duration::from_secs(60) };
            let until = world.now().plus(early);
            if let Err(error) = attempt_all_due(&world, until).await {
                world.pause_after(&error, "due deliveries").await;
                return;
            }
            wait_for_more(&world, until).await;
        };
        tokio::select! {
            biased;
            _ = world.stopping.cancelled() => return,
            () = round => {}
        }
    }
}

async fn attempt_all_due(world: &Arc<World>, until: Timestamp) -> Result<(), StoreError> {
    let dispatcher = &world.dispatcher;
    let mut read_to = None;
    loop {
        let page = world.ports.store.due(until, read_to, PAGE).await?;
        let Some(cursor) = page.last().map(cursor_of) else { return Ok(()) };
        for due in page {
            if !dispatcher.take_off(due.delivery.id) {
                continue;
            }
            let Some(slot) = dispatcher.slot().await else { return Ok(()) };
            settle::spawn_due(world, due, slot);
        }
        read_to = Some(cursor);
    }
}

async fn wait_for_more(world: &World, attempted_until: Timestamp) {
    let until_next = match world.ports.store.next_due(attempted_until).await {
        Ok(Some(at)) => at.since(world.now()).min(LOOK_EVERY),
        Ok(None) => LOOK_EVERY,
        Err(error) => return world.pause_after(&error, "the next due time").await,
    };
    tokio::select! {
        biased;
        () = world.dispatcher.bell.notified() => {}
        () = world.ports.clock.sleep(until_next) => {}
    }
}

fn cursor_of(due: &DueDelivery) -> DueCursor {
    let at = match due.delivery.state {
        postsync_core::delivery::State::Due(at) => at,
        _ => due.delivery.created_at,
    };
    DueCursor { at, id: due.delivery.id }
}
