//! Whom an event goes to.
use url::Url;

use super::Endpoint;
use crate::delivery::{Delivery, Origin, State};
use crate::event::{Event, EventType};
use crate::ids::{DeliveryId, EndpointId, OrgId};
use crate::rule;
use crate::schedule::Schedule;
use crate::target::{Destination, implicit_endpoint};
use crate::terms::Terms;

/// One that an event goes to: one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// A registered endpoint, or the implicit one of a `webhookUrl`.
    pub endpoint: EndpointId,
    /// In full.
    pub url: String,
    /// What it asks for instead of the server's settings.
    pub terms: Terms,
}

/// Whom the end of a generation goes to. `webhook_url` is the generation's own: where it equals a registered endpoint's URL it
/// is one delivery for that endpoint, whatever its filter, and none where that is disabled. `terms` is what the generation
/// asks for its own webhook: it comes before what that endpoint does, and says nothing of others.
#[must_use]
pub fn receivers(
    registered: &[Endpoint],
    org: &OrgId,
    kind: EventType,
    webhook_url: Option<&str>,
    terms: &Terms,
) -> Vec<Receiver> {
    // The usual case: nothing is parsed or compared for it.
    if registered.is_empty() {
        return webhook_url.map(|url| implicit(org, url, terms)).into_iter().collect();
    }
    let own = webhook_url.map(url_key);
    let is_own = |endpoint: &Endpoint| own.as_ref().is_some_and(|key| *key == url_key(&endpoint.url));
    let is_registered = registered.iter().any(is_own);
    let none = Terms::default();
    let first = webhook_url.filter(|_| !is_registered).map(|url| implicit(org, url, terms));
    let others = registered.iter().filter(|endpoint| endpoint.events.takes(kind) || is_own(endpoint));
    first
        .into_iter()
        .chain(others.filter_map(|endpoint| endpoint.receiver(if is_own(endpoint) { terms } else { &none })))
        .collect()
}

/// Whom an event goes to that is no generation's: those whose filter takes it.
#[must_use]
pub fn listeners(registered: &[Endpoint], kind: EventType) -> Vec<Receiver> {
    let takers = registered.iter().filter(|endpoint| endpoint.events.takes(kind));
    takers.filter_map(|endpoint| endpoint.receiver(&Terms::default())).collect()
}

/// Whom an event goes to that is meant for one URL alone: the endpoint that has it, whatever its filter, else the URL itself. `None`
/// where that endpoint is disabled.
#[must_use]
pub fn receiver_at(registered: &[Endpoint], org: &OrgId, url: &str) -> Option<Receiver> {
    let key = url_key(url);
    match registered.iter().find(|endpoint| endpoint.url_key() == key) {
        Some(endpoint) => endpoint.receiver(&Terms::default()),
        None => Some(implicit(org, url, &Terms::default())),
    }
}

/// Whom a delivery that has ended would go to now: its endpoint, wherever that is now; else whoever has its URL now, as
/// [`receivers`] would have it. `None` where that one is disabled, and of what a listener took: its URL is that of a machine that
/// only the listener can reach.
#[must_use]
pub fn receiver_again(registered: &[Endpoint], old: &Delivery) -> Option<Receiver> {
    if old.origin == Origin::Listener {
        return None;
    }
    let own = || registered.iter().find(|endpoint| endpoint.id == old.endpoint);
    let of_url = || {
        let key = url_key(&old.url);
        registered.iter().find(|endpoint| endpoint.url_key() == key)
    };
    // The usual case: nothing is parsed or compared for it.
    let found = if registered.is_empty() { None } else { own().or_else(of_url) };
    match found {
        Some(endpoint) => endpoint.receiver(&old.terms),
        None if old.endpoint.is_registered() => Some(implicit(&old.org, &old.url, &old.terms)),
        None => Some(Receiver { endpoint: old.endpoint.clone(), url: old.url.clone(), terms: old.terms.clone() }),
    }
}

fn implicit(org: &OrgId, url: &str, terms: &Terms) -> Receiver {
    Receiver { endpoint: implicit_endpoint(org, url), url: url.to_owned(), terms: terms.clone() }
}

/// What makes two URLs the same. One that is no URL is only ever equal to itself.
fn url_key(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), String::from)
}

impl Endpoint {
    /// What its URL is compared by: unique in its organization.
    #[must_use]
    pub fn url_key(&self) -> String {
        url_key(&self.url)
    }

    /// Itself as a receiver, also while it is paused: what is made then waits. `None` while it is disabled. `terms` is asked
    /// before its own.
    #[must_use]
    pub fn receiver(&self, terms: &Terms) -> Option<Receiver> {
        if self.state.reason().is_some() {
            return None;
        }
        Some(Receiver { endpoint: self.id.clone(), url: self.url.clone(), terms: terms.or(&self.terms) })
    }
}

impl Receiver {
    /// What `event` makes for it, due at the first point of its schedule. `servers` is the schedule where it has none of its own.
    #[must_use]
    pub fn delivery(self, id: DeliveryId, event: &Event, origin: Origin, servers: &Schedule) -> Delivery {
        let shard = Destination::of(&self.url).map_or(0, |destination| destination.shard());
        let mut delivery = Delivery::new(id, event, self.endpoint, self.url, shard);
        (delivery.terms, delivery.origin) = (self.terms, origin);
        let first_ms = match rule::holds("the_first_point_counts") {
            true => delivery.terms.schedule_or(servers).point_ms(0).unwrap_or(0),
            false => 0,
        };
        delivery.state = State::Due(event.created_at.plus_ms(first_ms));
        delivery
    }
}
