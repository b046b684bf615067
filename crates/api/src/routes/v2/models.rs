//! `GET /v2/models`: what a create may name, and what really makes it here.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::model::{MODELS, Model, Route};

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::state::ApiState;
use crate::wire::{ErrorBody, ModelInfo, UnauthorizedBody};

/// List the models
#[utoipa::path(
    get,
    path = "/v2/models",
    operation_id = "listModels",
    tag = "models",
    responses(
        (status = 200, description = "The models", body = Vec<ModelInfo>),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn list_models(State(state): State<ApiState>, _: Reader) -> Result<Response, ApiError> {
    let routing = &state.settings.routing;
    let models = MODELS.iter().filter_map(|model| Some(info(model, routing.route(model.id)?)));
    Ok(json::answer(StatusCode::OK, json::text(&models.collect::<Vec<_>>())))
}

/// Honest: an id of Sync's names whatever this server routes it to.
fn info(model: &Model, route: Route) -> ModelInfo {
    let made_by = match route {
        Route::Builtin => "Made by mesh-1, the model that is built into this server and runs on its CPU.",
        Route::Sync => "Made by the upstream that this server is configured for, and delivered by this server.",
        Route::Passthrough => "Makes nothing: gives back the input video's URL at once. For tests.",
    };
    let owned = str::to_owned;
    ModelInfo {
        id: owned(model.id),
        name: owned(model.name),
        kind: owned(model.kind),
        version: owned(model.version),
        description: owned(made_by),
    }
}
