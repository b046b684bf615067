//! `GET /postsync/v1/events/poll`: the next events of a consumer, at once or as soon as there are some.
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::feed::cursor;
use postsync_core::ids::OrgId;
use postsync_core::limits::{FEED_WAIT_S_MAX, LIST_MAX};
use postsync_engine::Start;

use super::{consumer, position, refused};
use crate::auth::Staying;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{ErrorBody, EventBatch, UnauthorizedBody};

/// Events of an answer, unless told otherwise.
const LIMIT_DEFAULT: usize = 100;

/// Read the next events of the feed, oldest first
///
/// From behind what the consumer has committed, or from the oldest event that is kept where it never has. Nothing is moved by
/// reading: an event comes again until a cursor behind it is committed.
#[utoipa::path(
    get,
    path = "/postsync/v1/events/poll",
    operation_id = "pollEvents",
    tag = "events",
    params(
        ("consumer" = Option<String>, Query, description = "Who reads: 1 to 64 letters, digits, dots, dashes, underscores. May be left out with after"),
        ("after" = Option<String>, Query, description = "Read from behind this cursor, for this call only, whatever was committed"),
        ("wait" = Option<u32>, Query, description = "Seconds to wait for an event, 0 to 60, default 0"),
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
    ),
    responses(
        (status = 200, description = "The events; fewer than limit where the bodies come to 8 MiB", body = EventBatch),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 410, description = "What came next was removed; oldestCursor is where reading can go on", body = ErrorBody),
        (status = 429, description = "The organization has too many polls waiting", body = ErrorBody),
    )
)]
pub(crate) async fn poll_events(
    State(state): State<ApiState>,
    caller: Staying,
    query: Query,
) -> Result<Response, ApiError> {
    let (org, feed) = (&caller.org, state.engine.feed());
    let limit = query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let wait_s = query.number("wait", 0..=FEED_WAIT_S_MAX)?.unwrap_or(0);
    let (start, field) = start(org, &query)?;
    let refused = |error| refused(org, field, error);
    let after = feed.position(org, start).await.map_err(refused)?;
    if wait_s > 0 {
        feed.wait(org, after, Duration::from_secs(wait_s as u64)).await.map_err(refused)?;
        caller.may_stay(&state).await?;
    }
    // Not before: who waits for an event must not hold the room of who reads some.
    let room = state.room.for_a_list().await?;
    let page = feed.read(org, after, limit).await.map_err(refused)?;
    let next_cursor = cursor(org, page.events.last().map_or(after, |last| last.seq));
    let items = page.events.iter().map(Into::into).collect();
    Ok(json::answer(StatusCode::OK, room.hold(json::text(&EventBatch { items, next_cursor }))))
}

/// Where to read from, and the parameter that says so.
fn start(org: &OrgId, query: &Query) -> Result<(Start, &'static str), ApiError> {
    let consumer = query.one("consumer")?.map(consumer).transpose()?;
    match (query.one("after")?, consumer) {
        (Some(after), _) => Ok((Start::After(position(org, "after", after)?), "after")),
        (None, Some(consumer)) => Ok((Start::Consumer(consumer), "consumer")),
        (None, None) => Err(ApiError::invalid("consumer", "consumer is missing; a read from after needs none")),
    }
}
