//! `GET /v2/generations/{id}/result?token=`: the finished video. Needs no key: who has the URL may fetch it.
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method};
use postsync_core::error_code;
use postsync_core::generation::{Ending, Generation, State as GenerationState};
use postsync_core::ids::{GenerationId, MediaId};

use super::serve::{Served, serve};
use crate::error::ApiError;
use crate::query::Query;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::ErrorBody;

/// Fetch the finished video
#[utoipa::path(
    get,
    path = "/v2/generations/{id}/result",
    operation_id = "getGenerationResult",
    tag = "generations",
    security(()),
    params(
        ("id" = String, Path, description = "The generation's id"),
        ("token" = String, Query, description = "As it stands in outputUrl"),
    ),
    responses(
        (status = 200, description = "The video", body = Vec<u8>, content_type = "video/mp4"),
        (status = 206, description = "The range that was asked for", body = Vec<u8>, content_type = "video/mp4"),
        (status = 302, description = "It lies elsewhere"),
        (status = 304, description = "It has not changed"),
        (status = 404, description = "No such generation, no video, or another token", body = ErrorBody),
        (status = 410, description = "It has been removed after its retention", body = ErrorBody),
        (status = 416, description = "The range lies outside the file", body = ErrorBody),
        (status = 503, description = "The disk failed", body = ErrorBody),
    )
)]
pub(crate) async fn get_generation_result(
    State(state): State<ApiState>,
    PathId(id): PathId<GenerationId>,
    query: Query,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    // Unknown, not ended and a wrong token look the same: nobody learns by asking which ids there are.
    let unknown = || ApiError::of(error_code::GENERATION_NOT_FOUND);
    let token = query.one("token").ok().flatten().ok_or_else(unknown)?;
    let generation = state.engine.store().generation_of_any(id).await?.ok_or_else(unknown)?;
    let media = media_of(&generation).ok_or_else(unknown)?;
    if !state.engine.media().token_fits(id, media, token) {
        return Err(unknown());
    }
    let id = id.to_string();
    let file_name = format!("{}.mp4", generation.request.output_file_name.as_deref().unwrap_or(&id));
    serve(&state, Served { media, file_name: &file_name }, &method, &headers).await
}

fn media_of(generation: &Generation) -> Option<MediaId> {
    match &generation.state {
        GenerationState::Ended(_, Ending::Completed(output)) => output.media,
        _ => None,
    }
}
