//! `GET /postsync/v1/listeners/connect`: a WebSocket over which an organization's events come to a developer's machine.
//!
//! Promise: an event is done with when its answer is on disk, and the listener is told so. Who does not read, or has gone without a
//! word, holds his place for less than a minute. A key that is revoked gets nothing more.
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use http::StatusCode;
use postsync_core::endpoint::EventFilter;
use postsync_core::event::EventType;
use postsync_core::feed::cursor;
use postsync_core::ids::OrgId;
use postsync_core::limits::{LISTENER_MESSAGE_BYTES_MAX, LISTENER_NAME_CHARS_MAX, LISTENER_URL_CHARS_MAX};
use postsync_core::listener::listener_name;
use postsync_core::schedule::parse_duration;
use postsync_core::time::Timestamp;
use postsync_engine::{Ask, FeedError, ListenError, ListenTold, Listening};

use crate::auth::Staying;
use crate::error::ApiError;
use crate::json;
use crate::query::{self, Query};
use crate::state::ApiState;
use crate::wire::{ErrorBody, FromListener, ToListener, UnauthorizedBody};

/// After so long without an event a ping goes out.
const PING_AFTER: Duration = Duration::from_secs(15);

/// So many pings may stay unanswered.
const PINGS_UNHEARD_MAX: u32 = 2;

/// For a listener to take the word that it is over.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// Close codes of our own, from the range that is left to applications.
const TAKEN_OVER: u16 = 4001;
const KEY_REVOKED: u16 = 4003;

/// Listen over a WebSocket
///
/// What `postsync listen` speaks. The server sends events one after the other, signed with the organization's secret, some of them
/// ahead of their answers; the listener hands each on to its application and says what it answered. Messages are JSON in text frames:
/// ToListener and FromListener. Where a name was seen before, it goes on behind the last event that was answered; a new one begins
/// with what happens from now on.
#[utoipa::path(
    get,
    path = "/postsync/v1/listeners/connect",
    operation_id = "connectListener",
    tag = "listeners",
    params(
        ("name" = String, Query, description = "Who listens: 1 to 128 letters, digits and . _ - : / @ ~ + [ ] %. The same name again takes over at once"),
        ("forwardTo" = String, Query, description = "The URL that the listener hands on to, on its own machine. It is signed for and shown, and never asked from here"),
        ("events" = Option<String>, Query, description = "Names with commas between them; default all that are about generations and batches"),
        ("replaySince" = Option<String>, Query, description = "Begin with what has happened since: a time, or a duration such as 1h"),
        ("session" = Option<String>, Query, description = "One run of the listener's program, 1 to 128 of the same characters. With the same one, what was under way comes again under the same ids"),
        ("resume" = Option<bool>, Query, description = "true: it was cut, and does not take its name back from another listener that has it by now"),
    ),
    responses(
        (status = 101, description = "The connection is a WebSocket from here on"),
        (status = 400, description = "A parameter is not valid, or this is not the beginning of a WebSocket", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 409, description = "The organization has as many listeners as it may, or another one has the name", body = ErrorBody),
        (status = 429, description = "Too many listeners are connected", body = ErrorBody),
    )
)]
pub(crate) async fn connect_listener(
    State(state): State<ApiState>,
    caller: Staying,
    query: Query,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let ask = ask(&query, state.engine.now())?;
    let not_one = |rejection: WebSocketUpgradeRejection| ApiError::not_a_web_socket(&rejection.body_text());
    let upgrade = upgrade.map_err(not_one)?.max_message_size(LISTENER_MESSAGE_BYTES_MAX);
    let listening = state.engine.listen(&caller.org, ask).await.map_err(refused)?;
    let connection = Connection { state, caller, listening, unheard: 0 };
    Ok(upgrade.max_frame_size(LISTENER_MESSAGE_BYTES_MAX).on_upgrade(|socket| connection.run(socket)))
}

fn ask(query: &Query, now: Timestamp) -> Result<Ask, ApiError> {
    let named = |field: &str| {
        let wrong = || {
            let message =
                format!("{field} must be 1 to {LISTENER_NAME_CHARS_MAX} letters, digits and . _ - : / @ ~ + [ ] %");
            ApiError::invalid(field, message)
        };
        query.one(field)?.map(|text| listener_name(text).ok_or_else(wrong)).transpose()
    };
    let name = named("name")?.ok_or_else(|| ApiError::invalid("name", "name is missing: who listens?"))?;
    let session = named("session")?.map_or_else(|| uuid::Uuid::new_v4().to_string(), |name| name.to_string());
    let events = query.one("events")?.map_or(Ok(EventFilter::default()), events)?;
    let resumes = query.flag("resume")?;
    let since = query.one("replaySince")?.map(|text| since(text, now)).transpose()?;
    Ok(Ask { name, session, resumes, forward_to: forward_to(query)?, events, since })
}

/// For people, and for the `Host` that is signed for: nobody here asks that URL for anything.
fn forward_to(query: &Query) -> Result<String, ApiError> {
    let wrong = |message| ApiError::invalid("forwardTo", message);
    let text =
        query.one("forwardTo")?.ok_or_else(|| wrong("forwardTo is missing: where does the listener hand on to?"))?;
    let url = url::Url::parse(text).ok().filter(|url| {
        let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
        text.len() <= LISTENER_URL_CHARS_MAX && is_http
    });
    let url = url.ok_or_else(|| wrong("forwardTo is no URL such as http://localhost:3000/webhook"))?;
    // It is shown to every key that reads.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("forwardTo has a user or a password in it: leave it out, it is the listener's own affair"));
    }
    Ok(url.into())
}

fn events(text: &str) -> Result<EventFilter, ApiError> {
    let filter = EventFilter::parse(text).filter(|filter| {
        // They have no place in the feed.
        filter.named().is_none_or(|named| !named.iter().any(|kind| kind.is_operational()))
    });
    filter.ok_or_else(|| {
        let names: Vec<&str> =
            EventType::ALL.iter().filter(|kind| !kind.is_operational()).map(|kind| kind.as_str()).collect();
        ApiError::invalid(
            "events",
            format!("events must be names with commas between them, out of {}", names.join(", ")),
        )
    })
}

fn since(text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    if let Some(back) = parse_duration(text) {
        return Ok(Timestamp(now.0.saturating_sub(i64::try_from(back.as_millis()).unwrap_or(i64::MAX)).max(0)));
    }
    query::time(text).ok_or_else(|| {
        ApiError::invalid("replaySince", "replaySince must be a time like 2026-11-24T08:00:00Z, or a duration like 1h")
    })
}

fn refused(error: ListenError) -> ApiError {
    match error {
        ListenError::TakenOver => ApiError::of(postsync_core::error_code::LISTENER_TAKEN_OVER).with_field("name"),
        ListenError::TooMany => ApiError::of(postsync_core::error_code::LISTENER_LIMIT_REACHED).with_field("name"),
        ListenError::Feed(FeedError::TooManyOfOne) => ApiError::too_many_connected(true),
        ListenError::Feed(FeedError::TooMany) => ApiError::too_many_connected(false),
        ListenError::Feed(FeedError::Store(error)) => error.into(),
        ListenError::OutOfOrder(_) | ListenError::Feed(_) => ApiError::of(postsync_core::error_code::INTERNAL_ERROR),
    }
}

/// A listener that is connected.
struct Connection {
    state: ApiState,
    caller: Staying,
    listening: Listening,
    /// Pings since it was last heard of.
    unheard: u32,
}

/// Why a connection ends.
enum End {
    /// The other side has gone, or its connection broke.
    Gone,
    /// We end it.
    Ours(u16, &'static str),
}

impl Connection {
    async fn run(mut self, mut socket: WebSocket) {
        let (engine, _farewell) = (self.state.engine.clone(), self.state.engine.farewell());
        let end = tokio::select! {
            biased;
            Err(end) = self.serve(&mut socket) => end,
            // Who takes nothing, not even that the server stops.
            () = async { engine.stopping().await; tokio::time::sleep(GOODBYE_MAX).await } => End::Gone,
        };
        if let End::Ours(code, reason) = end {
            let frame = CloseFrame { code, reason: reason.into() };
            // Whether it still hears that is its own affair.
            let _ = tokio::time::timeout(GOODBYE_MAX, socket.send(Message::Close(Some(frame)))).await;
        }
    }

    async fn serve(&mut self, socket: &mut WebSocket) -> Result<std::convert::Infallible, End> {
        let listener = self.listening.listener();
        let welcome = ToListener::Welcome {
            name: listener.name.to_string(),
            is_new: self.listening.is_new(),
            cursor: cursor(&self.caller.org, listener.seq),
            goes_on: self.listening.goes_on(),
        };
        send(socket, &welcome).await?;
        loop {
            tokio::select! {
                said = socket.recv() => {
                    self.unheard = 0;
                    let said = said.and_then(Result::ok).ok_or(End::Gone)?;
                    self.may_stay().await?;
                    self.hear(socket, &said).await?;
                }
                told = self.listening.next(PING_AFTER) => {
                    let told = told.map_err(|error| self.broken(&error))?;
                    self.may_stay().await?;
                    self.tell(socket, told).await?;
                }
            }
        }
    }

    async fn may_stay(&self) -> Result<(), End> {
        self.caller.may_stay(&self.state).await.map_err(|error| match error.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                End::Ours(KEY_REVOKED, "the key does not work any more")
            }
            // Nobody can say right now.
            _ => End::Ours(close_code::ERROR, "the server could not go on; come again"),
        })
    }

    async fn tell(&mut self, socket: &mut WebSocket, told: ListenTold) -> Result<(), End> {
        match told {
            ListenTold::Event(signed) => send(socket, &ToListener::event(&signed)).await,
            ListenTold::Gap(lost) => send(socket, &ToListener::Gap { lost }).await,
            ListenTold::Restored => send(socket, &ToListener::Restored).await,
            ListenTold::Nothing if self.unheard >= PINGS_UNHEARD_MAX => Err(End::Gone),
            ListenTold::Nothing => {
                self.unheard += 1;
                socket.send(Message::Ping(bytes::Bytes::new())).await.map_err(|_| End::Gone)
            }
            ListenTold::TakenOver => {
                send(socket, &ToListener::TakenOver).await?;
                Err(taken_over())
            }
            ListenTold::Over => Err(End::Ours(close_code::RESTART, "the server stops")),
        }
    }

    async fn hear(&mut self, socket: &mut WebSocket, said: &Message) -> Result<(), End> {
        let text = match said {
            Message::Text(text) => text.as_str(),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Gone),
            Message::Binary(_) => return Err(nonsense()),
        };
        match serde_json::from_str(text).map_err(|_| nonsense())? {
            FromListener::Answer { delivery, attempt, status, took_us, headers, body, truncated } => {
                let answer = FromListener::answer(status, took_us, &headers, &body, truncated).ok_or_else(nonsense)?;
                let id = delivery.parse().map_err(|_| nonsense())?;
                let kept = self.listening.answered(id, attempt, answer).await;
                let message = match kept.map_err(|error| self.broken(&error))? {
                    true => ToListener::Acknowledged { delivery },
                    false => ToListener::Unknown { delivery },
                };
                send(socket, &message).await
            }
            FromListener::Failed { delivery, attempt, error } => {
                self.listening.failed(delivery.parse().map_err(|_| nonsense())?, attempt, &error).await;
                Ok(())
            }
            FromListener::Sign { delivery, attempt } => {
                let id = delivery.parse().map_err(|_| nonsense())?;
                let signed = self.listening.sign_again(id, Some(attempt)).await.map_err(|error| self.broken(&error))?;
                match signed {
                    Some(signed) => send(socket, &ToListener::event(&signed)).await,
                    None => send(socket, &ToListener::Unknown { delivery }).await,
                }
            }
            FromListener::Resend { event } => {
                let id = event.parse().map_err(|_| nonsense())?;
                match self.listening.resend(id).await.map_err(|error| self.broken(&error))? {
                    Some(signed) => send(socket, &ToListener::event(&signed)).await,
                    None => send(socket, &ToListener::NotKept { event }).await,
                }
            }
        }
    }

    fn broken(&self, error: &ListenError) -> End {
        let org: &OrgId = &self.caller.org;
        match error {
            ListenError::TakenOver => taken_over(),
            ListenError::OutOfOrder(why) => End::Ours(close_code::POLICY, why),
            ListenError::TooMany => End::Ours(close_code::AGAIN, "the listener's place was given to another one"),
            ListenError::Feed(error) => {
                tracing::warn!(%org, %error, "a listener was cut");
                End::Ours(close_code::ERROR, "the server could not go on; come again")
            }
        }
    }
}

fn taken_over() -> End {
    End::Ours(TAKEN_OVER, "another listener has taken over this name")
}

fn nonsense() -> End {
    End::Ours(close_code::POLICY, "that is no message of a listener")
}

async fn send(socket: &mut WebSocket, message: &ToListener) -> Result<(), End> {
    socket.send(Message::text(json::text(message))).await.map_err(|_| End::Gone)
}
