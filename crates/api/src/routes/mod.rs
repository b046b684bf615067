//! The routes, in folders that mirror their URLs, and what is around all of them.
mod path;
mod postsync;
mod server;
mod v2;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use postsync_core::error_code;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiError;
use crate::observe::observe;
use crate::openapi::Base;
use crate::state::ApiState;

pub(crate) use v2::generate::create::{create_generation_by, no_generator};

/// Everything that the API serves. Nest nothing under it and layer no body limit on it: it has its own.
pub fn router(state: ApiState) -> Router {
    router_beside(state, Router::new())
}

/// The same with pages beside it, which have no fallback of their own.
pub fn router_beside(state: ApiState, pages: Router) -> Router {
    let (router, _) = documented().split_for_parts();
    router
        .with_state(state)
        .merge(pages)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(axum::middleware::from_fn(observe))
}

/// The routes with their documentation.
pub(crate) fn documented() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(Base::openapi())
        .routes(routes!(v2::generate::create::create_generation))
        .routes(routes!(v2::generate::get::get_generation, v2::generations::one::delete_generation_by_read_path))
        .routes(routes!(v2::generations::list::list_generations))
        .routes(routes!(v2::generations::count::count_generations))
        .routes(routes!(v2::generations::one::delete_generation))
        .routes(routes!(v2::generations::one::get_generation_download))
        .routes(routes!(v2::batch::create::create_batch, v2::batch::list::list_batches))
        .routes(routes!(v2::batch::get::get_batch))
        .routes(routes!(v2::batch_result::get_batch_result))
        .routes(routes!(v2::batch_result::get_batch_result_file))
        .routes(routes!(v2::result::get_generation_result))
        .routes(routes!(v2::assets::list::list_assets, v2::assets::register::create_asset))
        .routes(routes!(v2::assets::count::count_assets))
        .routes(routes!(v2::assets::upload::create_asset_upload))
        .routes(routes!(v2::assets::one::get_asset, v2::assets::one::update_asset, v2::assets::one::delete_asset))
        .routes(routes!(v2::assets::one::get_asset_download))
        .routes(routes!(v2::assets::upload::put_asset_upload))
        .routes(routes!(v2::assets::file::get_asset_file))
        .routes(routes!(v2::assets::file::get_asset_thumbnail))
        .merge(v2::projects::routes())
        .merge(postsync::routes())
        .routes(routes!(v2::costs::analyze_cost))
        .routes(routes!(v2::costs::estimate_cost))
        .routes(routes!(v2::costs::estimate_cost_by_create_path))
        .routes(routes!(v2::models::list_models))
        .routes(routes!(v2::errors::list_errors))
        .routes(routes!(v2::voices::list_voices, v2::voices::create_voice))
        .routes(routes!(v2::voices::get_voice, v2::voices::delete_voice))
        .routes(routes!(v2::tts::create_speech))
        .routes(routes!(v2::account::get_account))
        .routes(routes!(v2::usage::list_usage))
        .routes(routes!(v2::tts_jobs::create_speech_job))
        .routes(routes!(v2::tts_jobs::get_speech_job))
        .routes(routes!(v2::webhook_secret::get_webhook_secret))
        .routes(routes!(server::get_api_json))
        .routes(routes!(server::get_health))
        .routes(routes!(server::get_readiness))
        .routes(routes!(server::get_metrics))
}

async fn not_found() -> ApiError {
    ApiError::of(error_code::NOT_FOUND)
}

async fn method_not_allowed(method: Method) -> ApiError {
    let method = crate::json::plain(method.as_str());
    ApiError::new(error_code::METHOD_NOT_ALLOWED, format!("The path does not take the method {method}."))
}

/// The panic itself goes to the log by the hook; the client learns only where to look for it.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    ApiError::of(error_code::INTERNAL_ERROR).into_response()
}
