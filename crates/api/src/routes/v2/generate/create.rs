//! `POST /v2/generate`: auth, limits, read, judge; then one commit, then 201.
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use postsync_core::asset::{Asset, AssetKind};
use postsync_core::audit::Named;
use postsync_core::batch::JudgedRow;
use postsync_core::create::{Judged, Refusal, Rules, judge};
use postsync_core::error_code;
use postsync_core::generation::{NewGeneration, wire};
use postsync_core::idempotency::Fingerprint;
use postsync_core::ids::{AssetId, OrgId};
use postsync_core::input::{Item, ItemKind, Source};
use postsync_engine::{Submission, Wanted};
use serde_json::{Map, Value};

use super::keyed::{self, Beginning};
use super::submit::{self, Placed};
use crate::auth::Generating;
use crate::body_room::Held;
use crate::error::ApiError;
use crate::form::{self, FormRules, Upload};
use crate::json;
use crate::json_body;
use crate::routes::v2::own_files;
use crate::state::ApiState;
use crate::wire::{CreateGeneration, CreateGenerationForm, ErrorBody, GenerationBody, UnauthorizedBody};

/// Create a generation
///
/// Answers once it is on disk. Its end is told to webhookUrl, and shown by GET /v2/generate/{id}.
#[utoipa::path(
    post,
    path = "/v2/generate",
    operation_id = "createGeneration",
    tag = "generations",
    params((
        "Idempotency-Key" = Option<String>,
        Header,
        description = "1 to 128 characters of A-Z a-z 0-9 . _ ~ -: the same request sent again within 24 hours makes no second generation",
    )),
    request_body(content(
        (CreateGeneration = "application/json"),
        (CreateGenerationForm = "multipart/form-data"),
    )),
    responses(
        (
            status = 201,
            description = "The generation: PENDING, or as it is where an earlier request had the same Idempotency-Key",
            body = GenerationBody,
            headers(("Idempotency-Replayed" = String, description = "true where that is so")),
        ),
        (status = 400, description = "Something is wrong with the request; the message names the field", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 409, description = "The Idempotency-Key was used for another request, or its first request is under way", body = ErrorBody),
        (status = 413, description = "The body, a field or a file is too large", body = ErrorBody),
        (status = 415, description = "Neither JSON nor a form", body = ErrorBody),
        (
            status = 429,
            description = "Too many creates with this key, or the organization has as many generations as it may",
            body = ErrorBody,
        ),
        (status = 503, description = "Too little room on the disk, or the server is stopping; nothing was accepted", body = ErrorBody),
    )
)]
pub(crate) async fn create_generation(
    State(state): State<ApiState>,
    generating: Generating,
    request: Request,
) -> Result<Response, ApiError> {
    create_generation_by(&state, generating, request).await
}

/// The same, of a caller who is known already.
pub(crate) async fn create_generation_by(
    state: &ApiState,
    Generating { org, caller, allowance }: Generating,
    request: Request,
) -> Result<Response, ApiError> {
    state.is_not_stopping()?;
    let key = keyed::key(request.headers())?;
    // Before the body: a large upload would take the room that is left. JSON with a key may have been taken before, and is then
    // answered as it was.
    let is_late = key.is_some() && matches!(content_kind(request.headers())?, ContentKind::Json);
    if !is_late {
        state.takes_work()?;
    }
    let Payload { mut fields, uploads, fingerprint, held: _held } = read(state, request, key.is_some()).await?;
    let keyed = match keyed::begin(state, &org, key, fingerprint).await? {
        Beginning::First(keyed) => keyed,
        Beginning::Before(generation) => return Ok(keyed::replayed(&generation)),
    };
    if is_late {
        state.takes_work()?;
    }
    let uploads = submit::place(state, &mut fields, uploads)?;
    let own = own_files::name(state, &org, &mut fields).await?;
    let rules = Rules { routing: &state.settings.routing, egress: &state.settings.rules, own: &own };
    let Judged { request, items } = judge(fields, &rules)?;
    let named = assets_fit(state, &org, &items, &uploads).await?;
    // An upload has come all the way, and no SDK can send one twice: it waits on disk. A JSON create can come again.
    let wanted = Wanted { limit: allowance.concurrency, may_wait: !uploads.is_empty() };
    let place = state.engine.take_place(&org, wanted).await?;
    let plain = Submission::plain(NewGeneration { org, request });
    let submission = Submission { keyed, place, caller, named, ..plain };
    let generation = submit::submit(state, submission, uploads).await?;
    Ok(json::answer(StatusCode::CREATED, wire(&generation)))
}

/// What came.
struct Payload {
    fields: Map<String, Value>,
    uploads: Vec<Upload>,
    /// Where it was asked for.
    fingerprint: Option<Fingerprint>,
    /// Room for the fields.
    held: Held,
}

async fn read(state: &ApiState, request: Request, is_keyed: bool) -> Result<Payload, ApiError> {
    let (parts, body) = request.into_parts();
    match content_kind(&parts.headers)? {
        ContentKind::Json => {
            let (fields, held) = read_json(state, &parts.headers, body).await?;
            let fingerprint = is_keyed.then(|| Fingerprint::of_json(&fields));
            Ok(Payload { fields, uploads: Vec::new(), fingerprint, held })
        }
        ContentKind::Form(content_type) => {
            let rules = FormRules { file_bytes_max: state.settings.input_bytes_max, fingerprint: is_keyed };
            let form = form::read(content_type, body, &state.engine, rules, state.bodies.for_a_body()).await?;
            Ok(Payload { fields: form.body, uploads: form.uploads, fingerprint: form.fingerprint, held: form.held })
        }
    }
}

pub(crate) enum ContentKind<'a> {
    Json,
    Form(&'a str),
}

/// A body without a type is taken for JSON. A urlencoded one is what the Python SDK makes of a form without a file: a 400,
/// for which it has a class. Everything else is a 415.
pub(crate) fn content_kind(headers: &HeaderMap) -> Result<ContentKind<'_>, ApiError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(ContentKind::Json) };
    let text = value.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(ContentKind::Json),
        "multipart/form-data" => Ok(ContentKind::Form(text)),
        "application/x-www-form-urlencoded" => Err(ApiError::unreadable(
            "A urlencoded form can't carry a generation: send application/json, or multipart/form-data with files.",
        )),
        _ => Err(ApiError::of(error_code::UNSUPPORTED_MEDIA_TYPE)),
    }
}

async fn read_json(state: &ApiState, headers: &HeaderMap, body: Body) -> Result<(Map<String, Value>, Held), ApiError> {
    let bytes_max = state.settings.json_bytes_max;
    match json_body::whole(state.bodies.for_a_body(), headers, body, bytes_max, ApiError::unreadable)
        .await?
        .parse()
        .await?
    {
        (Ok(Value::Object(fields)), held) => Ok((fields, held)),
        (Ok(_), _) => Err(ApiError::unreadable("The body must be a JSON object with model and input.")),
        (Err(why), _) => Err(ApiError::unreadable(format!("The body is not valid JSON: {why}."))),
    }
}

/// Whether each asset that is named exists here and is of the right kind. What came with this request was judged already.
async fn assets_fit(state: &ApiState, org: &OrgId, items: &[Item], uploads: &[Placed]) -> Result<Named, ApiError> {
    let mut named = Named::default();
    for (i, item) in items.iter().enumerate() {
        let Some(Source::Asset(id)) = &item.source else { continue };
        if !uploads.iter().any(|placed| placed.asset == *id) {
            named.add(&asset_fits(state, org, item.kind, *id, &format!("input[{i}].assetId")).await??);
        }
    }
    Ok(named)
}

/// The same of a record of a batch.
pub(crate) async fn asset_fits_row(
    state: &ApiState,
    org: &OrgId,
    row: &JudgedRow,
    named: &mut Named,
) -> Result<(), ApiError> {
    for (i, item) in row.judged.items.iter().enumerate() {
        let Some(Source::Asset(id)) = &item.source else { continue };
        let field = format!("input[{i}].assetId");
        let fits = asset_fits(state, org, item.kind, *id, &field).await?;
        let fits = fits.and_then(|asset| short_enough(state, asset, &field));
        named.add(&fits.map_err(|refusal| row.refuse(refusal))?);
    }
    Ok(())
}

/// An asset that nobody has looked at yet is judged when it is worked on.
fn short_enough(state: &ApiState, asset: Asset, field: &str) -> Result<Asset, Refusal> {
    let longest = state.settings.batch_input_max.filter(|_| asset.kind != AssetKind::Image);
    let (Some(ms), Some(longest)) = (asset.facts.duration_ms, longest) else { return Ok(asset) };
    if u128::from(ms) <= longest.as_millis() {
        return Ok(asset);
    }
    let (seconds, most) = (ms.div_ceil(1_000), longest.as_secs());
    let message =
        format!("{field} lasts {seconds} seconds; an input of a batch may have {most} (batch.input_duration_max)");
    Err(Refusal::coded(error_code::GENERATION_INPUT_DURATION_GREATER_THAN_MAX_DURATION, field, message))
}

/// The refusal of a model whose generator is not there.
pub(crate) fn no_generator() -> Refusal {
    let message = "model is known, but this server has no generator for it";
    Refusal::coded(error_code::GENERATION_UNSUPPORTED_MODEL, "model", message)
}

async fn asset_fits(
    state: &ApiState,
    org: &OrgId,
    kind: ItemKind,
    id: AssetId,
    field: &str,
) -> Result<Result<Asset, Refusal>, ApiError> {
    let Some(asset) = state.engine.store().asset(org, id).await? else {
        return Ok(Err(Refusal::coded(error_code::ASSET_NOT_FOUND, field, format!("{field} does not exist"))));
    };
    let fits = match kind {
        ItemKind::Video => asset.kind == AssetKind::Video,
        ItemKind::Image => asset.kind == AssetKind::Image,
        ItemKind::Audio => matches!(asset.kind, AssetKind::Audio | AssetKind::Video),
        ItemKind::Text => true,
    };
    if fits {
        return Ok(Ok(asset));
    }
    let message = format!("{field} is {}, which can't be used as {}", asset.kind.as_str(), kind.as_str());
    Ok(Err(Refusal::coded(error_code::GENERATION_INPUT_ASSET_TYPE_MISMATCH, field, message)))
}
