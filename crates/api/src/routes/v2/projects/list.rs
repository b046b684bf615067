//! `GET /v2/projects` and `POST /v2/projects`.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::project::ProjectPlace;
use serde_json::Value;

use super::{answer, said};
use crate::auth::{Creator, Reader};
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{CreateProject, ErrorBody, ProjectBody, ProjectPageBody, UnauthorizedBody};

/// As of assets.
const LIMIT_DEFAULT: usize = 10;
const LIMIT_MAX: usize = 100;

/// List projects, newest first
#[utoipa::path(
    get,
    path = "/v2/projects",
    operation_id = "listProjects",
    tag = "projects",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100, default 10", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = ProjectPageBody),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn list_projects(
    State(state): State<ApiState>,
    Reader(org): Reader,
    query: Query,
) -> Result<Response, ApiError> {
    let limit = query.number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let wrong = || ApiError::invalid("cursor", "cursor is not the nextCursor of a page");
    let after = query.one("cursor")?.map(|text| ProjectPlace::parse(text).ok_or_else(wrong)).transpose()?;
    // One more says whether there is a next page.
    let mut projects = state.engine.store().projects(&org, after, limit + 1).await?;
    let has_more = projects.len() > limit;
    projects.truncate(limit);
    let last = projects.last().filter(|_| has_more);
    let body = ProjectPageBody {
        next_cursor: last.map(|last| last.place().to_string()),
        items: projects.iter().map(ProjectBody::of).collect(),
    };
    Ok(json::answer(StatusCode::OK, json::text(&body)))
}

/// Create a project
#[utoipa::path(
    post,
    path = "/v2/projects",
    operation_id = "createProject",
    tag = "projects",
    request_body = CreateProject,
    responses(
        (status = 201, description = "The project", body = ProjectBody),
        (status = 400, description = "Something is wrong with the body; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 409, description = "One of that id is there, or the organization has as many as it may", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn create_project(
    State(state): State<ApiState>,
    Creator(org): Creator,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.into_fields();
    let said = said(&fields)?;
    if said.name.is_none() {
        return Err(ApiError::invalid("name", "name is missing"));
    }
    let wrong = || ApiError::invalid("id", "id must be a UUID");
    let id = match fields.get("id") {
        None | Some(Value::Null) => None,
        Some(id) => Some(id.as_str().and_then(|id| id.parse().ok()).ok_or_else(wrong)?),
    };
    let project = state.engine.add_project(&org, id, said).await?;
    Ok(answer(StatusCode::CREATED, &project))
}
