//! `POST /postsync/v1/trigger`: an event of a generation or batch that never was, to try a receiver with.
//!
//! It takes the way of every other event: it is on disk with its deliveries before this answers. Its deliveries say `test` as their
//! origin, and its body `postsync-test`.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::create::judge_url;
use postsync_core::endpoint::Trial;
use serde_json::Value;

use crate::auth::Creator;
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::state::ApiState;
use crate::wire::{DeliveryItem, ErrorBody, TriggerEvent, TriggeredEvent, UnauthorizedBody};

const MEMBERS: [&str; 2] = ["event", "to"];

/// Make an event up and deliver it
///
/// To the registered endpoints and the listeners that take it, or to the URL in to alone, signed as any other. No generation is made.
#[utoipa::path(
    post,
    path = "/postsync/v1/trigger",
    operation_id = "triggerEvent",
    tag = "events",
    request_body = TriggerEvent,
    responses(
        (status = 202, description = "The event, and its deliveries on their way", body = TriggeredEvent),
        (status = 400, description = "A field is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 409, description = "The endpoint that has the URL is disabled", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn trigger_event(
    State(state): State<ApiState>,
    Creator(org): Creator,
    body: JsonBody,
) -> Result<Response, ApiError> {
    body.knows_only(&MEMBERS)?;
    let trial = Trial::parse(body.string("event")?).ok_or_else(|| ApiError::invalid("event", not_one()))?;
    let to = match body.member("to") {
        None | Some(Value::Null) => None,
        Some(_) => {
            let judged = judge_url("to", body.string("to")?, &state.settings.rules);
            Some(judged.map_err(|refusal| ApiError::invalid(&refusal.field, refusal.message))?)
        }
    };
    let made = state.engine.trigger(&org, trial, to).await?;
    let deliveries = made.deliveries.iter().map(|due| DeliveryItem::new(&due.delivery, &due.event)).collect();
    let kind = made.event.kind.as_str().to_owned();
    let listeners = made.listeners.iter().map(|view| view.listener.name.to_string()).collect();
    let answer = TriggeredEvent { id: made.event.id.to_string(), event: kind, deliveries, listeners };
    Ok(json::answer(StatusCode::ACCEPTED, json::text(&answer)))
}

fn not_one() -> String {
    let names: Vec<&str> = Trial::ALL.iter().map(|trial| trial.kind().as_str()).collect();
    format!("event must be one of {}", names.join(", "))
}
