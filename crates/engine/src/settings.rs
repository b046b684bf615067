//! What an operator can set of the loops. Defaults are DESIGN's.
use std::time::Duration;

use postsync_core::limits;
use postsync_core::model::Routing;
use postsync_core::plan::Plans;
use postsync_core::retention::Retention;
use postsync_core::schedule::Schedule;
use postsync_core::space::Budget;

/// Settings of the engine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where clients reach us, without a slash at the end: token URLs begin with it.
    pub public_url: String,
    /// Which generator each model goes to.
    pub routing: Routing,
    /// `delivery.schedule`
    pub schedule: Schedule,
    /// `delivery.timeout`: for head and body of a receiver's answer together.
    pub delivery_timeout: Duration,
    /// POSTs under way at once, over all destinations.
    pub in_flight_max: usize,
    /// `generation.timeout`: from the start of work, not of waiting.
    pub generation_timeout: Duration,
    /// `media.input_bytes_max`: one fetched file.
    pub input_bytes_max: u64,
    /// `media.duration_max`: the longest speech that is made of a text. Who makes videos has bounds of his own.
    pub speech_max: Duration,
    /// `batch.input_duration_max`: the longest video and the longest speech of a batch's row; `None`: as long as any other's.
    pub batch_input_max: Option<Duration>,
    /// `retention.*`
    pub retention: Retention,
    /// `storage.*`
    pub budget: Budget,
    /// `limits.*` and `plans.*`
    pub plans: Plans,
    /// `limits.queued_max`: generations of one organization that wait until it has room for them.
    pub queued_max: usize,
    /// `shutdown.grace`: for what is under way when we are asked to stop.
    pub shutdown_grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080".to_owned(),
            routing: Routing::default(),
            schedule: Schedule::default(),
            delivery_timeout: Duration::from_secs(15),
            in_flight_max: 1_024,
            generation_timeout: Duration::from_secs(2 * 3600),
            input_bytes_max: limits::INPUT_BYTES_MAX,
            speech_max: Duration::from_secs(30 * 60),
            batch_input_max: Some(limits::BATCH_INPUT_MAX),
            retention: Retention::default(),
            budget: Budget::default(),
            plans: Plans::default(),
            queued_max: limits::QUEUED_MAX,
            shutdown_grace: Duration::from_secs(20),
        }
    }
}

/// What memory may hold. Not settings: an operator gains nothing by them, a simulation reaches what lies behind them.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Generations that wait in memory, in front of one generator; the rest wait in the store.
    pub waiting_max: usize,
    /// The same in bytes of their requests: each may bring options of a megabyte.
    pub waiting_bytes_max: usize,
    /// Generations that are read from the store at once.
    pub read_max: usize,
    /// Deliveries that wait in memory for one destination at most; the rest is parked.
    pub queue_max: usize,
    /// The same for all destinations: each may have as many as are left for the others.
    pub queued_max: usize,
    /// The same in bytes of their bodies and URLs: each may bring a hundred kilobytes.
    pub queued_bytes_max: usize,
    /// With so many due behind a page, all of them are taken in the order in which they were made.
    pub ahead_min: usize,
    /// Deliveries that replays leave waiting for their turn. Less than an endpoint's share of its destination's queue
    /// while memory has room, so that what is new for it need not stand behind them on disk.
    pub replay_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            waiting_max: 4_096,
            waiting_bytes_max: 16 * 1024 * 1024,
            read_max: 256,
            queue_max: 16_384,
            queued_max: 32_768,
            queued_bytes_max: 48 * 1024 * 1024,
            ahead_min: 1_024,
            replay_max: 200,
        }
    }
}
