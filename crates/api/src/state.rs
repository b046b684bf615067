//! What every route shares.
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postsync_core::batch::RowLimits;
use postsync_core::egress_rules::EgressRules;
use postsync_core::limits::{self, BATCH_INPUT_MAX};
use postsync_core::model::Routing;
use postsync_core::price::Prices;
use postsync_engine::Engine;

use crate::auth::KeyCache;
use crate::body_room::BodyRoom;
use crate::error::ApiError;
use crate::limits::RequestLimits;
use crate::room::Room;
use crate::upload_turns::Uploads;

/// Renders the metrics as Prometheus text.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// What an operator can set of the API.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Where clients reach us, without a slash at the end.
    pub public_url: String,
    /// `limits.json_bytes_max`: a JSON body.
    pub json_bytes_max: usize,
    /// `media.input_bytes_max`: one uploaded file.
    pub input_bytes_max: u64,
    /// `batch.rows_min`, `batch.rows_max`: records of a batch.
    pub batch_rows: RowLimits,
    /// `batch.input_duration_max`: the longest video and the longest speech of a record, where that is known.
    pub batch_input_max: Option<Duration>,
    /// Which generator each model goes to.
    pub routing: Routing,
    /// `prices`: what a second of each model's video costs.
    pub prices: Prices,
    /// Where webhooks and fetches may go.
    pub rules: EgressRules,
    /// `metrics.open`: whether `GET /metrics` needs no key.
    pub metrics_open: bool,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080".to_owned(),
            json_bytes_max: limits::JSON_BYTES_MAX,
            input_bytes_max: limits::INPUT_BYTES_MAX,
            batch_rows: RowLimits::default(),
            batch_input_max: Some(BATCH_INPUT_MAX),
            routing: Routing::default(),
            prices: Prices::default(),
            rules: EgressRules::default(),
            metrics_open: false,
        }
    }
}

/// The shared state; cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub(crate) engine: Arc<Engine>,
    pub(crate) settings: Arc<ApiSettings>,
    pub(crate) metrics: MetricsText,
    pub(crate) keys: Arc<KeyCache>,
    pub(crate) room: Arc<Room>,
    pub(crate) bodies: BodyRoom,
    pub(crate) uploads: Uploads,
    /// Of organizations that may have only so many batches: one after the other counts them and comes.
    pub(crate) batch_turn: Arc<tokio::sync::Mutex<()>>,
    pub(crate) limits: Arc<RequestLimits>,
    /// The document at `/api-json`, printed once.
    pub(crate) document: Bytes,
}

impl ApiState {
    /// The state of one server.
    #[must_use]
    pub fn new(engine: Arc<Engine>, settings: ApiSettings, metrics: MetricsText) -> Self {
        let document = Bytes::from(crate::openapi::document_at(&settings.public_url).to_string());
        let limits = Arc::new(RequestLimits::new(engine.clock().clone()));
        let (keys, room) = (Arc::default(), Arc::default());
        let (bodies, uploads) = (BodyRoom::default(), Uploads::default());
        Self {
            engine,
            settings: Arc::new(settings),
            metrics,
            keys,
            room,
            bodies,
            uploads,
            batch_turn: Arc::default(),
            limits,
            document,
        }
    }

    /// Whether anything may be begun that takes work or room: nothing is while the server is stopping, nor where its disk has too
    /// little room left.
    pub(crate) fn takes_work(&self) -> Result<(), ApiError> {
        self.is_not_stopping()?;
        if self.engine.shortage().is_some() { Err(ApiError::no_room()) } else { Ok(()) }
    }

    /// The first half of it, for what may be answered as it was before.
    pub(crate) fn is_not_stopping(&self) -> Result<(), ApiError> {
        if self.engine.is_accepting() { Ok(()) } else { Err(ApiError::stopping()) }
    }
}
