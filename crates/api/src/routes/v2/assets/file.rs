//! `GET /v2/assets/{id}/file` and `/thumbnail`: the bytes, for whoever has their URL.
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method};
use postsync_core::asset::Asset;
use postsync_core::error_code;
use postsync_core::ids::{AssetId, MediaId};

use crate::asset_urls;
use crate::error::ApiError;
use crate::query::Query;
use crate::routes::path::PathId;
use crate::routes::v2::serve::{Served, serve};
use crate::state::ApiState;
use crate::wire::ErrorBody;

/// Fetch an asset's file
#[utoipa::path(
    get,
    path = "/v2/assets/{id}/file",
    operation_id = "getAssetFile",
    tag = "assets",
    security(()),
    params(
        ("id" = String, Path, description = "The asset's id"),
        ("token" = String, Query, description = "As it stands in the asset's url"),
    ),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The range that was asked for", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 302, description = "It lies elsewhere"),
        (status = 304, description = "It has not changed"),
        (status = 404, description = "No such asset, or another token", body = ErrorBody),
        (status = 410, description = "It has been removed after its retention", body = ErrorBody),
        (status = 416, description = "The range lies outside the file", body = ErrorBody),
        (status = 503, description = "The disk failed", body = ErrorBody),
    )
)]
pub(crate) async fn get_asset_file(
    State(state): State<ApiState>,
    PathId(id): PathId<AssetId>,
    query: Query,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asset = shown_to(&state, id, &query).await?;
    let extension = asset.facts.format.as_deref().unwrap_or("bin");
    give(&state, asset.media(), &format!("{id}.{extension}"), &method, &headers).await
}

/// Fetch an asset's small picture
#[utoipa::path(
    get,
    path = "/v2/assets/{id}/thumbnail",
    operation_id = "getAssetThumbnail",
    tag = "assets",
    security(()),
    params(
        ("id" = String, Path, description = "The asset's id"),
        ("token" = String, Query, description = "As it stands in the asset's thumbnailUrl"),
    ),
    responses(
        (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 206, description = "The range that was asked for", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 302, description = "It lies elsewhere"),
        (status = 304, description = "It has not changed"),
        (status = 404, description = "No such asset, no picture, or another token", body = ErrorBody),
        (status = 410, description = "It has been removed after its retention", body = ErrorBody),
        (status = 416, description = "The range lies outside the file", body = ErrorBody),
        (status = 503, description = "The disk failed", body = ErrorBody),
    )
)]
pub(crate) async fn get_asset_thumbnail(
    State(state): State<ApiState>,
    PathId(id): PathId<AssetId>,
    query: Query,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asset = shown_to(&state, id, &query).await?;
    give(&state, asset.facts.thumbnail, &format!("{id}.jpg"), &method, &headers).await
}

/// Unknown and a wrong token look the same: nobody learns by asking which ids there are.
async fn shown_to(state: &ApiState, id: AssetId, query: &Query) -> Result<Asset, ApiError> {
    let unknown = || ApiError::of(error_code::ASSET_NOT_FOUND);
    let token = query.one("token").ok().flatten().ok_or_else(unknown)?;
    if !asset_urls::token_fits(state, id, token) {
        return Err(unknown());
    }
    state.engine.store().asset_of_any(id).await?.ok_or_else(unknown)
}

async fn give(
    state: &ApiState,
    media: Option<MediaId>,
    file_name: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let media = media.ok_or_else(|| ApiError::of(error_code::ASSET_NOT_FOUND))?;
    serve(state, Served { media, file_name }, method, headers).await
}
