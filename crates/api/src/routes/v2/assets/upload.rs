//! `POST /v2/assets/upload` gives a URL; `PUT` of the bytes to it makes the asset.
//!
//! Promise: the bytes go to disk as they come and are hashed on their way; what is in memory is one chunk, however large the
//! file is. What is refused, cut or sent twice leaves nothing behind.
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::StreamExt as _;
use http::{HeaderMap, StatusCode, header};
use postsync_core::asset::{Asset, AssetKind, Facts};
use postsync_core::error_code;
use postsync_core::ids::AssetId;
use postsync_core::retention::UPLOAD_URL_S;
use postsync_engine::AssetError;
use serde_json::{Map, Value};

use super::{answer, read};
use crate::asset_urls::{self, Grant};
use crate::auth::Uploader;
use crate::error::ApiError;
use crate::form::{Arrived, Incoming};
use crate::json;
use crate::json_body::JsonBody;
use crate::linger::is_too_slow;
use crate::query::Query;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{AssetBody, CreateUpload, ErrorBody, UnauthorizedBody, UploadTarget};

/// 5 GiB in that time are 1.5 MB a second. The upload must have begun by then.
const EXPIRES_IN_S: u32 = UPLOAD_URL_S;

/// Begin an upload
///
/// PUT the bytes to uploadUrl; the asset is there when that is answered.
#[utoipa::path(
    post,
    path = "/v2/assets/upload",
    operation_id = "createAssetUpload",
    tag = "assets",
    request_body = CreateUpload,
    responses(
        (status = 201, description = "Where to put the bytes", body = UploadTarget),
        (status = 400, description = "Something is wrong with the body; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body, or the file that it announces, is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
        (status = 503, description = "Too little room on the disk, or the server is stopping", body = ErrorBody),
    )
)]
pub(crate) async fn create_asset_upload(
    State(state): State<ApiState>,
    Uploader(by): Uploader,
    body: JsonBody,
) -> Result<Response, ApiError> {
    state.takes_work()?;
    let fields = body.into_fields();
    let name = read::name(&fields, "fileName")?;
    let name = name.ok_or_else(|| ApiError::invalid("fileName", "fileName is missing"))?;
    let kind = read::kind_of_type(read::needed(&fields, "contentType")?);
    let kind = kind.ok_or_else(|| {
        ApiError::invalid("contentType", "contentType must be one of video/..., audio/... and image/...")
    })?;
    let bytes = size(&fields, state.settings.input_bytes_max)?;
    let expires_at = state.engine.now().plus_ms(i64::from(EXPIRES_IN_S) * 1_000);
    let id = state.engine.new_asset_id();
    let target = UploadTarget {
        upload_url: asset_urls::upload_url(&state, id, &Grant::new(&by, name, kind, bytes, expires_at)),
        url: asset_urls::file_url(&state, id),
        expires_in: EXPIRES_IN_S,
        id: id.to_string(),
    };
    Ok(json::answer(StatusCode::CREATED, json::text(&target)))
}

fn size(fields: &Map<String, Value>, bytes_max: u64) -> Result<u64, ApiError> {
    let size = match fields.get("size") {
        None | Some(Value::Null) => return Err(ApiError::invalid("size", "size is missing")),
        Some(value) => value.as_u64().filter(|size| *size > 0),
    };
    let size = size.ok_or_else(|| ApiError::invalid("size", "size must be a whole number of bytes, from 1 on"))?;
    if size <= bytes_max {
        return Ok(size);
    }
    let message = format!("size is more than the {bytes_max} bytes that this server takes of one file.");
    Err(ApiError::new(error_code::PAYLOAD_TOO_LARGE, message).with_field("size"))
}

/// Upload an asset's bytes
///
/// To the URL that POST /v2/assets/upload gave; needs no key. Sent again with the same bytes it answers the same.
#[utoipa::path(
    put,
    path = "/v2/assets/{id}/upload",
    operation_id = "putAssetUpload",
    tag = "assets",
    security(()),
    params(
        ("id" = String, Path, description = "The asset's id"),
        ("grant" = String, Query, description = "As it stands in uploadUrl"),
        ("signature" = String, Query, description = "As it stands in uploadUrl"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file's bytes, of any content type"),
    responses(
        (status = 200, description = "The asset", body = AssetBody),
        (status = 400, description = "The bytes are not as many, or not of the kind, that was announced", body = ErrorBody),
        (status = 403, description = "The URL is not as it was given out, its time is over, or the key that asked for it was revoked", body = ErrorBody),
        (status = 404, description = "No such asset", body = ErrorBody),
        (status = 408, description = "The body stopped coming", body = ErrorBody),
        (
            status = 409,
            description = "Other bytes were put there before, the asset was deleted, or the same upload was begun again meanwhile",
            body = ErrorBody,
        ),
        (status = 503, description = "Too little room on the disk, or the server is stopping", body = ErrorBody),
    )
)]
pub(crate) async fn put_asset_upload(
    State(state): State<ApiState>,
    PathId(id): PathId<AssetId>,
    query: Query,
    request: Request,
) -> Result<Response, ApiError> {
    let grant = granted(&state, id, &query)?;
    is_still_wanted(&state, &grant).await?;
    state.takes_work()?;
    let (parts, body) = request.into_parts();
    let under_way = state.uploads.begin(id);
    let arrived = tokio::select! {
        arrived = receive(&state, &parts.headers, body, grant.bytes) => arrived?,
        () = under_way.is_replaced() => return Err(conflict("The same upload was begun again meanwhile; that one counts.")),
    };
    let kind = judged(&grant, &arrived)?;
    // In a task of its own: a client that hangs up now must not leave a file that nobody owns.
    let taken = tokio::spawn(tracing::Instrument::in_current_span(keep(state.clone(), id, grant, kind, arrived)));
    let asset = taken.await.unwrap_or_else(|_| Err(ApiError::of(error_code::INTERNAL_ERROR)))?;
    Ok(answer(&state, StatusCode::OK, &asset))
}

fn granted(state: &ApiState, id: AssetId, query: &Query) -> Result<Grant, ApiError> {
    let one = |name| query.one(name).ok().flatten();
    let grant =
        one("grant").zip(one("signature")).and_then(|(grant, seal)| asset_urls::granted(state, id, grant, seal));
    let grant = grant.ok_or_else(|| ApiError::of(error_code::UPLOAD_URL_INVALID))?;
    if grant.is_over(state.engine.now()) {
        let message = "The time of the upload URL is over.";
        return Err(ApiError::new(error_code::UPLOAD_URL_INVALID, message));
    }
    Ok(grant)
}

/// An operator who revokes a key that leaked means what was given out under it too. Asked when the bytes begin to come.
async fn is_still_wanted(state: &ApiState, grant: &Grant) -> Result<(), ApiError> {
    let key = match grant.key() {
        Some(id) => state.engine.store().key(id).await?,
        None => None,
    };
    if key.is_some_and(|key| key.revoked_at.is_none()) {
        return Ok(());
    }
    let message = "The API key that the upload URL was asked for with has been revoked.";
    Err(ApiError::new(error_code::UPLOAD_URL_INVALID, message))
}

async fn receive(state: &ApiState, headers: &HeaderMap, body: Body, wanted: u64) -> Result<Arrived, ApiError> {
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|said| said != wanted) {
        return Err(another_size(wanted));
    }
    let mut incoming = Incoming::create(&state.engine).await?;
    let mut chunks = body.into_data_stream();
    let mut bytes = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        if chunk.len() as u64 > wanted - bytes {
            return Err(another_size(wanted));
        }
        bytes = incoming.write(&chunk).await?;
    }
    if bytes == wanted { incoming.arrived().await } else { Err(another_size(wanted)) }
}

fn another_size(wanted: u64) -> ApiError {
    ApiError::invalid("size", format!("The upload must have exactly the {wanted} bytes that were announced as size."))
}

fn broken(error: &axum::Error) -> ApiError {
    if is_too_slow(error) {
        return ApiError::of(error_code::REQUEST_TIMEOUT);
    }
    ApiError::new(error_code::INVALID_REQUEST, "The body did not arrive whole.")
}

/// What it is. A container that can hold pictures is taken for sound where that was announced: from outside they look the same.
fn judged(grant: &Grant, arrived: &Arrived) -> Result<AssetKind, ApiError> {
    match (grant.kind(), arrived.sniffed.kind) {
        (Some(announced), Some(found)) if announced == found => Ok(found),
        (Some(AssetKind::Audio), Some(AssetKind::Video)) => Ok(AssetKind::Audio),
        (Some(announced), found) => {
            let found = found
                .map_or("none of the formats that are taken".to_owned(), |kind| kind.as_str().to_ascii_lowercase());
            let announced = announced.as_str().to_ascii_lowercase();
            let message = format!(
                "The file is {found}, judged by its first bytes, and {announced} was announced as contentType."
            );
            Err(ApiError::new(error_code::GENERATION_INPUT_ASSET_TYPE_MISMATCH, message).with_field("contentType"))
        }
        (None, _) => Err(ApiError::of(error_code::UPLOAD_URL_INVALID)),
    }
}

fn conflict(message: &'static str) -> ApiError {
    ApiError::new(error_code::ASSET_CONFLICT, message)
}

async fn keep(
    state: ApiState,
    id: AssetId,
    grant: Grant,
    kind: AssetKind,
    arrived: Arrived,
) -> Result<Asset, ApiError> {
    let Arrived { sniffed, bytes, sha256, file } = arrived;
    let engine = &state.engine;
    let (org, media) = (grant.org(), engine.new_media_id());
    let asset = Asset::uploaded(id, org.clone(), kind, grant.name, media, bytes, engine.now());
    let facts = Facts { format: sniffed.format().map(str::to_owned), ..Facts::default() };
    match engine.add_asset(Asset { sha256: Some(sha256), facts, ..asset }, Some(&file.0)).await {
        Err(AssetError::Known) => {
            let known = engine.store().asset(&org, id).await?;
            let known =
                known.ok_or_else(|| conflict("The asset was deleted; its upload URL does not bring it back."))?;
            if known.sha256 == Some(sha256) { Ok(known) } else { Err(ApiError::of(error_code::ASSET_CONFLICT)) }
        }
        added => Ok(added?),
    }
}
