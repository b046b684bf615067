//! Destinations, as `/postsync/v1/destinations` shows them.
use postsync_engine::DestinationView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an organization's endpoints share: scheme, host and port.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DestinationItem {
    /// `https` or `http`.
    pub scheme: String,
    /// Lower case; an IPv6 address in brackets.
    pub host: String,
    /// Always named.
    pub port: u16,
    /// `up`, or `down`: eight connections in a row have failed, and none has been made since.
    pub health: String,
    /// `closed`: all goes out. `open`: what is due waits. `probing`: one of it is on its way to find out.
    pub circuit: String,
    /// Deliveries of this organization that wait for it; counted up to 100,000.
    pub backlog: usize,
}

/// A page of destinations, in the order of their texts.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DestinationPage {
    /// The destinations.
    pub items: Vec<DestinationItem>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

impl From<&DestinationView> for DestinationItem {
    fn from(view: &DestinationView) -> Self {
        Self {
            scheme: view.destination.scheme.clone(),
            host: view.destination.host.clone(),
            port: view.destination.port,
            health: if view.is_down { "down" } else { "up" }.to_owned(),
            circuit: view.circuit.to_owned(),
            backlog: view.backlog,
        }
    }
}
