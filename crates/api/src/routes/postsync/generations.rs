//! `POST /postsync/v1/generations/{id}/cancel`: an end by its owner's wish. Beside it, in a file of its own: the stream.
pub(in crate::routes) mod stream;

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::error_code;
use postsync_core::generation::wire;
use postsync_core::ids::GenerationId;
use postsync_engine::ports::StoreError;

use crate::auth::Creator;
use crate::error::ApiError;
use crate::json;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{ErrorBody, GenerationBody, UnauthorizedBody};

/// The longest that a cancel waits for the disk.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Cancel a generation
///
/// Whether it waits, has its inputs fetched or is being made: it ends FAILED with generation_canceled, its webhook is sent, and
/// the work is over within a second.
#[utoipa::path(
    post,
    path = "/postsync/v1/generations/{id}/cancel",
    operation_id = "cancelGeneration",
    tag = "generations",
    params(("id" = String, Path, description = "The generation's id")),
    responses(
        (status = 200, description = "The generation, FAILED", body = GenerationBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "No such generation", body = ErrorBody),
        (status = 409, description = "It has ended", body = ErrorBody),
    )
)]
pub(crate) async fn cancel_generation(
    State(state): State<ApiState>,
    Creator(org): Creator,
    PathId(id): PathId<GenerationId>,
) -> Result<Response, ApiError> {
    let engine = state.engine.clone();
    // In a task of its own: a client that hangs up after the commit must not leave work that nobody has told.
    let canceling = async move { engine.cancel(&org, id).await };
    let canceling = tokio::spawn(tracing::Instrument::in_current_span(canceling));
    // What could not be written by then is written all the same once the disk takes it.
    let canceled = tokio::time::timeout(ANSWER_MAX, canceling).await.map_err(|_| StoreError::Busy)?;
    let generation = canceled.map_err(|_| ApiError::of(error_code::INTERNAL_ERROR))??;
    Ok(json::answer(StatusCode::OK, wire(&generation)))
}
