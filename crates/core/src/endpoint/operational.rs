//! The bodies of the events about deliveries and endpoints themselves: `{id,type,createdAt,data}`, canonical JSON like every
//! other body. URLs stand there without their query, which may hold a token of another receiver.
use bytes::Bytes;
use serde_json::{Value, json};

use super::Endpoint;
use crate::canonical;
use crate::delivery::{Delivery, ExhaustedReason};
use crate::event::{Event, EventType};
use crate::ids::EventId;
use crate::target::without_query;
use crate::time::Timestamp;

/// Of `delivery.exhausted`.
#[must_use]
pub fn exhausted_body(id: EventId, at: Timestamp, delivery: &Delivery, of: &Event, reason: ExhaustedReason) -> Bytes {
    let data = json!({
        "deliveryId": delivery.id.to_string(),
        "eventId": of.id.to_string(),
        "event": of.kind.as_str(),
        "generationId": delivery.generation.map(|id| id.to_string()),
        "endpointId": delivery.endpoint.as_str(),
        "url": without_query(&delivery.url),
        "reason": reason.as_str(),
        "attempts": delivery.attempts,
    });
    body(id, EventType::DeliveryExhausted, at, data)
}

/// Of `endpoint.failing`.
#[must_use]
pub fn failing_body(id: EventId, at: Timestamp, endpoint: &Endpoint) -> Bytes {
    body(id, EventType::EndpointFailing, at, about(endpoint))
}

/// Of `endpoint.disabled`.
#[must_use]
pub fn disabled_body(id: EventId, at: Timestamp, endpoint: &Endpoint) -> Bytes {
    body(id, EventType::EndpointDisabled, at, about(endpoint))
}

fn about(endpoint: &Endpoint) -> Value {
    json!({
        "endpointId": endpoint.id.as_str(),
        "url": without_query(&endpoint.url),
        "state": endpoint.state.as_str(),
        "reason": endpoint.state.reason().map(super::DisabledReason::as_str),
        "failingSince": endpoint.failing_since.map(|at| at.to_string()),
    })
}

fn body(id: EventId, kind: EventType, at: Timestamp, data: Value) -> Bytes {
    let whole = json!({ "id": id.to_string(), "type": kind.as_str(), "createdAt": at.to_string(), "data": data });
    Bytes::from(canonical::to_vec(&whole))
}
