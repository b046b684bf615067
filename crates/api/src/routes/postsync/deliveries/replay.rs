//! `/postsync/v1/deliveries/{id}/replay`: one delivery again.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::ids::DeliveryId;
use postsync_engine::ReplayError;

use super::missing;
use crate::auth::Creator;
use crate::error::ApiError;
use crate::json;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{DeliveryItem, ErrorBody, UnauthorizedBody};

/// Deliver one event again
///
/// Makes a delivery that has ended anew, however often it was: the same event and bytes under a new delivery, with a new time
/// in its signature, `Postsync-Replay: true`, and the whole schedule from now on. It goes to where its endpoint is now; where
/// that was deleted, to its URL.
#[utoipa::path(
    post,
    path = "/postsync/v1/deliveries/{id}/replay",
    operation_id = "replayDelivery",
    tag = "deliveries",
    params(("id" = String, Path, description = "The id of a delivery that has ended")),
    responses(
        (status = 202, description = "The new delivery", body = DeliveryItem),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "No such delivery", body = ErrorBody),
        (status = 409, description = "It has not ended, is being replayed at this moment, or its endpoint is disabled", body = ErrorBody),
        (status = 410, description = "Deliveries of its age are not kept any more", body = ErrorBody),
    )
)]
pub(crate) async fn replay_delivery(
    State(state): State<ApiState>,
    Creator(org): Creator,
    PathId(id): PathId<DeliveryId>,
) -> Result<Response, ApiError> {
    let made = state.engine.replay_one(&org, id).await.map_err(|error| match error {
        ReplayError::NotFound => missing(&state, id),
        other => other.into(),
    })?;
    Ok(json::answer(StatusCode::ACCEPTED, json::text(&DeliveryItem::new(&made.delivery, &made.event))))
}
