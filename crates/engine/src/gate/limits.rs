//! Limits that change while the server runs.
//!
//! Promise: an organization that is given its first limit has what is open counted before anything is let in or refused by it;
//! who waits for room is let in within [`LOOKED_EVERY`] and a moment after there may be more. What was on its way to the disk
//! without a limit at that time is not counted.
//!
//! How it fails: where the store can't be read, a create is not taken, and who waits goes on waiting.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use postsync_core::ids::OrgId;

use super::{Places, let_next_in, open};
use crate::ports::StoreError;
use crate::world::{World, locked};

/// How often it is looked whether there may be more, while somebody waits.
const LOOKED_EVERY: Duration = Duration::from_secs(1);

/// Counts what an organization has open, where that is not known yet.
pub(super) async fn count_once(world: &World, org: &OrgId) -> Result<(), StoreError> {
    if is_counted(world, org) {
        return Ok(());
    }
    let _turn = world.gate.counts.lock().await;
    if is_counted(world, org) {
        return Ok(());
    }
    let count = Count::begin(world, org);
    let found = open(world, org).await?;
    if let Some(places) = locked(&world.gate.orgs).get_mut(org) {
        let ended = places.ended.take().unwrap_or_default();
        places.taken.extend(found.difference(&ended));
    }
    drop(count);
    Ok(())
}

fn is_counted(world: &World, org: &OrgId) -> bool {
    locked(&world.gate.orgs).get(org).is_some_and(|places| places.ended.is_none())
}

/// A count that is under way. Dropped before its end, nothing is known of the organization, as before.
struct Count<'a> {
    world: &'a World,
    org: &'a OrgId,
}

impl<'a> Count<'a> {
    fn begin(world: &'a World, org: &'a OrgId) -> Self {
        let places = Places { ended: Some(BTreeSet::new()), ..Places::default() };
        locked(&world.gate.orgs).insert(org.clone(), places);
        Self { world, org }
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        let mut orgs = locked(&self.world.gate.orgs);
        if orgs.get(self.org).is_some_and(|places| places.ended.is_some()) {
            orgs.remove(self.org);
        }
    }
}

/// Looks whether there may be more, for as long as somebody of that organization waits.
pub(super) fn watch(world: &Arc<World>, org: &OrgId) {
    {
        let mut orgs = locked(&world.gate.orgs);
        let Some(places) = orgs.get_mut(org) else { return };
        if places.held.is_empty() || std::mem::replace(&mut places.is_watched, true) {
            return;
        }
    }
    world.ports.spawn.spawn(Box::pin(watching(world.clone(), org.clone())));
}

async fn watching(world: Arc<World>, org: OrgId) {
    loop {
        tokio::select! {
            biased;
            _ = world.stopping.cancelled() => return,
            () = world.ports.clock.sleep(LOOKED_EVERY) => {}
        }
        let plans = &world.settings.plans;
        let limit = match world.ports.store.organization(&org).await {
            Ok(found) => found.map_or(plans.server, |organization| plans.of(&organization)).concurrency,
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::debug!(%error, "it could not be looked whether a limit has changed");
                continue;
            }
        };
        {
            let mut orgs = locked(&world.gate.orgs);
            let Some(places) = orgs.get_mut(&org) else { return };
            if places.held.is_empty() {
                places.is_watched = false;
                return;
            }
            places.limit = limit;
        }
        let_next_in(&world, &org);
    }
}
