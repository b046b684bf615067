//! `GET /v2/generations/count`: how many there are.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::list::statuses;
use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{ErrorBody, GenerationCount, UnauthorizedBody};

/// What made a generation, in Sync's words; here all come over the API.
const API: &str = "api";
const PLAYGROUND: &str = "playground";

/// Count generations
#[utoipa::path(
    get,
    path = "/v2/generations/count",
    operation_id = "countGenerations",
    tag = "generations",
    params(
        ("status" = Option<String>, Query, description = "One or more statuses: a JSON array, repeated, or a comma list"),
        ("type" = Option<String>, Query, description = "api or playground; here all are api"),
        ("source" = Option<String>, Query, description = "Taken, and without effect: a generation has no other source here"),
        ("generationSource" = Option<String>, Query, description = "The same"),
        ("currentUserOnly" = Option<bool>, Query, description = "Taken, and without effect: a key is not a user"),
    ),
    responses(
        (status = 200, description = "How many", body = GenerationCount),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn count_generations(
    State(state): State<ApiState>,
    Reader(org): Reader,
    query: Query,
) -> Result<Response, ApiError> {
    let statuses = statuses(&query)?;
    let _ = query.flag("currentUserOnly")?;
    let kinds = query.list("type")?;
    if kinds.iter().flatten().any(|kind| kind != API && kind != PLAYGROUND) {
        return Err(ApiError::invalid("type", "type must be api or playground"));
    }
    let none = statuses.as_ref().is_some_and(Vec::is_empty)
        || kinds.is_some_and(|kinds| !kinds.iter().any(|kind| kind == API));
    let count = match none {
        true => 0,
        false => state.engine.store().count_generations(&org, statuses.unwrap_or_default()).await?,
    };
    Ok(json::answer(StatusCode::OK, json::text(&GenerationCount { count })))
}
