//! What is due and held back: into its lane on disk, and out of it again when there is room or a probe has come through.
//!
//! Promise: whoever is parked is found again, by this process or the next, and loses no step by it.
use std::sync::Arc;

use postsync_core::change::Change;
use postsync_core::delivery::{ExhaustedReason, State};
use postsync_core::parking::{Lane, ParkReason};
use postsync_core::time::Timestamp;

use super::board::Expired;
use super::{PAGE, deadline, due_at, reading};
use crate::ports::{Applied, DueDelivery, StoreError};
use crate::settle;
use crate::world::{World, locked};

/// Read of a lane to find one that may be its probe.
const PROBES_READ: usize = 16;

/// Moves deliveries out of `due` and out of memory.
pub(super) async fn park_all(
    world: &Arc<World>,
    waiting: Vec<(DueDelivery, Lane)>,
    reason: ParkReason,
) -> Result<(), StoreError> {
    for page in waiting.chunks(PAGE) {
        let park = |(due, lane): &(DueDelivery, Lane)| {
            due.delivery.park(lane.clone(), reason, &world.settings.schedule, world.now())
        };
        let parked = apply_all(world, page.iter().map(park).collect()).await;
        let mut board = locked(&world.dispatcher.board);
        for (due, lane) in page {
            board.note_parked(lane, due);
        }
        drop(board);
        if let Err(error) = parked {
            // Still due on disk, all of them: whoever reads on finds them.
            waiting.iter().for_each(|(due, _)| world.dispatcher.forget(due.delivery.id));
            return Err(error);
        }
    }
    waiting.iter().for_each(|(due, _)| world.dispatcher.forget(due.delivery.id));
    Ok(())
}

/// All at once; where one of them is stale, each alone. Gives how many were done: whoever goes on until there is nothing
/// left must not go on where nothing moves.
async fn apply_all(world: &World, changes: Vec<Change>) -> Result<usize, StoreError> {
    if world.ports.store.apply(changes.clone()).await? == Applied::Done {
        return Ok(changes.len());
    }
    let mut done = 0;
    for change in changes {
        done += usize::from(world.ports.store.apply(vec![change]).await? == Applied::Done);
    }
    Ok(done)
}

/// Parked deliveries whose schedule is over.
pub(super) async fn end_expired(world: &World) -> Result<(), StoreError> {
    let now = world.now();
    let page = world.ports.store.parked_until(now, PAGE).await?;
    let changes: Vec<Change> = page.iter().filter_map(|due| verdict(world, due, now)).collect();
    if let (false, Some(due_at)) = (changes.is_empty(), page.iter().map(due_at).min()) {
        let done = apply_all(world, changes).await?;
        if done > 0 {
            world.dispatcher.ring(due_at);
        }
    }
    Ok(())
}

fn verdict(world: &World, due: &DueDelivery, now: Timestamp) -> Option<Change> {
    let id = due.delivery.id;
    Some(match locked(&world.dispatcher.board).verdict_on(due)? {
        Expired::Ends => Change::Exhaust { id, at: now, reason: ExhaustedReason::DestinationDown },
        Expired::IsDue => Change::Unpark { id },
    })
}

/// Sends one delivery of a lane to find out whether the rest may follow: the first whose endpoint is not down itself. Those
/// before it move to their endpoint's lane.
pub(super) async fn probe(world: &Arc<World>, lane: &Lane) -> Result<(), StoreError> {
    let page = world.ports.store.parked(lane, PROBES_READ).await?;
    if page.is_empty() {
        locked(&world.dispatcher.board).lane_is_empty(lane);
    }
    for mut due in page {
        let held_by = locked(&world.dispatcher.board).held_by_its_endpoint(&due, world.now());
        if let Some(own) = held_by.filter(|own| own != lane) {
            move_to(world, &mut due, own).await?;
            continue;
        }
        let ticket = locked(&world.dispatcher.board).probe(&due, world.now(), deadline(world));
        if let Some(ticket) = ticket {
            settle::spawn_probe(world, due, ticket);
        }
        return Ok(());
    }
    Ok(())
}

async fn move_to(world: &Arc<World>, due: &mut DueDelivery, lane: Lane) -> Result<(), StoreError> {
    due.delivery.state = State::Due(due_at(due));
    let unpark = Change::Unpark { id: due.delivery.id };
    let park = due.delivery.park(lane.clone(), ParkReason::Down, &world.settings.schedule, world.now());
    let _ = world.ports.store.apply(vec![unpark, park]).await?;
    locked(&world.dispatcher.board).note_parked(&lane, due);
    Ok(())
}

/// Moves some of a lane's deliveries back into memory.
pub(super) async fn feed(world: &Arc<World>, lane: &Lane, room: usize) -> Result<(), StoreError> {
    let mut page = world.ports.store.parked(lane, room).await?;
    let is_all = page.len() < room;
    let moved = apply_all(world, page.iter().map(|due| Change::Unpark { id: due.delivery.id }).collect()).await?;
    if is_all {
        locked(&world.dispatcher.board).lane_is_empty(lane);
    }
    let now = world.now();
    page.retain_mut(|due| {
        due.delivery.state = State::Due(due_at(due));
        due_at(due) <= now
    });
    reading::take_in(world, page, true).await?;
    if !is_all && moved > 0 {
        // Where most of them only moved on to another lane there is room still.
        world.dispatcher.call();
    }
    Ok(())
}

/// What an earlier process left parked.
pub(super) async fn find_lanes(world: &Arc<World>) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = world.ports.store.parked_lanes(after, PAGE).await?;
        let Some(last) = page.last().cloned() else { return Ok(()) };
        for lane in page {
            if let Some(due) = world.ports.store.parked(&lane, 1).await?.pop() {
                locked(&world.dispatcher.board).found_parked(&lane, &due, world.now());
            }
        }
        after = Some(last);
    }
}
