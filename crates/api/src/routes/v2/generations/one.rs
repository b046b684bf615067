//! `/v2/generations/{id}`: where its video is, and its removal.
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use postsync_core::error_code;
use postsync_core::generation::{Ending, State as GenerationState};
use postsync_core::ids::GenerationId;

use crate::auth::{Creator, Reader};
use crate::error::ApiError;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{ErrorBody, UnauthorizedBody};

/// Where a generation's video can be read
///
/// The answer is its outputUrl, which needs no key.
#[utoipa::path(
    get,
    path = "/v2/generations/{id}/download",
    operation_id = "getGenerationDownload",
    tag = "generations",
    params(("id" = String, Path, description = "The generation's id")),
    responses(
        (status = 200, description = "The URL", body = String, content_type = "text/plain"),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such generation", body = ErrorBody),
        (status = 409, description = "It has no video: it has not ended, or has failed", body = ErrorBody),
    )
)]
pub(crate) async fn get_generation_download(
    State(state): State<ApiState>,
    Reader(org): Reader,
    PathId(id): PathId<GenerationId>,
) -> Result<Response, ApiError> {
    let generation = state.engine.store().generation(&org, id).await?;
    let generation = generation.ok_or_else(|| ApiError::of(error_code::GENERATION_NOT_FOUND))?;
    let GenerationState::Ended(_, Ending::Completed(output)) = generation.state else {
        return Err(ApiError::new(error_code::GENERATION_CONFLICT, "The generation has no video."));
    };
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], output.url).into_response())
}

/// Delete a generation that has ended
///
/// Its video goes with it; its webhook is still delivered, and its uploads stay assets.
#[utoipa::path(
    delete,
    path = "/v2/generations/{id}",
    operation_id = "deleteGeneration",
    tag = "generations",
    params(("id" = String, Path, description = "The generation's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "No such generation", body = ErrorBody),
        (status = 409, description = "It has not ended; cancel it first", body = ErrorBody),
    )
)]
pub(crate) async fn delete_generation(
    State(state): State<ApiState>,
    Creator(org): Creator,
    PathId(id): PathId<GenerationId>,
) -> Result<Response, ApiError> {
    remove(&state, org, id).await
}

/// Delete a generation that has ended, under the path that reads it
#[utoipa::path(
    delete,
    path = "/v2/generate/{id}",
    operation_id = "deleteGenerationByReadPath",
    tag = "generations",
    params(("id" = String, Path, description = "The generation's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "No such generation", body = ErrorBody),
        (status = 409, description = "It has not ended; cancel it first", body = ErrorBody),
    )
)]
pub(crate) async fn delete_generation_by_read_path(
    State(state): State<ApiState>,
    Creator(org): Creator,
    PathId(id): PathId<GenerationId>,
) -> Result<Response, ApiError> {
    remove(&state, org, id).await
}

async fn remove(state: &ApiState, org: postsync_core::ids::OrgId, id: GenerationId) -> Result<Response, ApiError> {
    state.engine.remove_generation(&org, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
