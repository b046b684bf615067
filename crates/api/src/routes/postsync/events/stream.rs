//! `GET /postsync/v1/events/stream`: the feed as server-sent events.
//!
//! Promise: the same items as a poll, in the same order. A reader that is slow, or does not read, holds a page of 64 KiB and
//! no more: the next one is read when this one is taken. A key that is revoked gets nothing more. On a stop the stream ends,
//! and who comes again with `Last-Event-ID` misses nothing.
use std::collections::VecDeque;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::HeaderMap;
use postsync_core::feed::cursor;
use postsync_core::ids::OrgId;
use postsync_engine::ports::FedEvent;
use postsync_engine::{Followed, Follower, Start};

use super::{position, refused};
use crate::auth::Staying;
use crate::error::ApiError;
use crate::sse::{self, KEEP_ALIVE, LAST_EVENT_ID, RETRY_MS, STILL_HERE};
use crate::state::ApiState;
use crate::wire::{ErrorBody, EventItem, UnauthorizedBody, message};

/// Follow the feed as server-sent events
///
/// `data` is an item as JSON on one line, `id` the value for Last-Event-ID. Without one the stream starts at now.
#[utoipa::path(
    get,
    path = "/postsync/v1/events/stream",
    operation_id = "streamEvents",
    tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "Go on behind this one: the id of an event, or the nextCursor of a poll")),
    responses(
        (status = 200, description = "The stream; it ends when the server stops", body = EventItem, content_type = "text/event-stream"),
        (status = 400, description = "Last-Event-ID is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 410, description = "What came next was removed; oldestCursor is where reading can go on", body = ErrorBody),
        (status = 429, description = "The organization has too many streams open", body = ErrorBody),
    )
)]
pub(crate) async fn stream_events(
    State(state): State<ApiState>,
    caller: Staying,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let start = start(&caller.org, &headers)?;
    let follower = state.engine.feed().follow(caller.org.clone(), start).await;
    let follower = follower.map_err(|error| refused(&caller.org, LAST_EVENT_ID, error))?;
    Ok(sse::answer(messages(Reading { state, caller, follower, next: VecDeque::new() })))
}

fn start(org: &OrgId, headers: &HeaderMap) -> Result<Start, ApiError> {
    let Some(text) = sse::last_event_id(headers) else { return Ok(Start::Now) };
    position(org, LAST_EVENT_ID, text).map(Start::After)
}

/// A stream under way.
struct Reading {
    state: ApiState,
    caller: Staying,
    follower: Follower,
    /// What was read and not yet taken.
    next: VecDeque<FedEvent>,
}

fn messages(reading: Reading) -> impl stream::Stream<Item = Bytes> {
    // An id without data: a client that is cut before the first event comes goes on from here, not from its next now.
    let begin = format!("id: {}\nretry: {RETRY_MS}\n\n", cursor(&reading.caller.org, reading.follower.at()));
    let begin = stream::once(async { Bytes::from(begin) });
    let rest = stream::unfold(reading, |mut reading| async { reading.next().await.map(|text| (text, reading)) });
    begin.chain(rest)
}

impl Reading {
    /// The next piece of text; `None` where the stream is over.
    async fn next(&mut self) -> Option<Bytes> {
        if self.next.is_empty() {
            let followed = self.follower.next(KEEP_ALIVE).await;
            self.caller.may_stay(&self.state).await.ok()?;
            match followed {
                Ok(Followed::Events(events)) => self.next.extend(events),
                Ok(Followed::Nothing) => {}
                Ok(Followed::Over) => return None,
                Err(error) => {
                    tracing::warn!(%error, "a stream of events was cut");
                    return None;
                }
            }
        }
        let text = self.next.pop_front().map_or_else(|| STILL_HERE.to_owned(), |fed| message(&self.caller.org, &fed));
        Some(text.into())
    }
}
