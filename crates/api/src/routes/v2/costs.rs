//! What a generation will cost: `POST /v2/analyze/cost` for the body of a create, the estimates for a length.
//!
//! Nothing is fetched: a length is known of assets that were looked at, and of no URL.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::create::{Judged, Rules, judge};
use postsync_core::error_code;
use postsync_core::ids::OrgId;
use postsync_core::input::{Item, ItemKind, Source};
use postsync_core::model::MODELS;
use postsync_core::price::{Estimate, estimate, video_ms};
use serde_json::{Map, Value};

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::routes::v2::own_files;
use crate::state::ApiState;
use crate::wire::{CostEstimate, CreateGeneration, ErrorBody, EstimateCost, EstimatedCost, UnauthorizedBody};

/// Where nobody says how many, as Sync has it.
const FPS_DEFAULT: f64 = 30.0;
const FPS_MAX: f64 = 1_000.0;

/// A week: longer than any video that is taken.
const DURATION_S_MAX: f64 = 604_800.0;

/// Estimate what a generation costs
///
/// Takes the body of a create, and makes nothing. The length is known of assets; where it is not, an estimate needs a price of 0.
#[utoipa::path(
    post,
    path = "/v2/analyze/cost",
    operation_id = "analyzeCost",
    tag = "costs",
    request_body = CreateGeneration,
    responses(
        (status = 200, description = "One estimate", body = Vec<EstimatedCost>),
        (status = 400, description = "Something is wrong with the body; the message names the field", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
        (status = 422, description = "The length of an input is not known, and the model has a price", body = ErrorBody),
    )
)]
pub(crate) async fn analyze_cost(
    State(state): State<ApiState>,
    Reader(org): Reader,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let mut fields = body.into_fields();
    let own = own_files::name(&state, &org, &mut fields).await?;
    let rules = Rules { routing: &state.settings.routing, egress: &state.settings.rules, own: &own };
    let Judged { request, items } = judge(fields, &rules)?;
    let mode = request.options.as_deref().and_then(sync_mode);
    let price = state.settings.prices.of(&request.model);
    let duration_ms = match length_ms(&state, &org, &items, mode.as_deref()).await? {
        Some(duration_ms) => duration_ms,
        // Whatever its length: it costs nothing.
        None if price == 0 => 0,
        None => return Err(ApiError::of(error_code::COST_ESTIMATE_UNAVAILABLE)),
    };
    let Estimate { frames, micros } = estimate(price, duration_ms, per_1000_s(FPS_DEFAULT));
    let cost = EstimatedCost { estimated_frame_count: frames, estimated_generation_cost: dollars(micros) };
    Ok(json::answer(StatusCode::OK, json::text(&[cost])))
}

fn sync_mode(options: &str) -> Option<String> {
    let options: Value = serde_json::from_str(options).ok()?;
    options.get("sync_mode")?.as_str().map(str::to_owned)
}

/// Of the video that these make, where it is known.
async fn length_ms(state: &ApiState, org: &OrgId, items: &[Item], mode: Option<&str>) -> Result<Option<u64>, ApiError> {
    let (mut visual_ms, mut speech_ms) = (None, 0);
    for item in items {
        if item.kind == ItemKind::Image {
            continue;
        }
        let Some(duration_ms) = duration_ms(state, org, item).await? else { return Ok(None) };
        match item.kind {
            ItemKind::Video => visual_ms = Some(duration_ms),
            _ => speech_ms += duration_ms,
        }
    }
    Ok(Some(video_ms(mode, visual_ms, speech_ms)))
}

async fn duration_ms(state: &ApiState, org: &OrgId, item: &Item) -> Result<Option<u64>, ApiError> {
    let Some(Source::Asset(id)) = &item.source else { return Ok(None) };
    let asset = state.engine.store().asset(org, *id).await?;
    let asset = asset.ok_or_else(|| ApiError::invalid("input", "input names an asset that does not exist"))?;
    Ok(asset.facts.duration_ms)
}

/// Estimate what a video of some length costs
#[utoipa::path(
    post,
    path = "/v2/generations/estimate",
    operation_id = "estimateCost",
    tag = "costs",
    request_body = EstimateCost,
    responses(
        (status = 200, description = "The estimate", body = CostEstimate),
        (status = 400, description = "Something is wrong with the body; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
        (status = 422, description = "The cost can't be estimated", body = ErrorBody),
    )
)]
pub(crate) async fn estimate_cost(
    State(state): State<ApiState>,
    _reader: Reader,
    body: JsonBody,
) -> Result<Response, ApiError> {
    estimated(&state, &body.into_fields())
}

/// Estimate what a video of some length costs, under its other path
#[utoipa::path(
    post,
    path = "/v2/generate/estimate-cost",
    operation_id = "estimateCostByCreatePath",
    tag = "costs",
    request_body = EstimateCost,
    responses(
        (status = 200, description = "The estimate", body = CostEstimate),
        (status = 400, description = "Something is wrong with the body; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
        (status = 422, description = "The cost can't be estimated", body = ErrorBody),
    )
)]
pub(crate) async fn estimate_cost_by_create_path(
    State(state): State<ApiState>,
    _reader: Reader,
    body: JsonBody,
) -> Result<Response, ApiError> {
    estimated(&state, &body.into_fields())
}

fn estimated(state: &ApiState, fields: &Map<String, Value>) -> Result<Response, ApiError> {
    let model = match fields.get("model") {
        Some(Value::String(id)) => id,
        None | Some(Value::Null) => return Err(ApiError::invalid("model", "model is missing")),
        Some(_) => return Err(ApiError::invalid("model", "model must be a string")),
    };
    if !MODELS.iter().any(|known| known.id == model) {
        return Err(ApiError::of(error_code::GENERATION_UNSUPPORTED_MODEL).with_field("model"));
    }
    let seconds = number(fields, "duration", DURATION_S_MAX)?;
    let seconds = seconds.ok_or_else(|| ApiError::invalid("duration", "duration is missing"))?;
    let fps = number(fields, "fps", FPS_MAX)?.unwrap_or(FPS_DEFAULT);
    if !matches!(fields.get("reasoningEnabled"), None | Some(Value::Null | Value::Bool(_))) {
        return Err(ApiError::invalid("reasoningEnabled", "reasoningEnabled must be true or false"));
    }
    let Estimate { frames, micros } = estimate(state.settings.prices.of(model), milliseconds(seconds), per_1000_s(fps));
    let cost = CostEstimate {
        estimated_frame_count: frames,
        estimated_generation_cost: dollars(micros),
        estimated_credits: None,
    };
    Ok(json::answer(StatusCode::OK, json::text(&cost)))
}

fn number(fields: &Map<String, Value>, name: &str, max: f64) -> Result<Option<f64>, ApiError> {
    let value = match fields.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_f64().filter(|value| *value > 0.0 && *value <= max),
    };
    value.map(Some).ok_or_else(|| ApiError::invalid(name, format!("{name} must be a number above 0, at most {max}")))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by DURATION_S_MAX")]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1_000.0).ceil() as u64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by FPS_MAX")]
fn per_1000_s(fps: f64) -> u64 {
    (fps * 1_000.0).round() as u64
}

#[expect(clippy::cast_precision_loss, reason = "sums stay far below 2^53 millionths")]
pub(super) fn dollars(micros: u64) -> f64 {
    micros as f64 / 1_000_000.0
}
