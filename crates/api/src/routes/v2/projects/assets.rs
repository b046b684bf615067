//! `/v2/projects/{id}/assets`: assets come in and leave. `GET /v2/assets?projectId=` lists them.
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequest as _, RawPathParams, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use postsync_core::error_code;
use postsync_core::ids::{AssetId, ProjectId};
use postsync_core::project::ATTACHED_AT_ONCE_MAX;
use serde_json::{Map, Value};

use super::one::find;
use crate::auth::Creator;
use crate::error::ApiError;
use crate::json_body::JsonBody;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{AttachAssets, ErrorBody, UnauthorizedBody};

/// Attach assets to a project
///
/// All of them or none. One that is in it already stays; an asset may be in many projects.
#[utoipa::path(
    post,
    path = "/v2/projects/{id}/assets",
    operation_id = "attachProjectAssets",
    tag = "projects",
    params(("id" = String, Path, description = "The project's id")),
    request_body = AttachAssets,
    responses(
        (status = 204, description = "They are in it"),
        (status = 400, description = "Something is wrong with the body; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "No such project, or no such asset", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 409, description = "The project would have more assets than it may", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn attach_project_assets(
    State(state): State<ApiState>,
    Creator(org): Creator,
    PathId(id): PathId<ProjectId>,
    request: Request,
) -> Result<Response, ApiError> {
    find(&state, &org, id).await?;
    let fields = JsonBody::from_request(request, &state).await?.into_fields();
    state.engine.attach_assets(&org, id, &ids(&fields)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Detach an asset from a project
///
/// The asset itself stays.
#[utoipa::path(
    delete,
    path = "/v2/projects/{id}/assets/{assetId}",
    operation_id = "detachProjectAsset",
    tag = "projects",
    params(
        ("id" = String, Path, description = "The project's id"),
        ("assetId" = String, Path, description = "The asset's id"),
    ),
    responses(
        (status = 204, description = "It is not in it any more"),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "No such project, or the asset is not in it", body = ErrorBody),
    )
)]
pub(crate) async fn detach_project_asset(
    State(state): State<ApiState>,
    Creator(org): Creator,
    PathId(id): PathId<ProjectId>,
    path: Result<RawPathParams, RawPathParamsRejection>,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::of(error_code::ASSET_NOT_FOUND);
    let path = path.map_err(|_| unknown())?;
    let asset = path.iter().find(|(name, _)| *name == "assetId").and_then(|(_, id)| id.parse().ok());
    match asset {
        Some(asset) => state.engine.detach_asset(&org, id, asset).await?,
        // What is no id is no asset; the project is looked for first, as it is for others.
        None => {
            find(&state, &org, id).await?;
            return Err(unknown());
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn ids(fields: &Map<String, Value>) -> Result<Vec<AssetId>, ApiError> {
    let wrong = || {
        let message = format!("assetIds must be an array of 1 to {ATTACHED_AT_ONCE_MAX} ids of assets");
        ApiError::invalid("assetIds", message)
    };
    let list = fields.get("assetIds").and_then(Value::as_array).ok_or_else(wrong)?;
    if !(1..=ATTACHED_AT_ONCE_MAX).contains(&list.len()) {
        return Err(wrong());
    }
    let texts = list.iter().map(Value::as_str).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
    // A text that is no id is to a caller the same as an unknown one.
    let known = |text: &str| text.parse().map_err(|_| ApiError::of(error_code::ASSET_NOT_FOUND).with_field("assetIds"));
    texts.into_iter().map(known).collect()
}
