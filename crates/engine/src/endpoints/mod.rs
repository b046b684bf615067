//! Registered endpoints, remembered for a second: what another process changes is honoured within that time, and what this
//! one changes at once. An organization without any costs one small read a second.
//!
//! Promise: what is decided when an event happens is what was enabled then; what an endpoint has become since is asked once
//! more before anything is sent to it.
mod drain;
mod manage;
mod notices;
mod trials;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postsync_core::change::Change;
use postsync_core::delivery::{Delivery, ExhaustedReason};
use postsync_core::endpoint::{CustomHeaders, Endpoint, Failing};
use postsync_core::ids::{EndpointId, OrgId};
use postsync_core::rotation::SecretOwner;
use postsync_core::time::Timestamp;

pub use manage::{EndpointError, NewEndpoint};
pub(crate) use notices::{Notices, heard, of_exhausted};
pub use trials::Triggered;

use crate::ports::{Applied, DueDelivery, StoreError};
use crate::secrets;
use crate::world::{World, locked};
use crate::{dispatch, exhausted};

/// How long a list is used before it is looked at again.
const FRESH: Duration = Duration::from_secs(1);

/// Organizations whose endpoints are kept in memory.
const KEPT_MAX: usize = 10_000;

/// Endpoints whose failures are counted in memory.
const FAILING_MAX: usize = 100_000;

/// Endpoints read at once at the start.
const PAGE: usize = 256;

/// When they were read, and what they were then.
type Kept = (Timestamp, Arc<[Endpoint]>);

/// What was read, and how often anything was changed: who has read before a change must not put it back.
#[derive(Default)]
struct Lists {
    of: BTreeMap<OrgId, Kept>,
    changes: u64,
}

#[derive(Default)]
pub(crate) struct Endpoints {
    kept: Mutex<Lists>,
    failing: Mutex<BTreeMap<EndpointId, Failing>>,
    /// Held by who changes one: of two changes made at once the second must see what the first has made.
    changing: tokio::sync::Mutex<()>,
}

impl Endpoints {
    fn fresh(&self, org: &OrgId, now: Timestamp) -> Option<Arc<[Endpoint]>> {
        let kept = locked(&self.kept);
        let (read_at, endpoints) = kept.of.get(org)?;
        // A clock that stepped back makes an entry look new for ever: only the span since the reading counts.
        let is_fresh = now >= *read_at && now.since(*read_at) < FRESH;
        is_fresh.then(|| endpoints.clone())
    }

    /// Keeps what was read when there had been so many changes, and has `rule` put into force what differs from before.
    fn keep(&self, org: &OrgId, read: Kept, changes: u64, rule: impl Fn(&Endpoint)) {
        let mut kept = locked(&self.kept);
        if kept.changes != changes {
            return;
        }
        if kept.of.len() >= KEPT_MAX {
            kept.of.clear();
        }
        let endpoints = read.1.clone();
        let before = kept.of.insert(org.clone(), read).map(|(_, before)| before);
        if before.as_deref().unwrap_or_default() != &*endpoints {
            endpoints.iter().for_each(rule);
        }
    }

    /// The next look reads the store, and `rule` puts into force what has changed. Nobody who has read before that comes between.
    fn change(&self, org: &OrgId, rule: impl FnOnce()) {
        let mut kept = locked(&self.kept);
        kept.changes += 1;
        kept.of.remove(org);
        rule();
    }

    fn changes(&self) -> u64 {
        locked(&self.kept).changes
    }
}

/// The organization's endpoints.
pub(crate) async fn registered(world: &Arc<World>, org: &OrgId) -> Result<Arc<[Endpoint]>, StoreError> {
    let now = world.now();
    match world.endpoints.fresh(org, now) {
        Some(endpoints) => Ok(endpoints),
        None => read(world, org, now).await,
    }
}

/// The same for who can't go on without: waits for a store that can't be read.
pub(crate) async fn registered_for_sure(world: &Arc<World>, org: &OrgId) -> Arc<[Endpoint]> {
    loop {
        match registered(world, org).await {
            Ok(endpoints) => return endpoints,
            Err(error) => world.pause_after(&error, "an organization's endpoints").await,
        }
    }
}

async fn read(world: &Arc<World>, org: &OrgId, now: Timestamp) -> Result<Arc<[Endpoint]>, StoreError> {
    let changes = world.endpoints.changes();
    let endpoints: Arc<[Endpoint]> = world.ports.store.endpoints(org).await?.into();
    let rule = |endpoint: &Endpoint| dispatch::rule_endpoint(world, endpoint);
    world.endpoints.keep(org, (now, endpoints.clone()), changes, rule);
    Ok(endpoints)
}

/// Whether a delivery can't be sent any more because its endpoint was disabled or deleted since it was made: then it ends
/// here. Asked before each start; an implicit endpoint costs nothing. Whoever asks holds a slot: no waiting for a store here.
pub(crate) async fn ends_here(world: &Arc<World>, due: &DueDelivery) -> Result<bool, StoreError> {
    let Delivery { id, org, endpoint, .. } = &due.delivery;
    if !endpoint.is_registered() {
        return Ok(false);
    }
    let endpoints = registered(world, org).await?;
    if endpoints.iter().any(|other| other.id == *endpoint && other.state.reason().is_none()) {
        return Ok(false);
    }
    let (at, reason) = (world.now(), ExhaustedReason::EndpointDisabled);
    if world.write(vec![Change::ExhaustPending { id: *id, at, reason }]).await == Some(Applied::Done) {
        exhausted::count(reason, 1);
        tracing::info!(delivery = %id, %endpoint, "a delivery has ended with its endpoint");
    }
    Ok(true)
}

/// Whose secrets sign it.
pub(crate) fn owner_of(delivery: &Delivery) -> SecretOwner {
    let Delivery { org, endpoint, .. } = delivery;
    match endpoint.is_registered() {
        true => SecretOwner::endpoint(org, endpoint),
        false => SecretOwner::org(org),
    }
}

/// What its endpoint's owner adds to each POST. Only where it still goes: what opens the new place must not be told to the
/// one that was left.
pub(crate) async fn headers(world: &Arc<World>, delivery: &Delivery) -> Result<CustomHeaders, StoreError> {
    if !delivery.endpoint.is_registered() {
        return Ok(CustomHeaders::default());
    }
    let endpoints = registered(world, &delivery.org).await?;
    let found = endpoints.iter().find(|endpoint| endpoint.id == delivery.endpoint).ok_or_else(secrets::gone)?;
    Ok(if found.url == delivery.url { found.headers.clone() } else { CustomHeaders::default() })
}

/// At the start: tells the dispatcher what holds for each endpoint, before it sends anything, and goes on ending what is
/// pending for those that were disabled or deleted.
pub(crate) async fn recover(world: &Arc<World>) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = world.ports.store.all_endpoints(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.org.clone(), last.id.clone()));
        for endpoint in page {
            dispatch::rule_endpoint(world, &endpoint);
            if endpoint.state.reason().is_some() {
                drain::spawn(world, endpoint.org, endpoint.id);
            }
        }
    }
    drain::spawn_for_deleted(world);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn who_has_read_before_a_change_does_not_put_it_back() {
        let (endpoints, org, now) = (Endpoints::default(), OrgId::new("default"), Timestamp(1_000));
        let nothing: Arc<[Endpoint]> = Arc::new([]);
        let before = endpoints.changes();
        let ruled = Cell::new(false);
        endpoints.change(&org, || ruled.set(true));
        assert!(ruled.get());
        endpoints.keep(&org, (now, nothing.clone()), before, |_| ());
        assert!(endpoints.fresh(&org, now).is_none(), "read before the change");
        endpoints.keep(&org, (now, nothing), endpoints.changes(), |_| ());
        assert!(endpoints.fresh(&org, now).is_some());
    }
}
