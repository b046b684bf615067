//! `GET /postsync/v1/listeners`: who listens, and who did.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::limits::LISTENERS_MAX;
use postsync_core::listener::listener_name;

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{ErrorBody, ListenerItem, ListenerPage, UnauthorizedBody};

/// List listeners, connected or not
#[utoipa::path(
    get,
    path = "/postsync/v1/listeners",
    operation_id = "listListeners",
    tag = "listeners",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100, default 100"),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page, in the order of the names", body = ListenerPage),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn list_listeners(
    State(state): State<ApiState>,
    Reader(org): Reader,
    query: Query,
) -> Result<Response, ApiError> {
    let limit = query.number("limit", 1..=LISTENERS_MAX)?.unwrap_or(LISTENERS_MAX);
    let wrong = || ApiError::invalid("cursor", "cursor is not the nextCursor of a page");
    let after = query.one("cursor")?.map(|text| listener_name(text).ok_or_else(wrong)).transpose()?;
    // An organization has so few that they are all read.
    let mut found = state.engine.listeners(&org).await?;
    found.retain(|view| after.as_ref().is_none_or(|after| view.listener.name > *after));
    let more = found.len() > limit;
    found.truncate(limit);
    let items: Vec<ListenerItem> = found.iter().map(Into::into).collect();
    let next_cursor = items.last().filter(|_| more).map(|last| last.name.clone());
    Ok(json::answer(StatusCode::OK, json::text(&ListenerPage { items, next_cursor })))
}
