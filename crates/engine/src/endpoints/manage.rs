//! What an organization's owner does with endpoints: register, change, remove. Each is one commit, and holds at once.
use std::sync::Arc;

use postsync_core::Secret;
use postsync_core::access::StoredSecret;
use postsync_core::change::Change;
use postsync_core::endpoint::{Draft, Endpoint, State};
use postsync_core::endpoint_limits::EndpointRules;
use postsync_core::ids::{EndpointId, OrgId};
use postsync_core::limits;
use postsync_core::rotation::{SecretOwner, Signing};

use super::{drain, registered};
use crate::dispatch;
use crate::engine::Engine;
use crate::ports::{Applied, StoreError};
use crate::secrets::new_secret;
use crate::world::{World, locked};

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The organization has no such endpoint.
    #[error("there is no such endpoint")]
    Unknown,
    /// The organization has one with that URL.
    #[error("the endpoint {0} has this URL")]
    SameUrl(EndpointId),
    /// The organization has as many as it may have.
    #[error("there are {max} endpoints, which is as many as an organization may have", max = limits::ENDPOINTS_MAX)]
    TooMany,
    /// It is disabled.
    #[error("the endpoint is disabled; resume it first")]
    Disabled,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A registered endpoint with its secret, which is shown this once.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// Itself.
    pub endpoint: Endpoint,
    /// What signs its webhooks.
    pub secret: Secret,
}

/// The next look reads the store.
pub(super) fn forget(world: &World, org: &OrgId) {
    world.endpoints.change(org, || ());
}

/// A change is on disk: it holds from now on.
pub(super) fn took_effect(world: &Arc<World>, endpoint: &Endpoint) {
    if endpoint.state == State::Enabled && endpoint.failing_since.is_none() {
        locked(&world.endpoints.failing).remove(&endpoint.id);
    }
    world.endpoints.change(&endpoint.org, || dispatch::rule_endpoint(world, endpoint));
}

async fn register(world: &Arc<World>, org: &OrgId, draft: Draft) -> Result<NewEndpoint, EndpointError> {
    let _alone = world.endpoints.changing.lock().await;
    forget(world, org);
    let others = registered(world, org).await?;
    if others.len() >= limits::ENDPOINTS_MAX {
        return Err(EndpointError::TooMany);
    }
    let now = world.now();
    let fresh = new_secret(world.new_secret_id(), world.random(), now);
    let stored = match &draft.secret {
        Some(secret) => StoredSecret { secret: secret.clone(), ..fresh },
        None => fresh,
    };
    let endpoint = draft.into_endpoint(world.new_endpoint_id(), org.clone(), now);
    is_alone(&others, &endpoint)?;
    let secret = stored.secret.clone();
    let signing = Signing::first(SecretOwner::endpoint(org, &endpoint.id), stored);
    let changes =
        vec![Change::AddEndpoint(Box::new(endpoint.clone())), Change::SetSecrets { was: None, now: Box::new(signing) }];
    done(world.ports.store.apply(changes).await?)?;
    took_effect(world, &endpoint);
    Ok(NewEndpoint { endpoint, secret })
}

/// Changes an endpoint: `change` gives it as it is to be, or why it can't be.
async fn change(
    world: &Arc<World>,
    org: &OrgId,
    id: &EndpointId,
    change: impl FnOnce(&Endpoint) -> Result<Endpoint, EndpointError> + Send,
) -> Result<Endpoint, EndpointError> {
    let _alone = world.endpoints.changing.lock().await;
    forget(world, org);
    let all = registered(world, org).await?;
    let before = all.iter().find(|endpoint| endpoint.id == *id).ok_or(EndpointError::Unknown)?;
    let after = change(before)?;
    if after == *before {
        return Ok(after);
    }
    is_alone(&all, &after)?;
    done(world.ports.store.apply(vec![Change::ChangeEndpoint(Box::new(after.clone()))]).await?)?;
    took_effect(world, &after);
    if before.state.reason().is_none() && after.state.reason().is_some() {
        drain::spawn(world, org.clone(), id.clone());
    }
    Ok(after)
}

async fn remove(world: &Arc<World>, org: &OrgId, id: &EndpointId) -> Result<(), EndpointError> {
    let _alone = world.endpoints.changing.lock().await;
    let change = Change::RemoveEndpoint { org: org.clone(), id: id.clone() };
    match world.ports.store.apply(vec![change]).await? {
        Applied::Done => {}
        Applied::Stale => return Err(EndpointError::Unknown),
    }
    locked(&world.endpoints.failing).remove(id);
    world.endpoints.change(org, || dispatch::forget_endpoint(world, id));
    drain::spawn(world, org.clone(), id.clone());
    Ok(())
}

fn is_alone(others: &[Endpoint], endpoint: &Endpoint) -> Result<(), EndpointError> {
    let key = endpoint.url_key();
    let same = others.iter().find(|other| other.id != endpoint.id && other.url_key() == key);
    same.map_or(Ok(()), |other| Err(EndpointError::SameUrl(other.id.clone())))
}

/// Nobody but this process changes endpoints, and one at a time: a stale fence is another server on the same database.
pub(super) fn done(applied: Applied) -> Result<(), StoreError> {
    match applied {
        Applied::Done => Ok(()),
        Applied::Stale => Err(StoreError::Busy),
    }
}

impl Engine {
    /// Registers an endpoint: when this answers, it is on disk and gets what happens from now on.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn register_endpoint(&self, org: &OrgId, draft: Draft) -> Result<NewEndpoint, EndpointError> {
        register(&self.world, org, draft).await
    }

    /// Changes an endpoint; `change` gives it as it is to be, or why it can't be.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn change_endpoint(
        &self,
        org: &OrgId,
        id: &EndpointId,
        change: impl FnOnce(&Endpoint) -> Result<Endpoint, EndpointError> + Send,
    ) -> Result<Endpoint, EndpointError> {
        self::change(&self.world, org, id, change).await
    }

    /// Deletes an endpoint. What is pending for it ends.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn remove_endpoint(&self, org: &OrgId, id: &EndpointId) -> Result<(), EndpointError> {
        remove(&self.world, org, id).await
    }

    /// What an endpoint's owner has set: it holds from now on, until this is called again. Not kept over a restart: whoever
    /// keeps it says so at the next start, before the loops run, or a paused endpoint would be sent to.
    pub fn set_endpoint_rules(&self, endpoint: &EndpointId, rules: EndpointRules) {
        dispatch::set_rules(&self.world, endpoint, rules);
    }
}
