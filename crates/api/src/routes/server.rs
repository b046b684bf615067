//! The server about itself: its API's document, its health, its metrics.
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};

use crate::auth::MetricsReader;
use crate::error::ApiError;
use crate::json;
use crate::state::ApiState;
use crate::wire::{ErrorBody, Readiness, UnauthorizedBody};

/// Read this document
#[utoipa::path(
    get,
    path = "/api-json",
    operation_id = "getApiDocument",
    tag = "server",
    security(()),
    responses((status = 200, description = "The OpenAPI document", body = Object))
)]
pub(crate) async fn get_api_json(State(state): State<ApiState>) -> Response {
    json::answer(StatusCode::OK, state.document.clone())
}

/// Say whether the process is alive
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "getHealth",
    tag = "server",
    security(()),
    responses((status = 200, description = "It is", body = Readiness))
)]
pub(crate) async fn get_health() -> Response {
    json::answer(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// Say whether creates are taken
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "getReadiness",
    tag = "server",
    security(()),
    responses(
        (status = 200, description = "They are", body = Readiness),
        (status = 503, description = "The server is stopping, or has too little room", body = ErrorBody),
    )
)]
pub(crate) async fn get_readiness(State(state): State<ApiState>) -> Result<Response, ApiError> {
    state.takes_work()?;
    Ok(json::answer(StatusCode::OK, r#"{"status":"ok"}"#))
}

/// Read the metrics
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "getMetrics",
    tag = "server",
    responses(
        (status = 200, description = "In Prometheus text format", body = String, content_type = "text/plain"),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn get_metrics(State(state): State<ApiState>, _: MetricsReader) -> Result<Response, ApiError> {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((content_type, (state.metrics)()).into_response())
}
