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

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

/// All of them.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(generations::cancel_generation))
        .routes(routes!(generations::stream::stream_generation))
        .routes(routes!(deliveries::list_deliveries))
        .routes(routes!(deliveries::get_delivery))
        .routes(routes!(deliveries::replay::replay_delivery))
        .routes(routes!(replays::create_replay))
        .routes(routes!(replays::get_replay))
        .routes(routes!(destinations::list_destinations))
        .routes(routes!(events::list::list_events))
        .routes(routes!(events::poll::poll_events))
        .routes(routes!(events::commit::commit_events))
        .routes(routes!(events::stream::stream_events))
        .routes(routes!(listeners::list::list_listeners))
        .routes(routes!(listeners::connect::connect_listener))
        .routes(routes!(audit::list_audit))
        .routes(routes!(keys::list_keys, keys::create_key))
        .routes(routes!(keys::revoke_key))
        .routes(routes!(secret::get_secret))
        .routes(routes!(secret::prepare_secret))
        .routes(routes!(secret::switch_secret))
        .routes(routes!(secret::expire_secret))
        .routes(routes!(secret::import_secret))
        .routes(routes!(verify::verify_webhook))
        .routes(routes!(trigger::trigger_event))
        .routes(routes!(endpoints::list_endpoints, endpoints::create_endpoint))
        .routes(routes!(endpoints::get_endpoint, endpoints::update_endpoint, endpoints::delete_endpoint))
        .routes(routes!(endpoints::pause_endpoint))
        .routes(routes!(endpoints::resume_endpoint))
        .routes(routes!(endpoints::test_endpoint))
        .routes(routes!(upstream::tell_upstream_end))
}
