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
use crate::listen::{self, ListenerView};
use crate::ports::DueDelivery;
use crate::world::World;

/// An event that was made up, and whom it goes to.
#[derive(Clone, Debug)]
pub struct Triggered {
    /// Itself.
    pub event: Event,
    /// On disk, and on their way.
    pub deliveries: Vec<DueDelivery>,
    /// The listeners that it waits for or goes to.
    pub listeners: Vec<ListenerView>,
}

/// Whom a made-up event is for.
struct Whom {
    receivers: Vec<Receiver>,
    /// What its body says of its own `webhookUrl`.
    webhook_url: Option<String>,
    listeners: Vec<ListenerView>,
}

/// Makes one up and delivers it to all of these.
async fn deliver(world: &Arc<World>, org: &OrgId, trial: Trial, whom: Whom) -> Result<Triggered, EndpointError> {
    let Whom { receivers, webhook_url, listeners } = whom;
    let about = MadeUp { generation: world.new_generation_id(), batch: world.new_batch_id(), webhook_url };
    let event = trial.event(world.new_event_id(), org, about, world.now());
    let servers = &world.settings.schedule;
    let make = |receiver: Receiver| DueDelivery {
        delivery: receiver.delivery(world.new_delivery_id(), &event, Origin::Test, servers),
        event: event.clone(),
    };
    let deliveries: Vec<DueDelivery> = receivers.into_iter().map(make).collect();
    let added = deliveries.iter().map(|due| Change::AddDelivery(Box::new(due.delivery.clone())));
    let queued = (!listeners.is_empty()).then(|| listen::queued(org, event.id, event.kind));
    let changes = std::iter::once(Change::AddEvent(Box::new(event.clone()))).chain(added).chain(queued).collect();
    done(world.ports.store.apply(changes).await?)?;
    world.feeds.bells.tell(org);
    deliveries.iter().for_each(|due| dispatch::offer(world, due.clone()));
    Ok(Triggered { event, deliveries, listeners })
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
        let whom = Whom { receivers: vec![receiver], webhook_url: None, listeners: Vec::new() };
        let made = deliver(&self.world, org, Trial::GenerationCompleted, whom).await?;
        made.deliveries.into_iter().next().ok_or(EndpointError::Unknown)
    }

    /// Makes an event up and delivers it to the registered endpoints and the listeners that take it, or to `to` alone, a URL that was judged.
    ///
    /// # Errors
    /// Nothing was written then. [`EndpointError::Disabled`]: the endpoint that has the URL is.
    pub async fn trigger(&self, org: &OrgId, trial: Trial, to: Option<String>) -> Result<Triggered, EndpointError> {
        let endpoints = registered(&self.world, org).await?;
        let mut listening = Vec::new();
        let receivers = match &to {
            Some(url) => vec![receiver_at(&endpoints, org, url).ok_or(EndpointError::Disabled)?],
            None => {
                listening = self.listeners(org).await?;
                listening.retain(|view| view.listener.events.takes(trial.kind()));
                listeners(&endpoints, trial.kind())
            }
        };
        let whom = Whom { receivers, webhook_url: to, listeners: listening };
        deliver(&self.world, org, trial, whom).await
    }
}
