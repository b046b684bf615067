//! `GET /v2/organizations/webhook/secret`: where applications that were written for Sync look for what their receivers verify with.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::error_code;
use postsync_core::rotation::SecretOwner;

use crate::auth::Admin;
use crate::error::ApiError;
use crate::json;
use crate::state::ApiState;
use crate::wire::{ErrorBody, UnauthorizedBody, WebhookSecret};

/// Read what webhooks are verified with
///
/// The organization's signing secret. GET /postsync/v1/secret also shows those of endpoints, and the stages of a rotation.
#[utoipa::path(
    get,
    path = "/v2/organizations/webhook/secret",
    operation_id = "getWebhookSecret",
    tag = "secrets",
    responses(
        (status = 200, description = "The secret that makes Sync-Signature", body = WebhookSecret),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
    )
)]
pub(crate) async fn get_webhook_secret(State(state): State<ApiState>, Admin(org): Admin) -> Result<Response, ApiError> {
    let signing = state.engine.signing(&SecretOwner::org(&org)).await?;
    // An organization has one, made on the first look at the latest.
    let signing = signing.ok_or_else(|| ApiError::of(error_code::INTERNAL_ERROR))?;
    let secret = signing.signers(state.engine.now()).current.expose().to_owned();
    Ok(json::secret(StatusCode::OK, json::text(&WebhookSecret { secret })))
}
