//! `/postsync/v1/destinations`: who is up, who is down, and what waits for whom.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::limits::URL_BYTES_MAX;
use postsync_core::target::Destination;

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{DestinationItem, DestinationPage, ErrorBody, UnauthorizedBody};

/// Rows of a page: each costs a count on disk.
const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 100;

/// List destinations with their health
#[utoipa::path(
    get,
    path = "/postsync/v1/destinations",
    operation_id = "listDestinations",
    tag = "deliveries",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100, default 50"),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = DestinationPage),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn list_destinations(
    State(state): State<ApiState>,
    Reader(org): Reader,
    query: Query,
) -> Result<Response, ApiError> {
    let limit = query.number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let after = query.one("cursor")?.map(cursor).transpose()?;
    let room = state.room.for_a_list().await?;
    let mut rows = state.engine.destinations(&org, after.as_deref(), limit + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| row.destination.to_string());
    let items = rows.iter().map(DestinationItem::from).collect();
    Ok(json::answer(StatusCode::OK, room.hold(json::text(&DestinationPage { items, next_cursor }))))
}

/// A destination's text, exactly as we write it.
fn cursor(text: &str) -> Result<String, ApiError> {
    let is_ours = text.len() <= URL_BYTES_MAX && Destination::of(text).is_some_and(|of| of.to_string() == text);
    let wrong = || ApiError::invalid("cursor", "cursor is not the nextCursor of a page");
    is_ours.then(|| text.to_owned()).ok_or_else(wrong)
}
