//! The pages, one file for each place in the navigation.
mod batches;
mod create;
mod deliveries;
mod delivery;
mod destination;
mod destinations;
mod endpoints;
mod generation;
mod generations;
mod home;
mod keys;
mod listeners;
mod replays;
mod signin;
mod usage;
mod verify;
mod webhooks;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::assets;
use crate::headers::{protect, protect_long};
use crate::state::Dashboard;

/// Rows of a page.
const ROWS: usize = 50;

/// All pages. They have no fallback: what is none of them is the API's.
pub fn router(state: Dashboard) -> Router {
    let pages = Router::new()
        .route("/", get(home::page))
        .route("/home/live", get(home::live))
        .route("/signin", get(signin::form).post(signin::sign_in))
        .route("/signout", post(signin::sign_out))
        .route("/static/{file}", get(assets::get))
        .route("/generations", get(generations::page))
        .route("/generations/live", get(generations::live))
        .route("/generations/new", get(create::page))
        .route("/generations/{id}", get(generation::page))
        .route("/generations/{id}/live", get(generation::live))
        .route("/generations/{id}/deliveries", get(generation::deliveries))
        .route("/generations/{id}/cancel", post(generation::cancel))
        .route("/generations/{id}/retry", post(create::retry))
        .route("/deliveries", get(deliveries::page))
        .route("/deliveries/live", get(deliveries::live))
        .route("/deliveries/{id}", get(delivery::page))
        .route("/deliveries/{id}/live", get(delivery::live))
        .route("/deliveries/{id}/curl/{attempt}", get(delivery::curl))
        .route("/deliveries/{id}/replay", post(delivery::replay))
        .route("/replays/new", get(replays::page).post(replays::begin))
        .route("/replays/{id}", get(replays::one))
        .route("/replays/{id}/live", get(replays::live))
        .route("/webhooks", get(webhooks::page))
        .route("/webhooks/secret", post(webhooks::secret))
        .route("/webhooks/listeners/live", get(listeners::live))
        .route("/webhooks/verify", get(verify::page).post(verify::check))
        .route("/webhooks/endpoints", post(endpoints::create))
        .route("/webhooks/endpoints/{id}", get(endpoints::page).post(endpoints::act))
        .route("/destinations", get(destinations::page))
        .route("/destinations/live", get(destinations::live))
        .route("/destinations/one", get(destination::page))
        .route("/batches", get(batches::page))
        .route("/batches/live", get(batches::live))
        .route("/batches/{id}", get(batches::one))
        .route("/keys", get(keys::page).post(keys::create))
        .route("/keys/{id}/revoke", post(keys::revoke))
        .route("/usage", get(usage::page))
        .layer(from_fn_with_state(state.clone(), protect));
    // An upload may take an hour: it must not hold the turn of a page.
    let uploads = Router::new().route("/generations/upload", post(create::upload)).layer(from_fn(protect_long));
    pages.merge(uploads).with_state(state)
}
