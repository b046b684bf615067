//! `GET /v2/errors`: every code that may come.
use axum::response::Response;
use http::StatusCode;
use postsync_core::error_code::ErrorCode;

use crate::json;
use crate::wire::ErrorEntry;

/// List the error codes
#[utoipa::path(
    get,
    path = "/v2/errors",
    operation_id = "listErrors",
    tag = "models",
    security(()),
    responses((status = 200, description = "Every code with a sentence and a suggestion", body = Vec<ErrorEntry>))
)]
pub(crate) async fn list_errors() -> Response {
    let entries: Vec<ErrorEntry> = ErrorCode::all().iter().map(|code| entry(*code)).collect();
    json::answer(StatusCode::OK, json::text(&entries))
}

fn entry(code: ErrorCode) -> ErrorEntry {
    let entry = code.entry();
    let owned = str::to_owned;
    ErrorEntry { code: owned(entry.code), message: owned(entry.message), suggestion: owned(entry.suggestion) }
}
