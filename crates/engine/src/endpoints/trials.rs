//! Events that never happened: the test of one endpoint, and what `trigger` makes up. They take the way of every other event: one
//! commit with their deliveries, then the dispatcher.
use std::sync::Arc;

use postsync_core::change::Change;
use postsync_core::delivery::Origin;
use postsync_core::endpoint::{MadeUp, Receiver, Trial, listeners, receiver_at};
use postsync_core::event::Event;
use postsync_core::ids::{EndpointId, OrgId};
use postsync_core::terms::Terms;

use super::manage::{EndpointError, done};
use super::registered;
use crate::dispatch;
use crate::engine::Engine;
use crate::ports::DueDelivery;
use crate::world::World;

/// An event that was made up, and whom it goes to.
#[derive(Clone, Debug)]
pub struct Triggered {
    /// Itself.
    pub event: Event,
    /// On disk, and on their way.
    pub deliveries: Vec<DueDelivery>,
}

/// Makes one up and delivers it to all of these.
async fn deliver(
    world: &Arc<World>,
    org: &OrgId,
    trial: Trial,
    webhook_url: Option<String>,
    to: Vec<Receiver>,
) -> Result<Triggered, EndpointError> {
    let about = MadeUp { generation: world.new_generation_id(), batch: world.new_batch_id(), webhook_url };
    let event = trial.event(world.new_event_id(), org, about, world.now());
    let servers = &world.settings.schedule;
    let make = |receiver: Receiver| DueDelivery {
        delivery: receiver.delivery(world.new_delivery_id(), &event, Origin::Test, servers),
        event: event.clone(),
    };
    let deliveries: Vec<DueDelivery> = to.into_iter().map(make).collect();
    let added = deliveries.iter().map(|due| Change::AddDelivery(Box::new(due.delivery.clone())));
    let changes = std::iter::once(Change::AddEvent(Box::new(event.clone()))).chain(added).collect();
    done(world.ports.store.apply(changes).await?)?;
    world.feeds.bells.tell(org);
    deliveries.iter().for_each(|due| dispatch::offer(world, due.clone()));
    Ok(Triggered { event, deliveries })
}

impl Engine {
    /// Makes a test event and its delivery to that endpoint alone.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn test_endpoint(&self, org: &OrgId, id: &EndpointId) -> Result<DueDelivery, EndpointError> {
        let endpoints = registered(&self.world, org).await?;
        let endpoint = endpoints.iter().find(|endpoint| endpoint.id == *id).ok_or(EndpointError::Unknown)?;
        let receiver = endpoint.receiver(&Terms::default()).ok_or(EndpointError::Disabled)?;
        let made = deliver(&self.world, org, Trial::GenerationCompleted, None, vec![receiver]).await?;
        made.deliveries.into_iter().next().ok_or(EndpointError::Unknown)
    }

    /// Makes an event up and delivers it to the registered endpoints that take it, or to `to` alone, a URL that was judged.
    ///
    /// # Errors
    /// Nothing was written then. [`EndpointError::Disabled`]: the endpoint that has the URL is.
    pub async fn trigger(&self, org: &OrgId, trial: Trial, to: Option<String>) -> Result<Triggered, EndpointError> {
        let endpoints = registered(&self.world, org).await?;
        let receivers = match &to {
            Some(url) => vec![receiver_at(&endpoints, org, url).ok_or(EndpointError::Disabled)?],
            None => listeners(&endpoints, trial.kind()),
        };
        deliver(&self.world, org, trial, to, receivers).await
    }
}
