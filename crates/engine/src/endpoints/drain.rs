//! Ends what is pending for an endpoint that was disabled or deleted, in small steps: a page is one commit, and whoever else
//! writes comes in between. What is under way meanwhile ends when it is looked at next.
use std::sync::Arc;

use postsync_core::change::Change;
use postsync_core::delivery::ExhaustedReason;
use postsync_core::ids::{DeliveryId, EndpointId, OrgId};

use crate::ports::{DeliveryFilter, DeliveryQuery, StoreError};
use crate::world::World;
use crate::{dispatch, exhausted};

use super::{registered, registered_for_sure};

/// Deliveries ended in one commit.
const PAGE: usize = 256;

pub(super) fn spawn(world: &Arc<World>, org: OrgId, id: EndpointId) {
    let task_world = world.clone();
    world.ports.spawn.spawn(Box::pin(async move {
        let (world, stopping) = (&task_world, &task_world.stopping);
        tokio::select! {
            biased;
            _ = stopping.cancelled() => {}
            () = drain(world, org, id) => {}
        }
    }));
}

/// At the start: an earlier process may have died before it had ended all that was pending for endpoints that were deleted.
/// Nothing names those any more but their deliveries. They are looked at one after another: most have nothing pending.
pub(super) fn spawn_for_deleted(world: &Arc<World>) {
    let task_world = world.clone();
    world.ports.spawn.spawn(Box::pin(async move {
        tokio::select! {
            biased;
            _ = task_world.stopping.cancelled() => {}
            () = drain_deleted(&task_world) => {}
        }
    }));
}

async fn drain_deleted(world: &Arc<World>) {
    let mut after = None;
    loop {
        let page = match world.ports.store.endpoints_on_record(after.clone(), PAGE).await {
            Ok(page) => page,
            Err(StoreError::Closed) => return,
            Err(error) => {
                world.pause_after(&error, "endpoints that were deleted").await;
                continue;
            }
        };
        let Some(last) = page.last() else { return };
        after = Some(last.clone());
        for (org, id) in page {
            if !registered_for_sure(world, &org).await.iter().any(|endpoint| endpoint.id == id) {
                drain(world, org, id).await;
            }
        }
    }
}

async fn drain(world: &Arc<World>, org: OrgId, id: EndpointId) {
    // What is made from now on is made for an endpoint that was resumed, or ends when it is looked at.
    let mut older_than = world.new_delivery_id();
    let mut ended = 0;
    loop {
        let after = Some(older_than);
        let status = Some(DeliveryFilter::Pending);
        let query = DeliveryQuery {
            org: org.clone(),
            status,
            generation: None,
            endpoint: Some(id.clone()),
            after,
            limit: PAGE,
        };
        let page = match step(world, &org, &id, query).await {
            Ok(Some(page)) => page,
            Ok(None) => break,
            Err(StoreError::Closed) => return,
            Err(error) => {
                world.pause_after(&error, "what is pending for a disabled endpoint").await;
                continue;
            }
        };
        older_than = page.oldest;
        ended += page.ended;
    }
    if ended > 0 {
        tracing::info!(endpoint = %id, deliveries = ended, "ended what was pending for an endpoint that gets nothing any more");
    }
}

struct Page {
    oldest: DeliveryId,
    ended: usize,
}

/// `None`: there is nothing left, or the endpoint was resumed.
async fn step(
    world: &Arc<World>,
    org: &OrgId,
    id: &EndpointId,
    query: DeliveryQuery,
) -> Result<Option<Page>, StoreError> {
    let endpoints = registered(world, org).await?;
    if endpoints.iter().any(|e| e.id == *id && e.state.reason().is_none()) {
        return Ok(None);
    }
    let found = world.ports.store.deliveries(query).await?;
    let Some(oldest) = found.last().map(|due| due.delivery.id) else { return Ok(None) };
    let at = world.now();
    let reason = ExhaustedReason::EndpointDisabled;
    let end = |id| Change::ExhaustPending { id, at, reason };
    let done = dispatch::apply_all(world, found.iter().map(|due| end(due.delivery.id)).collect()).await?;
    let ended = done.iter().filter(|done| **done).count();
    exhausted::count(reason, ended);
    Ok(Some(Page { oldest, ended }))
}
