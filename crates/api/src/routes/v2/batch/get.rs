//! `GET /v2/batch/{id}`: one batch.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::batch::wire;
use postsync_core::error_code;
use postsync_core::ids::BatchId;

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{BatchBody, ErrorBody, UnauthorizedBody};

/// Read a batch
#[utoipa::path(
    get,
    path = "/v2/batch/{id}",
    operation_id = "getBatch",
    tag = "batches",
    params(("id" = String, Path, description = "The batch's id")),
    responses(
        (status = 200, description = "The batch", body = BatchBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such batch", body = ErrorBody),
    )
)]
pub(crate) async fn get_batch(
    State(state): State<ApiState>,
    Reader(org): Reader,
    PathId(id): PathId<BatchId>,
) -> Result<Response, ApiError> {
    let batch = state.engine.store().batch_of_any(id).await?.filter(|batch| batch.org == org);
    let batch = batch.ok_or_else(|| ApiError::of(error_code::BATCH_NOT_FOUND))?;
    Ok(json::answer(StatusCode::OK, wire(&batch)))
}
