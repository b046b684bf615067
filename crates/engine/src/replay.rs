//! Replays: walks over deliveries that have ended, and makes those that are meant anew.
//!
//! Promise: a replay that was answered goes on until it is done, whatever dies in between. A page of new deliveries and the
//! new place of the walk are one commit, so that none is skipped and none is made twice.
//!
//! It stays behind what is new: its deliveries have the slots of retries, and all walks together leave only so many of them
//! waiting for their turn, fewer than an endpoint's queue takes. What waits for a receiver that is down, or for its next point, is
//! not counted: one receiver that is down does not hold up a walk.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use postsync_core::change::Change;
use postsync_core::delivery::{Delivery, Origin, State};
use postsync_core::endpoint::Endpoint;
use postsync_core::ids::{DeliveryId, OrgId, ReplayId};
use postsync_core::limits::{REPLAYS_RUNNING_MAX, REPLAYS_RUNNING_OF_ONE_MAX};
use postsync_core::replay::{self, Circumstances, EndedAs, Filter, Replay};
use postsync_core::rule;

use crate::endpoints;
use crate::engine::Engine;
use crate::ports::{Applied, DeliveryRecord, ReplayPage, ReplayQuery, StoreError};
use crate::world::World;

/// Between two turns of a walk.
const TURN_EVERY: Duration = Duration::from_millis(50);

/// Deliveries made in one commit.
const PAGE: usize = 256;

/// Deliveries looked at in one read of a walk.
const LOOK: usize = 2_048;

/// Reads of one turn, where none of what is looked at is meant.
const LOOKS_PER_TURN: usize = 16;

/// Deliveries looked at in one read of a count.
const COUNT_LOOK: usize = 4_096;

/// How long a client waits for a count.
const COUNT_MAX: Duration = Duration::from_secs(2);

/// Why deliveries were not replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The store failed; nothing was written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// We were asked to stop.
    #[error("the server is stopping")]
    Stopping,
    /// There is no such delivery.
    #[error("the delivery does not exist")]
    NotFound,
    /// It is still being tried.
    #[error("the delivery has not ended")]
    NotEnded,
    /// The bytes to send are not kept any more.
    #[error("the event's body is not kept any more")]
    EventGone,
    /// Its endpoint gets nothing.
    #[error("the delivery's endpoint is disabled")]
    Disabled,
    /// A listener has taken it: nobody here reaches where that hands on to.
    #[error("the delivery is a listener's")]
    OfListener,
    /// Somebody else did at the same moment.
    #[error("the delivery is being replayed")]
    AtOnce,
    /// As many are running as may.
    #[error("too many replays are running")]
    TooMany,
}

/// One walk, as this process knows it. Nothing of it is missed after a crash: what is not on disk is looked at again.
#[derive(Default)]
struct Walk {
    /// Ahead of the place on disk where nothing was found since.
    read_to: Option<DeliveryId>,
    /// What it has made that may still wait for its turn.
    waiting: Vec<DeliveryId>,
}

/// The loop.
pub(crate) async fn run(world: Arc<World>) {
    let mut walks = BTreeMap::new();
    loop {
        let round = async {
            match go_round(&world, &mut walks).await {
                Ok(true) => world.ports.clock.sleep(TURN_EVERY).await,
                Ok(false) => world.replays.notified().await,
                Err(error) => world.pause_after(&error, "replays").await,
            }
        };
        tokio::select! {
            biased;
            _ = world.stopping.cancelled() => return,
            () = round => {}
        }
    }
}

/// One turn of each walk; whether there is any.
async fn go_round(world: &Arc<World>, walks: &mut BTreeMap<ReplayId, Walk>) -> Result<bool, StoreError> {
    let running = world.ports.store.running_replays(REPLAYS_RUNNING_MAX).await?;
    walks.retain(|id, _| running.iter().any(|replay| replay.id == *id));
    // Together they leave no more waiting than one alone.
    let share = (world.bounds.replay_max / running.len().max(1)).max(1);
    let mut failed = None;
    for replay in &running {
        let turn = turn(world, replay, walks.entry(replay.id).or_default(), share).await;
        // The others have their turn all the same.
        failed = failed.or(turn.err());
    }
    failed.map_or(Ok(!running.is_empty()), Err)
}

async fn turn(world: &Arc<World>, replay: &Replay, walk: &mut Walk, share: usize) -> Result<(), StoreError> {
    walk.waiting = world.ports.store.waiting(walk.waiting.clone(), world.now()).await?;
    let room = share.saturating_sub(walk.waiting.len()).min(PAGE);
    if room == 0 {
        return Ok(());
    }
    for _ in 0..LOOKS_PER_TURN {
        let after = walk.read_to.map_or(replay.read_to, |at| at.max(replay.read_to));
        let query = query(&replay.org, &replay.filter, after, replay.until());
        let page = world.ports.store.replayable(ReplayQuery { look: LOOK, limit: room, ..query }).await?;
        match page.read_to {
            Some(read_to) if page.found.is_empty() => walk.read_to = Some(read_to),
            _ => return make(world, replay, walk, page).await,
        }
    }
    Ok(())
}

/// Makes a page's deliveries and moves on, in one commit.
async fn make(world: &Arc<World>, replay: &Replay, walk: &mut Walk, page: ReplayPage) -> Result<(), StoreError> {
    let registered = endpoints::registered(world, &replay.org).await?;
    let given = given(world, &registered);
    let advance = replay.advance(&page.found, page.read_to, given, || world.new_delivery_id());
    let mut changes = advance.changes;
    if !rule::holds("a_replay_moves_with_what_it_makes") {
        let step = vec![changes.remove(0)];
        let _ = world.ports.store.apply(std::mem::replace(&mut changes, step)).await?;
    }
    // Stale where one of them was replayed by itself meanwhile, or its row was removed: it is looked at again.
    if world.ports.store.apply(changes).await? == Applied::Stale {
        return Ok(());
    }
    walk.waiting.extend(advance.made.iter().map(|delivery| delivery.id));
    ring(world, &advance.made);
    if page.read_to.is_none() {
        tracing::info!(replay = %replay.id, "a replay is done");
    }
    Ok(())
}

fn given<'a>(world: &'a World, registered: &'a [Endpoint]) -> Circumstances<'a> {
    Circumstances { registered, servers: &world.settings.schedule, now: world.now() }
}

/// Tells the dispatcher of what is on disk, and counts it.
fn ring(world: &World, made: &[Delivery]) {
    metrics::counter!("postsync_replayed_total").increment(made.len() as u64);
    let due = |delivery: &Delivery| match delivery.state {
        State::Due(at) => Some(at),
        State::Parked(..) | State::Delivered(_) | State::Exhausted(..) => None,
    };
    if let Some(due_at) = made.iter().filter_map(due).min() {
        world.dispatcher.ring(due_at);
    }
}

fn query(org: &OrgId, filter: &Filter, after: DeliveryId, until: DeliveryId) -> ReplayQuery {
    ReplayQuery { org: org.clone(), filter: filter.clone(), after, until, look: COUNT_LOOK, limit: usize::MAX }
}

/// Takes a replay on: when this answers it is on disk, and the walk begins.
async fn begin(world: &World, org: OrgId, filter: Filter) -> Result<Replay, ReplayError> {
    if world.stopping.is_cancelled() {
        return Err(ReplayError::Stopping);
    }
    // The store decides: this only spares a count for nothing.
    let running = world.ports.store.running_replays(REPLAYS_RUNNING_MAX).await?;
    let own = running.iter().filter(|replay| replay.org == org).count();
    if running.len() >= REPLAYS_RUNNING_MAX || own >= REPLAYS_RUNNING_OF_ONE_MAX {
        return Err(ReplayError::TooMany);
    }
    let (id, now) = (world.new_replay_id(), world.now());
    let mut replay = Replay::new(id, org, filter, now, None);
    replay.count = count(world, &replay).await?;
    match world.ports.store.apply(vec![Change::AddReplay(Box::new(replay.clone()))]).await? {
        Applied::Done => {}
        // Others have begun meanwhile.
        Applied::Stale => return Err(ReplayError::TooMany),
    }
    tracing::info!(replay = %id, count = replay.count, "a replay has begun");
    world.replays.notify_one();
    Ok(replay)
}

/// How many deliveries a replay that began now would come to; `None` where it takes too long to say.
async fn count_now(world: &World, org: OrgId, filter: Filter) -> Result<Option<u64>, StoreError> {
    count(world, &Replay::new(world.new_replay_id(), org, filter, world.now(), None)).await
}

/// A page at a time: no read is long, and nobody else waits for one.
async fn count(world: &World, replay: &Replay) -> Result<Option<u64>, StoreError> {
    let began = world.now();
    let (mut count, mut after) = (0, replay.read_to);
    loop {
        let page = query(&replay.org, &replay.filter, after, replay.until());
        let page = world.ports.store.count_replayable(page).await?;
        count += page.count;
        let Some(read_to) = page.read_to else { return Ok(Some(count)) };
        if world.now().since(began) > COUNT_MAX {
            return Ok(None);
        }
        after = read_to;
    }
}

/// Makes one delivery anew. Gives the new one as it is on disk.
async fn one(world: &Arc<World>, org: &OrgId, id: DeliveryId) -> Result<DeliveryRecord, ReplayError> {
    if world.stopping.is_cancelled() {
        return Err(ReplayError::Stopping);
    }
    let store = &world.ports.store;
    let original = store.original(org, id).await?.ok_or(ReplayError::NotFound)?;
    if EndedAs::of(original.delivery.state).is_none() {
        return Err(ReplayError::NotEnded);
    }
    if !original.has_event {
        return Err(ReplayError::EventGone);
    }
    let registered = endpoints::registered(world, org).await?;
    let made = replay::replay_one(&original, world.new_delivery_id(), given(world, &registered));
    let none =
        if original.delivery.origin == Origin::Listener { ReplayError::OfListener } else { ReplayError::Disabled };
    let (changes, made) = made.ok_or(none)?;
    if store.apply(changes).await? == Applied::Stale {
        return Err(ReplayError::AtOnce);
    }
    ring(world, std::slice::from_ref(&made));
    store.delivery(org, made.id).await?.ok_or(ReplayError::NotFound)
}

impl Engine {
    /// Takes on a replay of many deliveries: when this answers, it is on disk.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn replay(&self, org: OrgId, filter: Filter) -> Result<Replay, ReplayError> {
        begin(&self.world, org, filter).await
    }

    /// How many deliveries such a replay would come to; `None` where it takes too long to say.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn count_for_replay(&self, org: OrgId, filter: Filter) -> Result<Option<u64>, StoreError> {
        count_now(&self.world, org, filter).await
    }

    /// Makes one delivery that has ended anew. Gives the new one, which is on disk.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn replay_one(&self, org: &OrgId, id: DeliveryId) -> Result<DeliveryRecord, ReplayError> {
        one(&self.world, org, id).await
    }
}
