//! What is due and held back: into its lane on disk, and out of it again when there is room or a probe has come through.
//!
//! Promise: whoever is parked is found again, by this process or the next, and loses no step by it. One call does a bounded
//! number of reads and commits, however many wait in its lane.
use std::sync::Arc;

use postsync_core::change::Change;
use postsync_core::delivery::{Delivery, ExhaustedReason, State};
use postsync_core::limits::DUE_PAGE_BYTES_MAX;
use postsync_core::parking::{Lane, ParkReason};
use postsync_core::time::Timestamp;

use super::board::{Call, Expired};
use super::fair::Load;
use super::{PAGE, deadline, due_at, reading};
use crate::endpoints::{self, Notices};
use crate::ports::{Applied, DueDelivery, StoreError};
use crate::world::{World, locked};
use crate::{exhausted, settle};

/// Read of a lane to find one that may be its probe.
const PROBES_READ: usize = 16;

/// Between two searches for lanes that nobody knows of.
const FIND_LANES_EVERY_MS: i64 = 30_000;

/// Lanes that are probed or fed before the loop looks at other things.
const CALLS_PER_ROUND: usize = 32;

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
        let now = world.now();
        let mut board = locked(&world.dispatcher.board);
        let called = page.iter().filter(|(due, lane)| board.note_parked(lane, due, now)).count();
        drop(board);
        if called > 0 {
            world.dispatcher.bell.notify_one();
        }
        if let Err(error) = parked {
            // Still due on disk, all of them: whoever reads on finds them.
            waiting.iter().for_each(|(due, _)| world.dispatcher.forget(due.delivery.id));
            return Err(error);
        }
    }
    waiting.iter().for_each(|(due, _)| world.dispatcher.forget(due.delivery.id));
    Ok(())
}

/// All at once; where one of them is stale, each alone. Says of each whether it was done: whoever goes on with what has not
/// moved turns in a circle.
pub(crate) async fn apply_all(world: &World, changes: Vec<Change>) -> Result<Vec<bool>, StoreError> {
    apply_lists(world, changes.into_iter().map(|change| vec![change]).collect()).await
}

/// The same of lists, each of which is whole or not at all.
async fn apply_lists(world: &World, lists: Vec<Vec<Change>>) -> Result<Vec<bool>, StoreError> {
    if world.ports.store.apply(lists.concat()).await? == Applied::Done {
        return Ok(vec![true; lists.len()]);
    }
    let mut done = Vec::with_capacity(lists.len());
    for list in lists {
        done.push(world.ports.store.apply(list).await? == Applied::Done);
    }
    Ok(done)
}

/// Parked deliveries whose time is over at `until`. Whether something has changed: those that wait on are not read again before
/// their new time, so that all of them have their turn however many there are.
pub(super) async fn end_expired(world: &Arc<World>, until: Timestamp) -> Result<bool, StoreError> {
    let page = world.ports.store.parked_until(until, PAGE).await?;
    if page.is_empty() {
        return Ok(false);
    }
    let (mut lists, mut told) = (Vec::new(), Vec::new());
    for due in &page {
        let change = verdict(world, due, until);
        let notices = match change {
            Change::Exhaust { reason, .. } => endpoints::of_exhausted(world, due, reason).await,
            _ => Notices::default(),
        };
        lists.push([vec![change], notices.changes()].concat());
        told.push(notices);
    }
    let ends: Vec<bool> = lists.iter().map(|list| matches!(list.first(), Some(Change::Exhaust { .. }))).collect();
    let done = apply_lists(world, lists).await?;
    let ended = ends.iter().zip(&done).filter(|(ends, done)| **ends && **done).count();
    if ended > 0 {
        // One line for all: there may be a million of them.
        exhausted::count(ExhaustedReason::DestinationDown, ended);
        let reason = ExhaustedReason::DestinationDown.as_str();
        tracing::warn!(ended, reason, "deliveries are exhausted: what they waited for has not come back");
    }
    told.into_iter().zip(&done).filter(|(_, done)| **done).for_each(|(notices, _)| notices.send(world));
    Ok(done.contains(&true))
}

fn verdict(world: &World, due: &DueDelivery, until: Timestamp) -> Change {
    let Delivery { id, attempts, .. } = due.delivery;
    match locked(&world.dispatcher.board).verdict_on(due) {
        Expired::Ends => Change::Exhaust { id, attempts, at: world.now(), reason: ExhaustedReason::DestinationDown },
        // By the time that is believed: a clock that is put forward by mistake must not move it far away.
        Expired::WaitsOn(wait) => Change::WaitOn { id, attempts, expires_at: until.plus(wait) },
    }
}

/// Probes and feeds lanes that were called, as many as a round may. Whether something has moved.
pub(super) async fn answer_calls(world: &Arc<World>) -> Result<bool, StoreError> {
    let mut moved = false;
    for _ in 0..CALLS_PER_ROUND {
        let call = locked(&world.dispatcher.board).next_call(world.now());
        let (lane, answered) = match call {
            Some(Call::Probe(lane)) => (lane.clone(), probe(world, &lane).await),
            Some(Call::Feed(lane, room)) => (lane.clone(), feed(world, &lane, room).await),
            None => return Ok(moved),
        };
        moved |= answered.inspect_err(|_| locked(&world.dispatcher.board).call(&lane))?;
    }
    if locked(&world.dispatcher.board).has_calls() {
        world.dispatcher.bell.notify_one();
    }
    Ok(moved)
}

/// Sends one delivery of a lane to find out whether the rest may follow: the first whose endpoint is not held back itself.
/// Those before it move to their endpoint's lane.
async fn probe(world: &Arc<World>, lane: &Lane) -> Result<bool, StoreError> {
    let mut page = world.ports.store.probes(lane, world.now(), PROBES_READ).await?;
    if page.is_empty() {
        no_probe(world, lane).await?;
        return Ok(false);
    }
    let mut held = held_elsewhere(world, lane, &page);
    if held.len() == page.len() {
        // Others wait for a probe behind all that a paused endpoint has here: by whole pages, and without a pause.
        page = world.ports.store.probes(lane, world.now(), PAGE).await?;
        held = held_elsewhere(world, lane, &page);
    }
    let candidate = page.into_iter().nth(held.len());
    let moved = move_all(world, held).await?;
    let Some(due) = candidate else {
        if moved {
            locked(&world.dispatcher.board).call(lane);
        }
        return Ok(moved);
    };
    let ticket = locked(&world.dispatcher.board).probe(&due, lane, world.now(), deadline(world));
    let begins = ticket.is_some();
    if let Some(ticket) = ticket {
        settle::spawn_probe(world, due, ticket);
    }
    Ok(begins || moved)
}

/// Those at the front of a page that can't be the probe of that lane, each with the lane that it moves to and why.
fn held_elsewhere(world: &World, lane: &Lane, page: &[DueDelivery]) -> Vec<(DueDelivery, Lane, ParkReason)> {
    let (now, board) = (world.now(), locked(&world.dispatcher.board));
    let held_by = |due: &DueDelivery| board.held_by_its_endpoint(due, now).filter(|(own, _)| own != lane);
    page.iter().map_while(|due| held_by(due).map(|(own, reason)| (due.clone(), own, reason))).collect()
}

async fn no_probe(world: &Arc<World>, lane: &Lane) -> Result<(), StoreError> {
    let last_note = locked(&world.dispatcher.board).lanes_last_note();
    let is_empty = world.ports.store.parked(lane, 1, 1).await?.is_empty();
    let mut board = locked(&world.dispatcher.board);
    if is_empty {
        board.lane_is_empty(lane, last_note);
    } else {
        board.lane_has_no_probe(lane, world.now());
    }
    Ok(())
}

/// Each to its other lane. Whether one has moved.
async fn move_all(world: &Arc<World>, mut held: Vec<(DueDelivery, Lane, ParkReason)>) -> Result<bool, StoreError> {
    if held.is_empty() {
        return Ok(false);
    }
    let now = world.now();
    let move_one = |(due, lane, reason): &mut (DueDelivery, Lane, ParkReason)| {
        due.delivery.state = State::Due(due_at(due));
        let unpark = due.delivery.unpark();
        vec![unpark, due.delivery.park(lane.clone(), *reason, &world.settings.schedule, now)]
    };
    let moved = apply_lists(world, held.iter_mut().map(move_one).collect()).await?;
    let mut board = locked(&world.dispatcher.board);
    held.iter().for_each(|(due, lane, _)| _ = board.note_parked(lane, due, now));
    Ok(moved.contains(&true))
}

/// Moves some of a lane's deliveries back into memory, and no more than there is room for: the rest would be parked again at
/// once.
async fn feed(world: &Arc<World>, lane: &Lane, room: Load) -> Result<bool, StoreError> {
    let (limit, bytes_max) = (room.len.min(PAGE), room.bytes.min(DUE_PAGE_BYTES_MAX));
    let last_note = locked(&world.dispatcher.board).lanes_last_note();
    let page = world.ports.store.parked(lane, limit, bytes_max).await?;
    let is_all = page.len() < limit && page.iter().map(DueDelivery::bytes).sum::<usize>() < bytes_max;
    let moved = apply_all(world, page.iter().map(|due| due.delivery.unpark()).collect()).await?;
    if is_all {
        locked(&world.dispatcher.board).lane_is_empty(lane, last_note);
    }
    let now = world.now();
    let has_moved = moved.contains(&true);
    let mut fed = Vec::with_capacity(page.len());
    // What is stale was parked by nobody, whatever the lane says: to take it in would be to read it again at once.
    for (mut due, _) in page.into_iter().zip(moved).filter(|(_, moved)| *moved) {
        due.delivery.state = State::Due(due_at(&due));
        if due_at(&due) <= now {
            fed.push(due);
        }
    }
    reading::take_in(world, fed, true).await?;
    if !is_all && has_moved {
        // Where most of them only moved on to another lane there is room still.
        locked(&world.dispatcher.board).call(lane);
        world.dispatcher.bell.notify_one();
    }
    Ok(has_moved)
}

/// Looks at a page of the lanes on disk for those that the board does not know: an earlier process left them, or a commit was
/// done that nobody heard of.
pub(super) async fn find_lanes(world: &Arc<World>, search: &mut Search) -> Result<(), StoreError> {
    let now = world.now();
    if !search.is_due(now) {
        return Ok(());
    }
    let page = world.ports.store.parked_lanes(search.after.clone(), PAGE).await?;
    for lane in &page {
        if locked(&world.dispatcher.board).knows_lane(lane) {
            continue;
        }
        if let Some(due) = world.ports.store.parked(lane, 1, 1).await?.pop() {
            locked(&world.dispatcher.board).found_parked(lane, &due, world.now());
        }
    }
    let has_more = page.len() == PAGE;
    search.after = page.into_iter().next_back().filter(|_| has_more);
    search.ended_at = (!has_more).then_some(now);
    if has_more {
        // What else there is to do comes between two pages.
        world.dispatcher.bell.notify_one();
    }
    Ok(())
}

/// How far the search for lanes has come.
#[derive(Default)]
pub(super) struct Search {
    after: Option<Lane>,
    /// `None` while it goes on.
    ended_at: Option<Timestamp>,
}

impl Search {
    fn is_due(&self, now: Timestamp) -> bool {
        !self.ended_at.is_some_and(|at| (0..FIND_LANES_EVERY_MS).contains(&(now.0 - at.0)))
    }
}
