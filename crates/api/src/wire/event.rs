//! Events, as the feed under `/postsync/v1/events` shows them.
use postsync_core::feed::cursor;
use postsync_core::ids::OrgId;
use postsync_engine::ports::FedEvent;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One thing that happened.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventItem {
    /// `evt_...`; a webhook has it as `webhook-id`.
    pub id: String,
    /// Its place in the feed of the organization: from 1, without gaps.
    pub seq: i64,
    /// `generation.completed`, `generation.failed`, `batch.completed` or `batch.failed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened.
    pub created_at: String,
    /// The exact bytes that a webhook carries, as a string.
    pub body: String,
}

/// A page of events, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventPage {
    /// The events.
    pub items: Vec<EventItem>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// The next events, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventBatch {
    /// The events; none where none came in time.
    pub items: Vec<EventItem>,
    /// The position behind them: commit it once they are handled, or send it as `after`.
    pub next_cursor: String,
}

/// How far a consumer has come.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerCursor {
    /// 1 to 64 letters, digits, `.`, `_` and `-`.
    pub consumer: String,
    /// The `nextCursor` of a poll, or the id of an event of the stream.
    pub cursor: String,
}

impl From<&FedEvent> for EventItem {
    fn from(FedEvent { seq, event }: &FedEvent) -> Self {
        Self {
            id: event.id.to_string(),
            seq: seq.0,
            kind: event.kind.as_str().to_owned(),
            created_at: event.created_at.to_string(),
            // Bodies are JSON of our own printing, and so UTF-8.
            body: String::from_utf8_lossy(&event.body).into_owned(),
        }
    }
}

/// An event as a message of the stream: its data on one line, and the cursor behind it.
pub(crate) fn message(org: &OrgId, fed: &FedEvent) -> String {
    format!("id: {}\ndata: {}\n\n", cursor(org, fed.seq), crate::json::text(&EventItem::from(fed)))
}
