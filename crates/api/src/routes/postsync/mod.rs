//! `/postsync/v1`: what Sync's API has no place for.
pub(super) mod audit;
pub(super) mod deliveries;
pub(super) mod destinations;
pub(super) mod endpoints;
pub(super) mod events;
pub(super) mod generations;
pub(super) mod keys;
pub(super) mod listeners;
pub(super) mod replays;
pub(super) mod secret;
pub(super) mod trigger;
pub(super) mod upstream;
pub(super) mod verify;
