//! `/v2/projects/{id}`: read, change, delete.
use axum::extract::{FromRequest as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use postsync_core::error_code;
use postsync_core::ids::{OrgId, ProjectId};
use postsync_core::project::Project;

use super::{answer, said};
use crate::auth::{Creator, Reader};
use crate::error::ApiError;
use crate::json_body::JsonBody;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{ErrorBody, ProjectBody, UnauthorizedBody, UpdateProject};

/// Read a project
#[utoipa::path(
    get,
    path = "/v2/projects/{id}",
    operation_id = "getProject",
    tag = "projects",
    params(("id" = String, Path, description = "The project's id")),
    responses(
        (status = 200, description = "The project", body = ProjectBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such project", body = ErrorBody),
    )
)]
pub(crate) async fn get_project(
    State(state): State<ApiState>,
    Reader(org): Reader,
    PathId(id): PathId<ProjectId>,
) -> Result<Response, ApiError> {
    Ok(answer(StatusCode::OK, &find(&state, &org, id).await?))
}

/// Change a project's name, visibility or mode
#[utoipa::path(
    patch,
    path = "/v2/projects/{id}",
    operation_id = "updateProject",
    tag = "projects",
    params(("id" = String, Path, description = "The project's id")),
    request_body = UpdateProject,
    responses(
        (status = 200, description = "The project as it is now", body = ProjectBody),
        (status = 400, description = "Something is wrong with the body; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "No such project", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn update_project(
    State(state): State<ApiState>,
    Creator(org): Creator,
    PathId(id): PathId<ProjectId>,
    request: Request,
) -> Result<Response, ApiError> {
    find(&state, &org, id).await?;
    let fields = JsonBody::from_request(request, &state).await?.into_fields();
    let changed = state.engine.describe_project(&org, id, said(&fields)?).await?;
    Ok(answer(StatusCode::OK, &changed))
}

/// Delete a project
///
/// The assets in it stay.
#[utoipa::path(
    delete,
    path = "/v2/projects/{id}",
    operation_id = "deleteProject",
    tag = "projects",
    params(("id" = String, Path, description = "The project's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "No such project", body = ErrorBody),
    )
)]
pub(crate) async fn delete_project(
    State(state): State<ApiState>,
    Creator(org): Creator,
    PathId(id): PathId<ProjectId>,
) -> Result<Response, ApiError> {
    state.engine.remove_project(&org, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn find(state: &ApiState, org: &OrgId, id: ProjectId) -> Result<Project, ApiError> {
    state.engine.store().project(org, id).await?.ok_or_else(|| ApiError::of(error_code::PROJECT_NOT_FOUND))
}
