//! Registered endpoints, as `/postsync/v1/endpoints` shows and takes them.
use std::collections::BTreeMap;

use postsync_core::endpoint::{DisabledReason, Endpoint};
use postsync_core::event::EventType;
use postsync_core::sent::MASK;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A receiver that the organization has registered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointItem {
    /// `ep_...`
    pub id: String,
    /// Where its webhooks go.
    pub url: String,
    /// For people.
    pub description: String,
    /// The events that it takes; null: all of generations and batches.
    pub events: Option<Vec<String>>,
    /// What goes out with each POST, by name. Values are never shown.
    pub headers: BTreeMap<String, String>,
    /// Its own schedule; null: the server's.
    pub schedule: Option<Vec<String>>,
    /// Its own timeout; null: the server's.
    pub timeout: Option<String>,
    /// POSTs that may begin in one second; null: no limit.
    pub per_second: Option<u32>,
    /// POSTs that may be under way at once; null: what the receiver bears.
    pub concurrency: Option<u32>,
    /// `enabled`, `paused` or `disabled`.
    pub state: String,
    /// Why it is disabled: `requested`, `gone` or `failing`.
    pub reason: Option<String>,
    /// Since when it has only failed; null where it has not for a minute.
    pub failing_since: Option<String>,
    /// When it was registered.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A registered endpoint with its secret, which `GET /postsync/v1/secret?endpointId=` shows again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewEndpointItem {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: EndpointItem,
    /// `whsec_...`: what its receiver verifies with.
    pub secret: String,
}

/// The organization's endpoints, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointPage {
    /// The endpoints.
    pub items: Vec<EndpointItem>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// What an endpoint is to be.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateEndpoint {
    /// Where its webhooks go: https, query included. Unique in the organization.
    pub url: String,
    /// For people: at most 500 characters.
    pub description: Option<String>,
    /// The events that it takes, by name. Left out: all of generations and batches. `endpoint.failing`, `endpoint.disabled` and
    /// `delivery.exhausted` go only to who names them.
    pub events: Option<Vec<String>>,
    /// What goes out with each POST: at most 20, names to values.
    pub headers: Option<BTreeMap<String, String>>,
    /// Ages at which it is tried, for example `["0s","10s","5m"]`. Left out: as the server has it.
    pub schedule: Option<Vec<String>>,
    /// How long its receiver may take, 1s to 60s. Left out: as the server has it.
    pub timeout: Option<String>,
    /// POSTs that may begin in one second, 1 to 10000.
    pub per_second: Option<u32>,
    /// POSTs that may be under way at once, 1 to 256.
    pub concurrency: Option<u32>,
    /// `whsec_...`, where its receiver has one already. Left out: a new one is made.
    pub secret: Option<String>,
}

/// What is to change. What is left out stays; null puts it back to what it is without.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateEndpoint {
    /// Where its webhooks go from now on. What is pending goes where it was made for.
    pub url: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// The events that it takes, by name.
    pub events: Option<Vec<String>>,
    /// All headers, with their values: those that are left out end.
    pub headers: Option<BTreeMap<String, String>>,
    /// Ages at which it is tried. What is pending keeps the schedule that it was made with.
    pub schedule: Option<Vec<String>>,
    /// How long its receiver may take.
    pub timeout: Option<String>,
    /// POSTs that may begin in one second.
    pub per_second: Option<u32>,
    /// POSTs that may be under way at once.
    pub concurrency: Option<u32>,
    /// `enabled`, `paused` or `disabled`.
    pub state: Option<String>,
}

impl From<&Endpoint> for EndpointItem {
    fn from(endpoint: &Endpoint) -> Self {
        let names = |kinds: &[EventType]| kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
        let masked = endpoint.headers.as_slice().iter().map(|(name, _)| (name.clone(), MASK.to_owned()));
        let steps = |schedule: &str| schedule.split(',').map(str::to_owned).collect();
        Self {
            id: endpoint.id.to_string(),
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            events: endpoint.events.named().map(names),
            headers: masked.collect(),
            schedule: endpoint.terms.schedule.as_ref().map(|schedule| steps(&schedule.to_string())),
            timeout: endpoint.terms.timeout.map(shown),
            per_second: endpoint.per_second,
            concurrency: endpoint.concurrency,
            state: endpoint.state.as_str().to_owned(),
            reason: endpoint.state.reason().map(DisabledReason::as_str).map(str::to_owned),
            failing_since: endpoint.failing_since.map(|at| at.to_string()),
            created_at: endpoint.created_at.to_string(),
            updated_at: endpoint.updated_at.to_string(),
        }
    }
}

/// As it is written.
fn shown(timeout: std::time::Duration) -> String {
    let ms = timeout.as_millis();
    if ms.is_multiple_of(1_000) { format!("{}s", ms / 1_000) } else { format!("{ms}ms") }
}
