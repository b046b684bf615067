//! Events that are made up, on the wire.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::delivery::DeliveryItem;

/// What is to be made up, and for whom.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct TriggerEvent {
    /// `generation.completed`, `generation.failed` or `batch.completed`.
    pub event: String,
    /// Where it goes, and nowhere else. Without it to the registered endpoints and the listeners that take the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// An event that was made up.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct TriggeredEvent {
    /// `evt_...`; sent as `webhook-id`.
    pub id: String,
    /// What was asked for.
    pub event: String,
    /// One for each receiver; none where no endpoint takes the event.
    pub deliveries: Vec<DeliveryItem>,
    /// The names of the listeners that it goes to, or waits for.
    pub listeners: Vec<String>,
}
