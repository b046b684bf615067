//! What the engine needs from the world, and nothing more. Adapters implement these; the simulation implements all of them.
//!
//! Time, randomness and tasks are ports too: that is what lets a simulated crash be a dropped future.
mod access;
mod assets;
mod audit;
mod batches;
mod counts;
mod exchange;
mod failures;
mod generator;
mod holds;
mod idempotency;
mod listeners;
mod media;
mod prober;
mod projects;
mod records;
mod relays;
mod replays;
mod sender;
mod speech;
mod speech_jobs;
mod store;
mod turns;
mod usage;
mod voices;
mod world;

pub use access::AccessStore;
pub use assets::{AssetPage, AssetQuery, AssetStore, ProbeLane, ProbeQuery};
pub use audit::{AuditQuery, AuditStore};
pub use batches::{BatchQuery, BatchStore};
pub use counts::CountStore;
pub use exchange::{Exchange, ExchangeAnswer, ExchangeError, ExchangeFailure, ExchangeRequest, Method, Piece};
pub use failures::{FailurePage, FailureQuery, FailureStore};
pub use generator::{Cancel, Cancelled, Generator, GeneratorError, Inputs, Job, JobInput, JobOutput, Progress};
pub use holds::HoldStore;
pub use idempotency::IdempotencyStore;
pub use listeners::{ListenerStore, Queued};
pub use media::{MediaError, MediaKind, MediaStore, Resolved};
pub use prober::{Contents, ProbeError, Prober};
pub use projects::ProjectStore;
pub use records::{
    AgedAsset, AgedDelivery, AgedEvent, AgedOutput, Backlog, BacklogQuery, DeliveryFilter, DeliveryQuery,
    DeliveryRecord, DueCursor, DueDelivery, FedEvent, FeedFrom, FeedPage, FeedQuery, GenerationOrder, GenerationQuery,
};
pub use relays::{RelayStore, Seen, Submission, Upstream};
pub use replays::{ReplayCount, ReplayPage, ReplayQuery};
pub use sender::{Fetch, FetchError, FetchFailure, FetchRequest, Fetched, Heard, Post, Sender, Trust};
pub use speech::{CloneError, Speech, Spoken, Voice};
pub use speech_jobs::{SpeechJobStore, SpeechTurn};
pub use store::{Applied, Store, StoreError};
pub use turns::{TurnPage, TurnQuery, TurnStore};
pub use usage::{UsageQuery, UsageStore, Used};
pub use voices::VoiceStore;
pub use world::{Clock, Entropy, Spawn};
