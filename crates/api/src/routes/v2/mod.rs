//! `/v2`: Sync's own API.
pub(super) mod account;
pub(super) mod assets;
pub(super) mod batch;
pub(super) mod batch_result;
pub(super) mod costs;
pub(super) mod errors;
pub(super) mod generate;
pub(super) mod generations;
pub(super) mod models;
pub(super) mod own_assets;
pub(super) mod projects;
mod range;
pub(super) mod result;
mod serve;
pub(super) mod tts;
pub(super) mod usage;
pub(super) mod voices;
pub(super) mod webhook_secret;
