//! Operational events: what the server tells registered endpoints about deliveries and endpoints, where they ask for it by
//! name. They go out in lanes of their own, and nothing is ever told about those.
use std::sync::Arc;

use postsync_core::attempt::Word;
use postsync_core::change::Change;
use postsync_core::delivery::{Delivery, ExhaustedReason, Origin};
use postsync_core::endpoint::{self, DisabledReason, Endpoint, Failing, Input, Next, Receiver};
use postsync_core::event::{Event, EventType};
use postsync_core::ids::{EventId, OrgId};
use postsync_core::outcome::Outcome;
use postsync_core::time::Timestamp;

use super::{FAILING_MAX, drain, manage, registered_for_sure};
use crate::dispatch;
use crate::ports::{Applied, DueDelivery};
use crate::world::{World, locked};

/// An operational event with its deliveries, to be written with what it is about.
#[derive(Default)]
pub(crate) struct Notices {
    event: Option<Event>,
    deliveries: Vec<Delivery>,
}

impl Notices {
    /// For the end of a list. Nothing where nobody asks.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let event = self.event.iter().map(|event| Change::AddEvent(Box::new(event.clone())));
        let deliveries = self.deliveries.iter().map(|delivery| Change::AddDelivery(Box::new(delivery.clone())));
        event.chain(deliveries).collect()
    }

    /// They are on disk: sends them.
    pub(crate) fn send(self, world: &Arc<World>) {
        let Some(event) = self.event else { return };
        world.feeds.bells.tell(&event.org);
        for delivery in self.deliveries {
            dispatch::offer(world, DueDelivery { delivery, event: event.clone() });
        }
    }

    fn new(
        world: &World,
        org: &OrgId,
        kind: EventType,
        to: Vec<Receiver>,
        body: impl FnOnce(EventId, Timestamp) -> bytes::Bytes,
    ) -> Self {
        if to.is_empty() {
            return Self::default();
        }
        let (id, at) = (world.new_event_id(), world.now());
        let event = Event { id, org: org.clone(), kind, generation: None, created_at: at, body: body(id, at) };
        let servers = &world.settings.schedule;
        let make = |receiver: Receiver| receiver.delivery(world.new_delivery_id(), &event, Origin::Event, servers);
        let deliveries = to.into_iter().map(make).collect();
        Self { event: Some(event), deliveries }
    }
}

/// That a delivery has ended exhausted. Operational ones end without a word, and so does what its owner has ended.
pub(crate) async fn of_exhausted(world: &Arc<World>, due: &DueDelivery, reason: ExhaustedReason) -> Notices {
    if due.event.kind.is_operational() || reason == ExhaustedReason::EndpointDisabled {
        return Notices::default();
    }
    let org = &due.delivery.org;
    let to = endpoint::listeners(&registered_for_sure(world, org).await, EventType::DeliveryExhausted);
    Notices::new(world, org, EventType::DeliveryExhausted, to, |id, at| {
        endpoint::exhausted_body(id, at, &due.delivery, &due.event, reason)
    })
}

/// An attempt for a registered endpoint has been settled: what its owner, and the others, are to know of it.
pub(crate) async fn heard(world: &Arc<World>, due: &DueDelivery, outcome: Outcome) {
    let id = &due.delivery.endpoint;
    if !id.is_registered() {
        return;
    }
    if matches!(outcome, Outcome::Refused { status: 410, .. }) {
        return disable(world, due, DisabledReason::Gone, None).await;
    }
    // A lane of their own: what becomes of operational events says nothing about the others.
    if due.event.kind.is_operational() || !matches!(outcome.word(), Word::Delivered | Word::Failed) {
        return;
    }
    let next = match known(world, due, outcome.word()) {
        Some(next) => next,
        None => first_heard(world, due, outcome.word()).await,
    };
    match next {
        Next::Nothing => {}
        Next::Clear => note(world, due, None, false).await,
        Next::Note(since) => note(world, due, Some(since), false).await,
        Next::Tell(since) => {
            tracing::warn!(endpoint = %id, %since, "an endpoint has only failed for a day");
            note(world, due, Some(since), true).await;
        }
        Next::Disable(since) => disable(world, due, DisabledReason::Failing, Some(since)).await,
    }
}

fn known(world: &World, due: &DueDelivery, word: Word) -> Option<Next> {
    locked(&world.endpoints.failing).get_mut(&due.delivery.endpoint).map(|failing| failing.heard(word, world.now()))
}

/// Nothing of it is in memory: it goes on from what is on disk.
async fn first_heard(world: &Arc<World>, due: &DueDelivery, word: Word) -> Next {
    let endpoints = registered_for_sure(world, &due.delivery.org).await;
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.id == due.delivery.endpoint) else {
        return Next::Nothing;
    };
    let mut all = locked(&world.endpoints.failing);
    if all.len() >= FAILING_MAX {
        all.clear();
    }
    let stored = Failing::stored(endpoint.failing_since, endpoint.failing_told);
    all.entry(endpoint.id.clone()).or_insert(stored).heard(word, world.now())
}

/// Writes down since when it has only failed; tells the others where that is long enough.
async fn note(world: &Arc<World>, due: &DueDelivery, since: Option<Timestamp>, tells: bool) {
    let change = |endpoint: &mut Endpoint| {
        (endpoint.failing_since, endpoint.failing_told) = (since, tells);
        true
    };
    let tell = tells.then_some(EventType::EndpointFailing);
    let _ = change_by_itself(world, due, change, tell).await;
}

async fn disable(world: &Arc<World>, due: &DueDelivery, reason: DisabledReason, since: Option<Timestamp>) {
    let change = |endpoint: &mut Endpoint| {
        endpoint.failing_since = since.or(endpoint.failing_since);
        endpoint.move_by(Input::Disable(reason))
    };
    if change_by_itself(world, due, change, Some(EventType::EndpointDisabled)).await {
        let (org, id) = (due.delivery.org.clone(), due.delivery.endpoint.clone());
        tracing::warn!(endpoint = %id, reason = reason.as_str(), "an endpoint was disabled");
        drain::spawn(world, org, id);
    }
}

/// Changes an endpoint because of what its receiver does. Whether it was changed.
async fn change_by_itself(
    world: &Arc<World>,
    due: &DueDelivery,
    change: impl Fn(&mut Endpoint) -> bool,
    tell: Option<EventType>,
) -> bool {
    let (org, id) = (&due.delivery.org, &due.delivery.endpoint);
    let _alone = world.endpoints.changing.lock().await;
    loop {
        manage::forget(world, org);
        let endpoints = registered_for_sure(world, org).await;
        let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.id == *id) else { return false };
        let mut next = endpoint.clone();
        if !change(&mut next) {
            return false;
        }
        next.touch(world.now());
        let notices = tell.map(|kind| about(world, &endpoints, &next, kind)).unwrap_or_default();
        let mut changes = vec![Change::ChangeEndpoint(Box::new(next.clone()))];
        changes.extend(notices.changes());
        match world.write(changes).await {
            Some(Applied::Done) => {
                manage::took_effect(world, &next);
                notices.send(world);
                return true;
            }
            // Another process has changed it meanwhile: what it is now is looked at anew.
            Some(Applied::Stale) => {}
            None => return false,
        }
    }
}

/// Of `endpoint.failing` and `endpoint.disabled`. The one that it is about hears of it where it still hears anything.
fn about(world: &World, registered: &[Endpoint], endpoint: &Endpoint, kind: EventType) -> Notices {
    let as_it_is = |other: &Endpoint| if other.id == endpoint.id { endpoint.clone() } else { other.clone() };
    let registered: Vec<Endpoint> = registered.iter().map(as_it_is).collect();
    let to = endpoint::listeners(&registered, kind);
    Notices::new(world, &endpoint.org, kind, to, |id, at| match kind {
        EventType::EndpointDisabled => endpoint::disabled_body(id, at, endpoint),
        _ => endpoint::failing_body(id, at, endpoint),
    })
}
