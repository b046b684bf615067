//! `POST /postsync/v1/events/commit`: a consumer has handled its feed up to a cursor.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::feed::cursor;

use super::{consumer, position, refused};
use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::state::ApiState;
use crate::wire::{ConsumerCursor, ErrorBody, UnauthorizedBody};

/// Commit how far a consumer has come
///
/// Never moves back: a cursor before the committed one is answered with the committed one.
#[utoipa::path(
    post,
    path = "/postsync/v1/events/commit",
    operation_id = "commitEvents",
    tag = "events",
    request_body = ConsumerCursor,
    responses(
        (status = 200, description = "What is committed now", body = ConsumerCursor),
        (status = 400, description = "A field is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 409, description = "The organization has as many consumers as it may", body = ErrorBody),
        (status = 410, description = "What came next was removed; oldestCursor is where reading can go on", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn commit_events(
    State(state): State<ApiState>,
    Reader(org): Reader,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let name = consumer(body.string("consumer")?)?;
    let at = position(&org, "cursor", body.string("cursor")?)?;
    let committed = state.engine.feed().commit(&org, name.clone(), at).await;
    let committed = committed.map_err(|error| refused(&org, "cursor", error))?;
    let answer = ConsumerCursor { consumer: name.to_string(), cursor: cursor(&org, committed) };
    Ok(json::answer(StatusCode::OK, json::text(&answer)))
}
