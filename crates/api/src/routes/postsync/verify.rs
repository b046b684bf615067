//! `POST /postsync/v1/verify`: is this signature right, and if not, what is wrong with it. The same answer as the command's.
//!
//! It makes and changes nothing, and answers 200 also when the signature is wrong. Without a secret those of the organization are
//! tried, so that a reader learns which of them fits; none is ever shown.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::error_code;
use postsync_core::event::Event;
use postsync_core::ids::{EventId, OrgId};
use postsync_core::verify::Asked;
use postsync_engine::known_secrets;

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::state::ApiState;
use crate::wire::{ErrorBody, UnauthorizedBody, VerifiedWebhook, VerifyWebhook};

const MEMBERS: [&str; 5] = ["signature", "body", "secret", "tolerance", "eventId"];

/// Check a signature
///
/// Says what is wrong with it, and how to mend that. 200 also when it is not verified. Without secret the organization's own and
/// those of its endpoints are tried; no answer holds one.
#[utoipa::path(
    post,
    path = "/postsync/v1/verify",
    operation_id = "verifyWebhook",
    tag = "secrets",
    request_body = VerifyWebhook,
    responses(
        (status = 200, description = "Whether it is right, and what is wrong", body = VerifiedWebhook),
        (status = 400, description = "A field is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such event", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn verify_webhook(
    State(state): State<ApiState>,
    Reader(org): Reader,
    body: JsonBody,
) -> Result<Response, ApiError> {
    body.knows_only(&MEMBERS)?;
    let (signature, came) = (body.string("signature")?, body.string("body")?.as_bytes().to_vec());
    let asked = Asked::read(signature, came, optional(&body, "secret")?, optional(&body, "tolerance")?)?;
    let event = match optional(&body, "eventId")? {
        Some(id) => Some(event(&state, &org, id).await?),
        None => None,
    };
    let now = state.engine.now();
    let known = known_secrets(state.engine.store().as_ref(), &org, now).await?;
    // Up to a megabyte is hashed some dozen times: not on a thread that answers others.
    let judging = move || asked.judge(event.as_ref(), known, now.unix_s());
    let explained = tokio::task::spawn_blocking(judging).await.map_err(|_| ApiError::of(error_code::INTERNAL_ERROR))?;
    let answer = VerifiedWebhook { verified: explained.verified, message: explained.in_one_line() };
    Ok(json::answer(StatusCode::OK, json::text(&answer)))
}

async fn event(state: &ApiState, org: &OrgId, id: &str) -> Result<Event, ApiError> {
    let unknown = || ApiError::of(error_code::EVENT_NOT_FOUND);
    let id: EventId = id.parse().map_err(|_| unknown())?;
    let found = state.engine.store().event_of_any(id).await?;
    found.filter(|event| event.org == *org).ok_or_else(unknown)
}

fn optional<'a>(body: &'a JsonBody, name: &str) -> Result<Option<&'a str>, ApiError> {
    match body.member(name) {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(_) => body.string(name).map(Some),
    }
}
