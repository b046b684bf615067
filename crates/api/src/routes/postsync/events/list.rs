//! `GET /postsync/v1/events`: what has happened, newest first.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::feed::cursor;
use postsync_core::limits::LIST_MAX;

use super::{position, refused};
use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{ErrorBody, EventPage, UnauthorizedBody};

/// Rows of a page, unless told otherwise.
const LIMIT_DEFAULT: usize = 100;

/// List events, newest first
#[utoipa::path(
    get,
    path = "/postsync/v1/events",
    operation_id = "listEvents",
    tag = "events",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page; shorter than limit where the bodies come to 8 MiB", body = EventPage),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn list_events(
    State(state): State<ApiState>,
    Reader(org): Reader,
    query: Query,
) -> Result<Response, ApiError> {
    let limit = query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let before = query.one("cursor")?.map(|text| position(&org, "cursor", text)).transpose()?;
    let room = state.room.for_a_list().await?;
    let page = state.engine.feed().newest(&org, before, limit).await;
    let page = page.map_err(|error| refused(&org, "cursor", error))?;
    // Places have no gaps: what lies between the last one shown and the beginning of the feed follows.
    let last = page.events.last().filter(|last| last.seq.0 > page.span.begin().0 + 1);
    let next_cursor = last.map(|last| cursor(&org, last.seq));
    let items = page.events.iter().map(Into::into).collect();
    Ok(json::answer(StatusCode::OK, room.hold(json::text(&EventPage { items, next_cursor }))))
}
