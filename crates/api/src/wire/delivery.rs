//! Deliveries and their attempts, as `/postsync/v1/deliveries` shows them.
use postsync_core::delivery::{Delivery, State};
use postsync_core::event::Event;
use postsync_engine::ports::DeliveryRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attempt::AttemptEntry;

/// One event for one endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryItem {
    /// `dlv_...`
    pub id: String,
    /// `evt_...`; sent as `webhook-id`.
    pub event_id: String,
    /// `generation.completed`, `generation.failed`, `batch.completed`, `batch.failed`, or an operational one.
    pub event: String,
    /// The generation that the event is about; null where it is about none.
    pub generation_id: Option<String>,
    /// Organization and URL without its query make one endpoint.
    pub endpoint_id: String,
    /// Where it goes, in full.
    pub url: String,
    /// What made it: `event`, `replay` or `test`.
    pub origin: String,
    /// `due`, `parked`, `delivered` or `exhausted`.
    pub status: String,
    /// POSTs started so far.
    pub attempts: u32,
    /// Steps of the schedule used so far.
    pub step: u32,
    /// When it is tried next; null once it has ended.
    pub next_attempt_at: Option<String>,
    /// When the event happened: the schedule counts from here.
    pub created_at: String,
    /// Why it is parked or exhausted.
    pub reason: Option<String>,
}

/// A page of deliveries, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryPage {
    /// The deliveries.
    pub items: Vec<DeliveryItem>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// A delivery with its attempts.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryDetail {
    /// The delivery.
    #[serde(flatten)]
    pub item: DeliveryItem,
    /// Its POSTs, in order: the newest 1,000, and fewer where their bodies and answers come to more than 8 MiB.
    pub attempt_log: Vec<AttemptEntry>,
}

impl DeliveryItem {
    pub(crate) fn new(delivery: &Delivery, event: &Event) -> Self {
        let (status, next, reason) = match delivery.state {
            State::Due(at) => ("due", Some(at.to_string()), None),
            State::Parked(at, reason) => ("parked", Some(at.to_string()), Some(reason.as_str().to_owned())),
            State::Delivered(_) => ("delivered", None, None),
            State::Exhausted(_, reason) => ("exhausted", None, Some(reason.as_str().to_owned())),
        };
        Self {
            id: delivery.id.to_string(),
            event_id: delivery.event.to_string(),
            event: event.kind.as_str().to_owned(),
            generation_id: delivery.generation.map(|id| id.to_string()),
            endpoint_id: delivery.endpoint.to_string(),
            url: delivery.url.clone(),
            origin: delivery.origin.as_str().to_owned(),
            status: status.to_owned(),
            attempts: delivery.attempts,
            step: delivery.step,
            next_attempt_at: next,
            created_at: delivery.created_at.to_string(),
            reason,
        }
    }
}

impl From<&DeliveryRecord> for DeliveryDetail {
    fn from(record: &DeliveryRecord) -> Self {
        Self {
            item: DeliveryItem::new(&record.delivery, &record.event),
            attempt_log: record.attempts.iter().map(|attempt| AttemptEntry::new(record, attempt)).collect(),
        }
    }
}
