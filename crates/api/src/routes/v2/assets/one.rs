//! `/v2/assets/{id}`: read, describe, remove; and where its file is.
use axum::extract::{FromRequest as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use postsync_core::asset::{Asset, Described};
use postsync_core::error_code;
use postsync_core::ids::{AssetId, OrgId};

use super::{answer, read};
use crate::asset_urls;
use crate::auth::{Creator, Reader};
use crate::error::ApiError;
use crate::json_body::JsonBody;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{AssetBody, ErrorBody, UnauthorizedBody, UpdateAsset};

/// Read an asset
#[utoipa::path(
    get,
    path = "/v2/assets/{id}",
    operation_id = "getAsset",
    tag = "assets",
    params(("id" = String, Path, description = "The asset's id")),
    responses(
        (status = 200, description = "The asset", body = AssetBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such asset", body = ErrorBody),
    )
)]
pub(crate) async fn get_asset(
    State(state): State<ApiState>,
    Reader(org): Reader,
    PathId(id): PathId<AssetId>,
) -> Result<Response, ApiError> {
    Ok(answer(&state, StatusCode::OK, &find(&state, &org, id).await?))
}

/// Change an asset's name or visibility
#[utoipa::path(
    patch,
    path = "/v2/assets/{id}",
    operation_id = "updateAsset",
    tag = "assets",
    params(("id" = String, Path, description = "The asset's id")),
    request_body = UpdateAsset,
    responses(
        (status = 200, description = "The asset as it is now", body = AssetBody),
        (status = 400, description = "Something is wrong with the body; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "No such asset", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn update_asset(
    State(state): State<ApiState>,
    Creator(org): Creator,
    PathId(id): PathId<AssetId>,
    request: Request,
) -> Result<Response, ApiError> {
    find(&state, &org, id).await?;
    let fields = JsonBody::from_request(request, &state).await?.into_fields();
    let to = Described { name: read::name(&fields, "name")?, visibility: read::visibility(&fields)? };
    let changed = state.engine.describe_asset(&org, id, to).await?;
    Ok(answer(&state, StatusCode::OK, &changed))
}

/// Delete an asset
///
/// Its file goes with it. A generation that names it and has not begun fails with asset_not_found.
#[utoipa::path(
    delete,
    path = "/v2/assets/{id}",
    operation_id = "deleteAsset",
    tag = "assets",
    params(("id" = String, Path, description = "The asset's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "No such asset", body = ErrorBody),
    )
)]
pub(crate) async fn delete_asset(
    State(state): State<ApiState>,
    Creator(org): Creator,
    PathId(id): PathId<AssetId>,
) -> Result<Response, ApiError> {
    state.engine.remove_asset(&org, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Where an asset's file can be read
///
/// The answer is a URL that needs no key.
#[utoipa::path(
    get,
    path = "/v2/assets/{id}/download",
    operation_id = "getAssetDownload",
    tag = "assets",
    params(("id" = String, Path, description = "The asset's id")),
    responses(
        (status = 200, description = "The URL", body = String, content_type = "text/plain"),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such asset", body = ErrorBody),
    )
)]
pub(crate) async fn get_asset_download(
    State(state): State<ApiState>,
    Reader(org): Reader,
    PathId(id): PathId<AssetId>,
) -> Result<Response, ApiError> {
    let asset = find(&state, &org, id).await?;
    let url = asset_urls::url_of(&state, &asset);
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], url).into_response())
}

async fn find(state: &ApiState, org: &OrgId, id: AssetId) -> Result<Asset, ApiError> {
    state.engine.store().asset(org, id).await?.ok_or_else(|| ApiError::of(error_code::ASSET_NOT_FOUND))
}
