//! `GET /v2/assets/count`: how many there are, as a bare number.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::list::kinds;
use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{ErrorBody, UnauthorizedBody};

/// Count assets
#[utoipa::path(
    get,
    path = "/v2/assets/count",
    operation_id = "countAssets",
    tag = "assets",
    params(
        ("types" = Option<String>, Query, description = "AUDIO, VIDEO, IMAGE: a JSON array, repeated, or a comma list"),
    ),
    responses(
        (status = 200, description = "How many the organization has", body = u64, content_type = "application/json"),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn count_assets(
    State(state): State<ApiState>,
    Reader(org): Reader,
    query: Query,
) -> Result<Response, ApiError> {
    let kinds = kinds(&query)?;
    let count = match &kinds {
        Some(kinds) if kinds.is_empty() => 0,
        _ => state.engine.store().count_assets(&org, kinds.unwrap_or_default()).await?,
    };
    Ok(json::answer(StatusCode::OK, count.to_string()))
}
