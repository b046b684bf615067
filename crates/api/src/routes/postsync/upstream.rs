//! `POST /postsync/v1/upstream/{id}/{token}`: where the upstream that makes a generation for us says that it has ended.
//!
//! Open: the token in the URL is for one generation and can't be guessed, and the body must be signed by the upstream. What it
//! says is not believed, it only makes us look: a webhook that is lost, doubled or late changes nothing.
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use postsync_core::error_code;
use postsync_core::ids::GenerationId;
use postsync_engine::Unheard;

use crate::error::ApiError;
use crate::json;
use crate::json_body::whole;
use crate::state::ApiState;
use crate::wire::{ErrorBody, Readiness};

/// A webhook has less than 100 kB, but one of another upstream may echo its options whole.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Tell that a generation has ended at the upstream
#[utoipa::path(
    post,
    path = "/postsync/v1/upstream/{id}/{token}",
    operation_id = "tellUpstreamEnd",
    tag = "server",
    security(()),
    params(
        ("id" = String, Path, description = "The generation's id on this server"),
        ("token" = String, Path, description = "As it stands in the webhookUrl that this server gave to the upstream"),
        ("Sync-Signature" = Option<String>, Header, description = "The upstream's signature over the body"),
    ),
    request_body(content = Object, description = "The upstream's webhook, as it sends it"),
    responses(
        (status = 200, description = "It was heard", body = Readiness),
        (status = 400, description = "It is not signed as the upstream signs, or is too old", body = ErrorBody),
        (status = 404, description = "No such generation, or another token", body = ErrorBody),
        (status = 408, description = "The body came too slowly", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    )
)]
pub(crate) async fn tell_upstream_end(
    State(state): State<ApiState>,
    path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::of(error_code::GENERATION_NOT_FOUND);
    let Path((id, token)) = path.map_err(|_| unknown())?;
    let id: GenerationId = id.parse().map_err(|_| unknown())?;
    // Before the body is read: a stranger has no business with our memory.
    if !state.engine.is_upstream_door(id, &token) {
        return Err(unknown());
    }
    let unreadable = |why: String| ApiError::new(error_code::INVALID_REQUEST, why);
    let body = whole(state.bodies.for_a_body(), &headers, body, BODY_BYTES_MAX, unreadable).await?;
    let signature = headers.get("sync-signature").map(http::HeaderValue::as_bytes);
    match state.engine.upstream_told(id, &token, signature, body.bytes()) {
        Ok(()) => Ok(json::answer(StatusCode::OK, r#"{"status":"ok"}"#)),
        Err(Unheard::NoDoor) => Err(unknown()),
        Err(Unheard::NotGenuine(why)) => {
            tracing::warn!(generation = %id, why, "a webhook of the upstream is not signed with sync.webhook_secret");
            Err(unreadable("The signature does not fit.".to_owned()))
        }
    }
}
