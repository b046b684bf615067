//! `GET /v2/usage/generations`: what has ended, and what it came to.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::generation::Status;
use postsync_core::ids::GenerationId;
use postsync_core::limits::USAGE_MAX;
use postsync_core::price::{Estimate, Prices, estimate};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{UsageQuery, Used};

use super::costs::dollars;
use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{ErrorBody, UnauthorizedBody, UsageItem, UsagePage};

/// List what generations came to, the last one that ended first
///
/// Each that has ended, with its length and its cost at the prices that the server has now. Those that were deleted are not there.
#[utoipa::path(
    get,
    path = "/v2/usage/generations",
    operation_id = "listUsage",
    tag = "costs",
    params(
        ("startTime" = Option<String>, Query, description = "Only those that ended then or later"),
        ("endTime" = Option<String>, Query, description = "Only those that ended before that"),
        ("limit" = Option<u32>, Query, description = "1 to 500, default 500"),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = UsagePage),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn list_usage(
    State(state): State<ApiState>,
    Reader(org): Reader,
    query: Query,
) -> Result<Response, ApiError> {
    let limit = query.number("limit", 1..=USAGE_MAX)?.unwrap_or(USAGE_MAX);
    let (since, until) = (query.time("startTime")?, query.time("endTime")?);
    if let (Some(since), Some(until)) = (since, until)
        && since > until
    {
        return Err(ApiError::invalid("endTime", "endTime is earlier than startTime"));
    }
    let wrong = || ApiError::invalid("cursor", "cursor is not the nextCursor of a page");
    let before = query.one("cursor")?.map(|text| place(text).ok_or_else(wrong)).transpose()?;
    // One more tells whether another page follows.
    let asked = UsageQuery { org, since, until, before, limit: limit + 1 };
    let mut found = state.engine.store().usage(asked).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| has_more).map(cursor);
    let items = found.iter().map(|used| item(used, &state.settings.prices)).collect();
    Ok(json::answer(StatusCode::OK, json::text(&UsagePage { items, next_cursor })))
}

/// When the last of a page ended, and which it was: it may be deleted before the next page is asked for.
fn cursor(used: &Used) -> String {
    format!("{}_{}", used.ended_at.0, used.generation)
}

fn place(cursor: &str) -> Option<(Timestamp, GenerationId)> {
    let (at, id) = cursor.split_once('_')?;
    Some((Timestamp(at.parse().ok()?), id.parse().ok()?))
}

fn item(used: &Used, prices: &Prices) -> UsageItem {
    UsageItem {
        generation_id: used.generation.to_string(),
        model: used.model.clone(),
        status: used.status.as_str().to_owned(),
        completed_at: used.ended_at.to_string(),
        output_duration: used.duration_ms.map(seconds),
        cost: micros(used, prices.of(&used.model)).map(dollars),
    }
}

fn micros(used: &Used, price: u64) -> Option<u64> {
    if used.status != Status::Completed || price == 0 {
        return Some(0);
    }
    let Estimate { micros, .. } = estimate(price, used.duration_ms?, 0);
    Some(micros)
}

#[expect(clippy::cast_precision_loss, reason = "a video of 2^53 milliseconds is longer than any disk")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
