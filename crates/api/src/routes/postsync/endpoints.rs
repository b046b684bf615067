//! `/postsync/v1/endpoints`: receivers that an organization has registered.
use axum::extract::{FromRequest as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use postsync_core::create::Refusal;
use postsync_core::endpoint::{Draft, Endpoint, Input, Patch};
use postsync_core::error_code;
use postsync_core::ids::{EndpointId, OrgId};
use postsync_core::limits::LIST_MAX;
use postsync_engine::EndpointError;

use crate::auth::Admin;
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::query::Query;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{
    CreateEndpoint, DeliveryItem, EndpointItem, EndpointPage, ErrorBody, NewEndpointItem, UnauthorizedBody,
    UpdateEndpoint,
};

/// Rows of a page, unless told otherwise.
const LIMIT_DEFAULT: usize = 100;

/// List endpoints, oldest first
#[utoipa::path(
    get,
    path = "/postsync/v1/endpoints",
    operation_id = "listEndpoints",
    tag = "endpoints",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = EndpointPage),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
    )
)]
pub(crate) async fn list_endpoints(
    State(state): State<ApiState>,
    Admin(org): Admin,
    query: Query,
) -> Result<Response, ApiError> {
    let limit = query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let wrong = || ApiError::invalid("cursor", "cursor is not the nextCursor of a page");
    let after = query.one("cursor")?.map(|text| text.parse::<EndpointId>().map_err(|_| wrong())).transpose()?;
    // All of them are few: see ENDPOINTS_MAX.
    let all = state.engine.store().endpoints(&org).await?;
    let mut rest = all.iter().filter(|endpoint| after.as_ref().is_none_or(|after| endpoint.id > *after));
    let items: Vec<EndpointItem> = rest.by_ref().take(limit).map(EndpointItem::from).collect();
    let next_cursor = rest.next().and_then(|_| items.last().map(|item| item.id.clone()));
    Ok(json::answer(StatusCode::OK, json::text(&EndpointPage { items, next_cursor })))
}

/// Register an endpoint
///
/// Only url must be given. The answer holds the secret that its receiver verifies with.
#[utoipa::path(
    post,
    path = "/postsync/v1/endpoints",
    operation_id = "createEndpoint",
    tag = "endpoints",
    request_body = CreateEndpoint,
    responses(
        (status = 201, description = "The endpoint, enabled, with its secret", body = NewEndpointItem),
        (status = 400, description = "Something is wrong with the body; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 409, description = "Another endpoint has this URL, or there are too many", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn create_endpoint(
    State(state): State<ApiState>,
    Admin(org): Admin,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let draft = Draft::read(&body.into_fields(), &state.settings.rules).map_err(invalid)?;
    let made = state.engine.register_endpoint(&org, draft).await?;
    let item = NewEndpointItem { endpoint: (&made.endpoint).into(), secret: made.secret.expose().to_owned() };
    Ok(json::answer(StatusCode::CREATED, json::text(&item)))
}

/// Read an endpoint
#[utoipa::path(
    get,
    path = "/postsync/v1/endpoints/{id}",
    operation_id = "getEndpoint",
    tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses(
        (status = 200, description = "The endpoint", body = EndpointItem),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 404, description = "No such endpoint", body = ErrorBody),
    )
)]
pub(crate) async fn get_endpoint(
    State(state): State<ApiState>,
    Admin(org): Admin,
    PathId(id): PathId<EndpointId>,
) -> Result<Response, ApiError> {
    Ok(shown(StatusCode::OK, &find(&state, &org, &id).await?))
}

/// Change an endpoint
#[utoipa::path(
    patch,
    path = "/postsync/v1/endpoints/{id}",
    operation_id = "updateEndpoint",
    tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint's id")),
    request_body = UpdateEndpoint,
    responses(
        (status = 200, description = "The endpoint as it is now", body = EndpointItem),
        (status = 400, description = "Something is wrong with the body; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 404, description = "No such endpoint", body = ErrorBody),
        (status = 409, description = "Another endpoint has this URL, or it is disabled and can't be paused", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn update_endpoint(
    State(state): State<ApiState>,
    Admin(org): Admin,
    PathId(id): PathId<EndpointId>,
    request: Request,
) -> Result<Response, ApiError> {
    find(&state, &org, &id).await?;
    let body = JsonBody::from_request(request, &state).await?;
    let patch = Patch::read(&body.into_fields(), &state.settings.rules).map_err(invalid)?;
    let now = state.engine.now();
    let by = |endpoint: &Endpoint| patch.apply(endpoint, now).ok_or(EndpointError::Disabled);
    let changed = state.engine.change_endpoint(&org, &id, by).await?;
    Ok(shown(StatusCode::OK, &changed))
}

/// Delete an endpoint
///
/// What is pending for it ends exhausted, and can be replayed.
#[utoipa::path(
    delete,
    path = "/postsync/v1/endpoints/{id}",
    operation_id = "deleteEndpoint",
    tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 404, description = "No such endpoint", body = ErrorBody),
    )
)]
pub(crate) async fn delete_endpoint(
    State(state): State<ApiState>,
    Admin(org): Admin,
    PathId(id): PathId<EndpointId>,
) -> Result<Response, ApiError> {
    state.engine.remove_endpoint(&org, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Pause an endpoint
///
/// Its deliveries are made and wait until it is resumed.
#[utoipa::path(
    post,
    path = "/postsync/v1/endpoints/{id}/pause",
    operation_id = "pauseEndpoint",
    tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses(
        (status = 200, description = "The endpoint, paused", body = EndpointItem),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 404, description = "No such endpoint", body = ErrorBody),
        (status = 409, description = "It is disabled", body = ErrorBody),
    )
)]
pub(crate) async fn pause_endpoint(
    State(state): State<ApiState>,
    Admin(org): Admin,
    PathId(id): PathId<EndpointId>,
) -> Result<Response, ApiError> {
    moved(&state, &org, &id, Input::Pause).await
}

/// Resume an endpoint
///
/// One that is paused gets what has waited; one that is disabled gets what happens from now on.
#[utoipa::path(
    post,
    path = "/postsync/v1/endpoints/{id}/resume",
    operation_id = "resumeEndpoint",
    tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses(
        (status = 200, description = "The endpoint, enabled", body = EndpointItem),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 404, description = "No such endpoint", body = ErrorBody),
    )
)]
pub(crate) async fn resume_endpoint(
    State(state): State<ApiState>,
    Admin(org): Admin,
    PathId(id): PathId<EndpointId>,
) -> Result<Response, ApiError> {
    moved(&state, &org, &id, Input::Resume).await
}

/// Send a test event to an endpoint
///
/// A generation.completed of a generation that never was, delivered as any other and to this endpoint alone.
#[utoipa::path(
    post,
    path = "/postsync/v1/endpoints/{id}/test",
    operation_id = "testEndpoint",
    tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses(
        (status = 202, description = "The delivery on its way", body = DeliveryItem),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 404, description = "No such endpoint", body = ErrorBody),
        (status = 409, description = "It is disabled", body = ErrorBody),
    )
)]
pub(crate) async fn test_endpoint(
    State(state): State<ApiState>,
    Admin(org): Admin,
    PathId(id): PathId<EndpointId>,
) -> Result<Response, ApiError> {
    let due = state.engine.test_endpoint(&org, &id).await?;
    Ok(json::answer(StatusCode::ACCEPTED, json::text(&DeliveryItem::new(&due.delivery, &due.event))))
}

async fn moved(state: &ApiState, org: &OrgId, id: &EndpointId, input: Input) -> Result<Response, ApiError> {
    let now = state.engine.now();
    let by = |endpoint: &Endpoint| endpoint.asked(input, now).ok_or(EndpointError::Disabled);
    Ok(shown(StatusCode::OK, &state.engine.change_endpoint(org, id, by).await?))
}

async fn find(state: &ApiState, org: &OrgId, id: &EndpointId) -> Result<Endpoint, ApiError> {
    let all = state.engine.store().endpoints(org).await?;
    let found = all.into_iter().find(|endpoint| endpoint.id == *id);
    found.ok_or_else(|| ApiError::of(error_code::ENDPOINT_NOT_FOUND))
}

fn shown(status: StatusCode, endpoint: &Endpoint) -> Response {
    json::answer(status, json::text(&EndpointItem::from(endpoint)))
}

/// Under `/v2` a refusal has the code of a create.
fn invalid(refusal: Refusal) -> ApiError {
    ApiError::invalid(&refusal.field, refusal.message)
}
