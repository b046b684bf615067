//! `GET /v2/batch`: an organization's batches, newest first, as a bare array.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::batch::{Status, wire};
use postsync_core::limits::LIST_MAX;
use postsync_engine::ports::BatchQuery;

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{BatchBody, ErrorBody, UnauthorizedBody};

/// List batches, newest first
///
/// The newest 1000 that fit; created_before leads to those in front of them.
#[utoipa::path(
    get,
    path = "/v2/batch",
    operation_id = "listBatches",
    tag = "batches",
    params(
        ("status" = Option<String>, Query, description = "PENDING, JOBS_CREATED, PROCESSING, COMPLETED or FAILED"),
        ("created_after" = Option<String>, Query, description = "Only those that were made later than that"),
        ("created_before" = Option<String>, Query, description = "Only those that were made before that"),
    ),
    responses(
        (status = 200, description = "The batches", body = Vec<BatchBody>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn list_batches(
    State(state): State<ApiState>,
    Reader(org): Reader,
    query: Query,
) -> Result<Response, ApiError> {
    let (after, before) = (query.time("created_after")?, query.time("created_before")?);
    let query = BatchQuery { org, status: status(&query)?, after, before, limit: LIST_MAX };
    let room = state.room.for_a_list().await?;
    let found = state.engine.store().batches(query).await?;
    let list: Vec<String> = found.iter().map(wire).collect();
    Ok(json::answer(StatusCode::OK, room.hold(format!("[{}]", list.join(",")))))
}

fn status(query: &Query) -> Result<Option<Status>, ApiError> {
    let Some(name) = query.one("status")? else { return Ok(None) };
    // As JSON, should a client write this one as it does the other lists' filters.
    let plain = name.trim_matches(['[', ']', '"']);
    Status::parse(plain).map(Some).ok_or_else(|| {
        let list: Vec<&str> = Status::ALL.into_iter().map(Status::as_str).collect();
        ApiError::invalid("status", format!("status must be one of {}", list.join(", ")))
    })
}
