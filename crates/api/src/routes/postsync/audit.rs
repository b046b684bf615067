//! `/postsync/v1/audit`: who asked for each generation, and from what. Only for keys with the scope admin.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::audit::AuditEntry;
use postsync_core::ids::OrgId;
use postsync_core::limits::{LIST_BYTES_MAX, LIST_MAX};
use postsync_engine::ports::AuditQuery;

use crate::auth::Admin;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{AuditItem, AuditPage, ErrorBody, UnauthorizedBody};

/// Rows of a page, unless told otherwise.
const LIMIT_DEFAULT: usize = 100;

/// List who asked for each generation, newest first
///
/// One entry for each generation of the organization, those of batches too. It is written together with the generation, and stays
/// when that is deleted, for as long as the server keeps it.
#[utoipa::path(
    get,
    path = "/postsync/v1/audit",
    operation_id = "listAudit",
    tag = "audit",
    params(
        ("generationId" = Option<String>, Query, description = "That of one generation"),
        ("keyId" = Option<String>, Query, description = "What one API key has asked for"),
        ("since" = Option<String>, Query, description = "Only what was accepted then or later"),
        ("until" = Option<String>, Query, description = "Only what was accepted before that"),
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100; a page of long inputs may hold fewer"),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = AuditPage),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
    )
)]
pub(crate) async fn list_audit(
    State(state): State<ApiState>,
    Admin(org): Admin,
    query: Query,
) -> Result<Response, ApiError> {
    let limit = query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let wanted = wanted(&query, org, limit)?;
    let room = state.room.for_a_list().await?;
    let mut found = state.engine.store().audit(wanted).await?;
    let has_more = found.len() > limit || found.iter().map(AuditEntry::bytes).sum::<usize>() >= LIST_BYTES_MAX;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| has_more).map(|entry| entry.generation.to_string());
    let items = found.iter().map(AuditItem::from).collect();
    Ok(json::answer(StatusCode::OK, room.hold(json::text(&AuditPage { items, next_cursor }))))
}

/// The query as the store takes it, for one row more than asked: whether there is one says whether a page follows.
fn wanted(query: &Query, org: OrgId, limit: usize) -> Result<AuditQuery, ApiError> {
    let (since, until) = (query.time("since")?, query.time("until")?);
    if let (Some(since), Some(until)) = (since, until)
        && since > until
    {
        return Err(ApiError::invalid("until", "until is earlier than since"));
    }
    Ok(AuditQuery {
        org,
        generation: query.id("generationId", "the id of a generation")?,
        key: query.id("keyId", "the id of an API key")?,
        since,
        until,
        before: query.id("cursor", "the nextCursor of a page")?,
        limit: limit + 1,
    })
}
