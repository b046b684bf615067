//! What every page shares.
use std::net::IpAddr;
use std::sync::Arc;

use postsync_core::egress_rules::EgressRules;
use postsync_core::model::MODELS;
use postsync_core::price::Prices;
use postsync_engine::Engine;
use postsync_engine::ports::Entropy;
use tokio::sync::Semaphore;

use crate::api::Api;
use crate::drains::Drains;
use crate::sessions::Sessions;

/// Pages that are made at once: each may hold a list of rows.
const PAGES_AT_ONCE_MAX: usize = 32;

/// Signatures that are checked at once: each holds a body of a megabyte, and a thread while it is hashed.
const CHECKS_AT_ONCE_MAX: usize = 4;

/// Where a request comes from; the server puts it into the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// What an operator can set of the pages.
#[derive(Clone, Debug)]
pub struct DashboardSettings {
    /// Where browsers reach us, without a slash at the end.
    pub public_url: String,
    /// What a second of each model's video costs.
    pub prices: Prices,
    /// Where webhooks may go.
    pub rules: EgressRules,
}

/// The shared state; cheap to clone.
#[derive(Clone)]
pub struct Dashboard {
    pub(crate) engine: Arc<Engine>,
    pub(crate) api: Arc<dyn Api>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: Arc<DashboardSettings>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) drains: Arc<Drains>,
    pub(crate) turns: Arc<Semaphore>,
    pub(crate) checks: Arc<Semaphore>,
}

impl Dashboard {
    /// The state of one server.
    #[must_use]
    pub fn new(engine: Arc<Engine>, api: Arc<dyn Api>, entropy: Arc<dyn Entropy>, settings: DashboardSettings) -> Self {
        Self {
            engine,
            api,
            entropy,
            settings: Arc::new(settings),
            sessions: Arc::default(),
            drains: Arc::default(),
            turns: Arc::new(Semaphore::new(PAGES_AT_ONCE_MAX)),
            checks: Arc::new(Semaphore::new(CHECKS_AT_ONCE_MAX)),
        }
    }

    /// A text that nobody can guess.
    pub(crate) fn secret_text(&self) -> String {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes);
        hex::encode(bytes)
    }

    /// Whether browsers reach us over TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.settings.public_url.starts_with("https://")
    }

    /// Models that something here makes.
    pub(crate) fn models(&self) -> Vec<&'static str> {
        MODELS.iter().map(|model| model.id).filter(|id| self.engine.makes(id)).collect()
    }
}
