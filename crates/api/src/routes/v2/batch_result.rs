//! `GET /v2/batches/{id}/result`: what became of each row, as JSON Lines. What `outputUrl` points at needs no key, since its token is
//! in it; without the token a key is wanted. Either leads on to the file itself under a URL that works for a while.
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use postsync_core::access::Scope;
use postsync_core::batch::{Batch, file_grant, file_path, result_grant, result_line};
use postsync_core::error_code;
use postsync_core::ids::BatchId;
use postsync_core::time::Timestamp;

use crate::auth::authenticate;
use crate::error::ApiError;
use crate::query::Query;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{ErrorBody, UnauthorizedBody};

/// How long a link to the file works.
const LINK: Duration = Duration::from_secs(3_600);

const JSON_LINES: HeaderValue = HeaderValue::from_static("application/jsonl");

/// Go to a batch's results
///
/// With the token that stands in outputUrl it needs no key; without it, a key with the scope read. Leads to a file of JSON Lines, one
/// for each record: request_id, generation_id, status, outputUrl, error, error_code.
#[utoipa::path(
    get,
    path = "/v2/batches/{id}/result",
    operation_id = "getBatchResult",
    tag = "batches",
    security((), ("apiKey" = []), ("bearer" = [])),
    params(
        ("id" = String, Path, description = "The batch's id"),
        ("token" = Option<String>, Query, description = "As it stands in outputUrl"),
    ),
    responses(
        (status = 302, description = "Location has the file, for an hour"),
        (status = 401, description = "Neither a token nor a key, or a key that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such batch, or another token", body = ErrorBody),
        (status = 409, description = "It has not ended", body = ErrorBody),
    )
)]
pub(crate) async fn get_batch_result(
    State(state): State<ApiState>,
    query: Query,
    parts: Parts,
    id: Result<PathId<BatchId>, ApiError>,
) -> Result<Response, ApiError> {
    let batch = if query.has("token") {
        let PathId(id) = id?;
        let token = query.one("token").ok().flatten().unwrap_or_default();
        let fits = state.engine.media().seal_fits(&result_grant(id), token);
        let batch = if fits { state.engine.store().batch_of_any(id).await? } else { None };
        batch.ok_or_else(unknown)?
    } else {
        let org = authenticate(&state, &parts, Scope::Read).await?;
        let batch = state.engine.store().batch_of_any(id?.0).await?;
        batch.filter(|batch| batch.org == org).ok_or_else(unknown)?
    };
    if !batch.is_final() {
        return Err(ApiError::of(error_code::BATCH_NOT_ENDED));
    }
    let location = HeaderValue::try_from(link(&state, &batch)).map_err(|_| ApiError::of(error_code::INTERNAL_ERROR))?;
    // What it leads to changes with the time.
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((StatusCode::FOUND, [(header::LOCATION, location), no_store]).into_response())
}

fn unknown() -> ApiError {
    ApiError::of(error_code::BATCH_NOT_FOUND)
}

fn link(state: &ApiState, batch: &Batch) -> String {
    let until = state.engine.now().plus(LINK);
    let signature = state.engine.media().seal(&file_grant(batch.id, until));
    format!("{}{}", state.settings.public_url, file_path(batch.id, until, &signature))
}

/// Fetch a batch's results
#[utoipa::path(
    get,
    path = "/v2/batches/{id}/result.jsonl",
    operation_id = "getBatchResultFile",
    tag = "batches",
    security(()),
    params(
        ("id" = String, Path, description = "The batch's id"),
        ("expires" = String, Query, description = "As it stands in the link"),
        ("signature" = String, Query, description = "As it stands in the link"),
    ),
    responses(
        (status = 200, description = "One JSON object on each line", body = String, content_type = "application/jsonl"),
        (status = 404, description = "No such batch, or another signature", body = ErrorBody),
        (status = 410, description = "The link has expired", body = ErrorBody),
    )
)]
pub(crate) async fn get_batch_result_file(
    State(state): State<ApiState>,
    PathId(id): PathId<BatchId>,
    query: Query,
) -> Result<Response, ApiError> {
    let one = |name| query.one(name).ok().flatten().ok_or_else(unknown);
    let (expires, signature) = (one("expires")?, one("signature")?);
    let until = Timestamp(expires.parse().map_err(|_| unknown())?);
    // In its one spelling: the time is part of what is signed.
    let fits = until.0.to_string() == expires && state.engine.media().seal_fits(&file_grant(id, until), signature);
    if !fits {
        return Err(unknown());
    }
    if state.engine.now() > until {
        return Err(ApiError::of(error_code::BATCH_LINK_EXPIRED));
    }
    let room = state.room.for_a_list().await?;
    let lines: String = state.engine.store().batch_results(id).await?.iter().map(result_line).collect();
    let mut response = Body::from(room.hold(lines)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON_LINES);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"batch-{id}.jsonl\""));
    headers.insert(header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment")));
    Ok(response)
}
