//! The nouns and the rules of postsync: generations, events, deliveries, schedules, error codes, the bytes of a webhook.
//!
//! Promise: every function here is total and pure. The same arguments give the same changes on every machine, so that the
//! whole life of a job can be simulated, replayed and table-tested.
//!
//! Deliberately absent: the clock, randomness, IO, SQL and async. `now`, ids and jitter come in as parameters.
#![warn(missing_docs)]

pub mod access;
pub mod address;
pub mod asset;
pub mod attempt;
pub mod audit;
pub mod batch;
pub mod boxes;
pub mod change;
pub mod create;
pub mod curl;
pub mod delivery;
pub mod echo_url;
pub mod egress_rules;
pub mod endpoint;
pub mod endpoint_limits;
pub mod error_code;
pub mod event;
pub mod feed;
pub mod generation;
pub mod health;
pub mod hold;
pub mod idempotency;
pub mod ids;
pub mod input;
pub mod known;
pub mod limits;
pub mod listener;
pub mod model;
pub mod moment;
pub mod outcome;
pub mod parking;
pub mod plan;
pub mod price;
pub mod project;
pub mod relay;
pub mod replay;
pub mod retention;
pub mod rotation;
pub mod rule;
pub mod schedule;
pub mod segment;
pub mod sent;
pub mod sniff;
pub mod space;
pub mod speech;
pub mod speech_job;
pub mod stretch;
pub mod target;
pub mod terms;
pub mod time;
pub mod verify;
pub mod voice;

pub use postsync_webhook::{Secret, canonical};
