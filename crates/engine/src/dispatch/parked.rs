//! What is due and held back: into its lane on disk, and out of it again when there is room or a probe has come through.
//!
//! Promise: whoever is parked is found again, by this process or the next, and loses no step by it.
use std::sync::Arc;

use postsync_core::change::Change;
use postsync_core::delivery::{ExhaustedReason, State};
use postsync_core::parking::{Lane, ParkReason};

use super::{PAGE, Ticket, deadline, due_at, land, reading};
use crate::ports::{Applied, DueDelivery, StoreError};
use crate::settle;
use crate::world::{World, locked};

/// Moves deliveries out of `due` and out of memory.
pub(super) async fn park_all(
    world: &Arc<World>,
    waiting: Vec<(DueDelivery, Lane)>,
    reason: ParkReason,
) -> Result<(), StoreError> {
    for page in waiting.chunks(PAGE) {
        let park =
            |(due, lane): &(DueDelivery, Lane)| due.delivery.park(lane.clone(), reason, &world.settings.schedule);
        let parked = apply_all(world, page.iter().map(park).collect()).await;
        let mut board = locked(&world.dispatcher.board);
        for (due, lane) in page {
            board.note_parked(lane, due);
        }
        drop(board);
        if parked.is_err() {
            // Still due on disk, all of them: whoever reads on finds them.
            waiting.iter().for_each(|(due, _)| world.dispatcher.forget(due.delivery.id));
            return parked;
        }
    }
    waiting.iter().for_each(|(due, _)| world.dispatcher.forget(due.delivery.id));
    Ok(())
}

/// All at once; where one of them is stale, each alone.
async fn apply_all(world: &World, changes: Vec<Change>) -> Result<(), StoreError> {
    if world.ports.store.apply(changes.clone()).await? == Applied::Done {
        return Ok(());
    }
    for change in changes {
        let _ = world.ports.store.apply(vec![change]).await?;
    }
    Ok(())
}

/// Parked deliveries whose schedule is over.
pub(super) async fn end_expired(world: &World) -> Result<(), StoreError> {
    loop {
        let now = world.now();
        let page = world.ports.store.parked_until(now, PAGE).await?;
        let exhaust = |due: &DueDelivery| Change::Exhaust {
            id: due.delivery.id,
            at: now,
            reason: ExhaustedReason::DestinationDown,
        };
        apply_all(world, page.iter().map(exhaust).collect()).await?;
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

/// Sends one delivery of a lane to find out whether the rest may follow.
pub(super) async fn probe(world: &Arc<World>, lane: &Lane) -> Result<(), StoreError> {
    let Some(mut due) = world.ports.store.parked(lane, 1).await?.pop() else {
        locked(&world.dispatcher.board).lane_is_empty(lane);
        return Ok(());
    };
    let Some(ticket) = locked(&world.dispatcher.board).probe(&due, world.now(), deadline(world)) else { return Ok(()) };
    let start = due.delivery.start_probe(world.now());
    match world.ports.store.apply(vec![start]).await {
        Ok(Applied::Done) => settle::spawn_started(world, due, ticket),
        Ok(Applied::Stale) => give_back(world, &ticket),
        Err(error) => {
            give_back(world, &ticket);
            return Err(error);
        }
    }
    Ok(())
}

fn give_back(world: &Arc<World>, ticket: &Ticket) {
    land(world, ticket, None);
    world.dispatcher.forget(ticket.id);
}

/// Moves some of a lane's deliveries back into memory.
pub(super) async fn feed(world: &Arc<World>, lane: &Lane, room: usize) -> Result<(), StoreError> {
    let mut page = world.ports.store.parked(lane, room).await?;
    if page.len() < room {
        locked(&world.dispatcher.board).lane_is_empty(lane);
    }
    apply_all(world, page.iter().map(|due| Change::Unpark { id: due.delivery.id }).collect()).await?;
    let now = world.now();
    page.retain_mut(|due| {
        due.delivery.state = State::Due(due_at(due));
        due_at(due) <= now
    });
    reading::take_in(world, page).await
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
