//! Deliveries and their attempts, as `/postsync/v1/deliveries` shows them.
use postsync_core::attempt::Attempt;
use postsync_core::delivery::{Delivery, State};
use postsync_core::event::Event;
use postsync_engine::ports::DeliveryRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One event for one endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryItem {
    /// `dlv_...`
    pub id: String,
    /// `evt_...`; sent as `webhook-id`.
    pub event_id: String,
    /// `generation.completed` or `generation.failed`.
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
    /// Its POSTs, in order: the newest 1,000.
    pub attempt_log: Vec<AttemptEntry>,
}

/// One POST.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptEntry {
    /// From 1; sent as `Postsync-Attempt`.
    pub attempt: u32,
    /// The place in the schedule, from 0.
    pub step: u32,
    /// When its start was put on record.
    pub started_at: String,
    /// When it ended; null while it is open.
    pub ended_at: Option<String>,
    /// `open`, `delivered`, `failed`, `interrupted` or `own_fault`.
    pub outcome: String,
    /// The receiver's status, where an answer came.
    pub http_status: Option<u16>,
    /// `connect_refused`, `http_status` and so on.
    pub error: Option<String>,
    /// What happened and what to do, in a sentence.
    pub message: Option<String>,
    /// The address that was dialled.
    pub address: Option<String>,
    /// How long it took; null while it is open.
    pub phases: Option<PhaseTimes>,
}

/// Times in microseconds; null for what did not happen, such as a name lookup on a connection that was used again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhaseTimes {
    /// Name resolution.
    pub dns_us: Option<u64>,
    /// TCP connection.
    pub connect_us: Option<u64>,
    /// TLS handshake.
    pub tls_us: Option<u64>,
    /// From the start of writing to the first byte of the answer.
    pub first_byte_us: Option<u64>,
    /// The whole attempt.
    pub total_us: Option<u64>,
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
            attempt_log: record.attempts.iter().map(AttemptEntry::from).collect(),
        }
    }
}

impl From<&Attempt> for AttemptEntry {
    fn from(attempt: &Attempt) -> Self {
        let end = attempt.end.as_ref();
        Self {
            attempt: attempt.attempt,
            step: attempt.step,
            started_at: attempt.started_at.to_string(),
            ended_at: end.map(|end| end.at.to_string()),
            outcome: end.map_or("open", |end| end.outcome.as_str()).to_owned(),
            http_status: end.and_then(|end| end.http_status),
            error: end.and_then(|end| end.error).map(|error| error.as_str().to_owned()),
            message: end.map(|end| end.message.clone()).filter(|message| !message.is_empty()),
            address: end.and_then(|end| end.address).map(|address| address.to_string()),
            phases: end.map(|end| PhaseTimes {
                dns_us: end.phases.dns_us,
                connect_us: end.phases.connect_us,
                tls_us: end.phases.tls_us,
                first_byte_us: end.phases.first_byte_us,
                total_us: end.phases.total_us,
            }),
        }
    }
}
