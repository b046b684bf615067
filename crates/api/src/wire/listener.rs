//! Listeners on the wire: as they are listed, and the messages of a connection, which are JSON in text frames.
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postsync_core::feed::cursor;
use postsync_core::listener::{LocalAnswer, Passed};
use postsync_engine::{ListenerView, Signed};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A listener, connected or not.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerItem {
    /// What it calls itself.
    pub name: String,
    /// Whether it is connected now.
    pub connected: bool,
    /// Where it hands on to, on its own machine.
    pub forward_to: String,
    /// The events that it takes; null: all that are about generations and batches.
    pub events: Option<Vec<String>>,
    /// Its place in the feed, as the other routes of the feed take it.
    pub cursor: String,
    /// How many events of the feed lie in front of it; those that it does not take are among them.
    pub behind: u64,
    /// When its name was first seen.
    pub created_at: String,
    /// When it last came or answered.
    pub seen_at: String,
    /// What its application answered last; null before the first answer.
    pub last_answer: Option<LastAnswer>,
    /// What it can't hand on, because its application is not there or does not answer; null otherwise.
    pub holding: Option<HeldEvent>,
}

/// The last answer of a local application.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LastAnswer {
    /// The status.
    pub status: u16,
    /// When.
    pub at: String,
}

/// An event that holds up those behind it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldEvent {
    /// `evt_...`
    pub event_id: String,
    /// Since when.
    pub since: String,
    /// How often it was tried.
    pub tries: u32,
    /// What the last try came to, in the listener's words.
    pub error: String,
}

/// An organization's listeners, in the order of their names.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerPage {
    /// The listeners.
    pub items: Vec<ListenerItem>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// What a listener is sent.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ToListener {
    /// First of all.
    Welcome {
        /// The name that it goes by.
        name: String,
        /// The name was never seen before: it begins with what happens from now on.
        is_new: bool,
        /// Where it begins.
        cursor: String,
        /// What was under way to the same session comes again under the same ids. Otherwise all of it comes anew: forget what waits.
        goes_on: bool,
    },
    /// An event for the application: POST `body` with these headers. The next ones come before it is answered; they are to be handed
    /// on in this order.
    Event {
        /// `dlv_...`: name it in the answer.
        delivery: String,
        /// `evt_...`
        event: String,
        /// `generation.completed` and the like.
        kind: String,
        /// The try that it is signed for.
        attempt: u32,
        /// It was asked for once more, and goes ahead of what waits.
        again: bool,
        /// Names and values, in their order. `Host` and `Content-Length` are among them.
        headers: Vec<(String, String)>,
        /// The exact bytes that were signed, as a string.
        body: String,
    },
    /// The answer to that delivery is on record.
    Acknowledged {
        /// `dlv_...`
        delivery: String,
    },
    /// Nothing is under way under that id: it was answered before, or comes again under another one.
    Unknown {
        /// As it was named.
        delivery: String,
    },
    /// So many events are not kept any more, and were never sent.
    Gap {
        /// How many.
        lost: u64,
    },
    /// The server's database was restored from a backup; it goes on with what happens from now on.
    Restored,
    /// Nothing is kept under the name that was to be sent again.
    NotKept {
        /// As it was asked for.
        event: String,
    },
    /// Another listener has come under the same name. The connection ends; do not come again by yourself.
    TakenOver,
}

/// What a listener says.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum FromListener {
    /// The application has answered. Whatever the status, the event is done with.
    Answer {
        /// `dlv_...`
        delivery: String,
        /// The try that was answered.
        attempt: u32,
        /// 100 to 999.
        status: u16,
        /// From the first byte sent to the end of the answer, in microseconds.
        took_us: u64,
        /// The answer's header lines, `name: value` with a line end each, in base64.
        headers: String,
        /// The beginning of the answer's body, in base64.
        body: String,
        /// There was more of it.
        truncated: bool,
    },
    /// The application could not be asked, or did not answer in time. The event is held and tried again.
    Failed {
        /// `dlv_...`
        delivery: String,
        /// The try.
        attempt: u32,
        /// What it came to, for people.
        error: String,
    },
    /// Sign that delivery for the time in which it is tried again.
    Sign {
        /// `dlv_...`
        delivery: String,
        /// The try that comes.
        attempt: u32,
    },
    /// Send that event once more.
    Resend {
        /// `evt_...`
        event: String,
    },
}

impl FromListener {
    /// The answer in it; `None` where it is none that can be kept.
    pub(crate) fn answer(status: u16, took_us: u64, headers: &str, body: &str, truncated: bool) -> Option<LocalAnswer> {
        let (headers, body) = (STANDARD.decode(headers).ok()?, STANDARD.decode(body).ok()?);
        LocalAnswer::read(status, Duration::from_micros(took_us), headers.into(), body.into(), truncated)
    }
}

impl ToListener {
    /// An event that is signed.
    pub(crate) fn event(signed: &Signed) -> Self {
        let Signed { outgoing, request } = signed;
        Self::Event {
            delivery: outgoing.delivery.to_string(),
            event: outgoing.event.id.to_string(),
            kind: outgoing.event.kind.as_str().to_owned(),
            attempt: outgoing.attempt,
            again: outgoing.place == Passed::Again,
            headers: request.headers.clone(),
            // Bodies are JSON of our own printing, and so UTF-8.
            body: String::from_utf8_lossy(&outgoing.event.body).into_owned(),
        }
    }
}

impl From<&ListenerView> for ListenerItem {
    fn from(view: &ListenerView) -> Self {
        let listener = &view.listener;
        let named =
            |kinds: &[postsync_core::event::EventType]| kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
        Self {
            name: listener.name.to_string(),
            connected: view.is_connected,
            forward_to: listener.forward_to.clone(),
            events: listener.events.named().map(named),
            cursor: cursor(&listener.org, listener.seq),
            behind: view.behind,
            created_at: listener.created_at.to_string(),
            seen_at: listener.seen_at.to_string(),
            last_answer: listener.answered.map(|last| LastAnswer { status: last.status, at: last.at.to_string() }),
            holding: view.holding.as_ref().map(|held| HeldEvent {
                event_id: held.event.to_string(),
                since: held.since.to_string(),
                tries: held.tries,
                error: held.error.clone(),
            }),
        }
    }
}
