//! `GET /postsync/v1/generations/{id}/stream`: one generation on its way, as server-sent events.
//!
//! Promise: each message is the generation as it is at that moment, so that who misses some has lost nothing; the last one is its
//! end, after which the stream ends. A reader that is slow holds one message and no more. A key that is revoked gets nothing more.
//! On a stop the stream ends; who comes again, later, is told what has become of it.
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, StatusCode};
use postsync_core::error_code;
use postsync_core::generation::Generation;
use postsync_core::ids::GenerationId;
use postsync_engine::{Watch, WatchError, Watched};

use crate::auth::Staying;
use crate::error::ApiError;
use crate::routes::path::PathId;
use crate::routes::v2::generate::get::with_progress;
use crate::sse::{self, KEEP_ALIVE, RETRY_MS, STILL_HERE};
use crate::state::ApiState;
use crate::wire::{ErrorBody, GenerationBody, UnauthorizedBody};

/// The id of the last message. An EventSource comes again after each end of a stream; with this id there is nothing more for it.
const ENDED: &str = "ended";

/// Watch a generation as server-sent events
///
/// What it is now comes at once, then each change: events `progress`, and in the end one `end`, after which the stream closes.
/// `data` is the generation with `progress_percent`, on one line.
#[utoipa::path(
    get,
    path = "/postsync/v1/generations/{id}/stream",
    operation_id = "streamGeneration",
    tag = "generations",
    params(
        ("id" = String, Path, description = "The generation's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last message, as an EventSource has it: behind the end is nothing"),
    ),
    responses(
        (
            status = 200,
            description = "The stream; it ends with the generation, and when the server stops",
            body = GenerationBody,
            content_type = "text/event-stream",
        ),
        (status = 204, description = "It has ended, and Last-Event-ID says that this client knows"),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such generation", body = ErrorBody),
        (status = 429, description = "The organization has too many streams open", body = ErrorBody),
        (status = 503, description = "The server has too many streams open", body = ErrorBody),
    )
)]
pub(crate) async fn stream_generation(
    State(state): State<ApiState>,
    caller: Staying,
    PathId(id): PathId<GenerationId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let watch = state.engine.watch(&caller.org, id).await.map_err(refused)?;
    let mut watch = watch.ok_or_else(|| ApiError::of(error_code::GENERATION_NOT_FOUND))?;
    let first = watch.next(KEEP_ALIVE).await?;
    let knows = sse::last_event_id(&headers) == Some(ENDED);
    if knows && matches!(&first, Watched::Changed { generation, .. } if generation.is_final()) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let reading = Reading { state, caller, watch, first: Some(first) };
    Ok(sse::answer(stream::unfold(reading, |mut reading| async { reading.next().await.map(|text| (text, reading)) })))
}

fn refused(error: WatchError) -> ApiError {
    match error {
        WatchError::TooManyOfOne => ApiError::too_many_readers(true),
        WatchError::TooMany => ApiError::too_many_readers(false),
        WatchError::Store(error) => error.into(),
    }
}

/// A stream under way.
struct Reading {
    state: ApiState,
    caller: Staying,
    watch: Watch,
    /// What was seen before the answer began.
    first: Option<Watched>,
}

impl Reading {
    /// The next piece of text; `None` where the stream is over.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(Watched::Changed { generation, percent }) = self.first.take() {
            return Some(format!("retry: {RETRY_MS}\n{}", message(&generation, percent)).into());
        }
        let watched = self.watch.next(KEEP_ALIVE).await;
        let text = match watched {
            Ok(Watched::Changed { generation, percent }) => message(&generation, percent),
            Ok(Watched::Nothing) => STILL_HERE.to_owned(),
            Ok(Watched::Over) => return None,
            Err(error) => {
                tracing::warn!(%error, "a stream of a generation was cut");
                return None;
            }
        };
        self.caller.may_stay(&self.state).await.ok()?;
        Some(text.into())
    }
}

fn message(generation: &Generation, percent: Option<u32>) -> String {
    let data = with_progress(generation, percent);
    if generation.is_final() {
        format!("event: end\nid: {ENDED}\ndata: {data}\n\n")
    } else {
        format!("event: progress\ndata: {data}\n\n")
    }
}
