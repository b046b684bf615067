//! `/v2/tts/jobs`: words that are spoken when it is their turn.
use axum::extract::State;
use axum::response::Response;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use postsync_core::error_code;
use postsync_core::idempotency::Fingerprint;
use postsync_core::ids::SpeechJobId;
use postsync_core::speech_job::{SpeechJob, SpeechState};
use postsync_engine::SpeechJobError;

use super::generate::keyed;
use super::tts::words;
use crate::asset_urls;
use crate::auth::{Creator, Reader};
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{CreateSpeech, ErrorBody, SpeechJobBody, UnauthorizedBody};

/// A script takes seconds.
const RETRY_AFTER_S: u32 = 5;

/// Speak a text later
///
/// Ask for the job until it is COMPLETED or FAILED. What was spoken becomes an asset.
#[utoipa::path(
    post,
    path = "/v2/tts/jobs",
    operation_id = "createSpeechJob",
    tag = "voices",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 of A-Z a-z 0-9 . _ ~ -: the same key and body within a day is the same job")),
    request_body = CreateSpeech,
    responses(
        (status = 202, description = "It was taken", body = SpeechJobBody,
            headers(
                ("Location" = String, description = "Where to ask for it"),
                ("Idempotency-Replayed" = String, description = "true where it was taken before"),
            )),
        (status = 400, description = "Something is wrong with the body or the key; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 408, description = "The body stopped coming", body = ErrorBody),
        (status = 409, description = "The Idempotency-Key was used for another body", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
        (status = 429, description = "Too many scripts wait, or too many requests with this key; see Retry-After", body = ErrorBody),
        (status = 503, description = "Too little room on the disk, or the server is stopping; nothing was accepted", body = ErrorBody),
    )
)]
pub(crate) async fn create_speech_job(
    State(state): State<ApiState>,
    Creator(org): Creator,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, ApiError> {
    state.takes_work()?;
    let key = keyed::key(&headers)?;
    let fields = body.into_fields();
    let words = words(&fields)?;
    let key = key.map(|key| (key, Fingerprint::of_json(&fields)));
    // In a task of its own: a client that hangs up now must not leave a job on disk that the loop has not been told of.
    let engine = state.engine.clone();
    let submitted = async move { engine.submit_speech_job(&org, words, key).await };
    let submitted = tokio::spawn(tracing::Instrument::in_current_span(submitted)).await;
    let (job, was_taken_before) = submitted.map_err(|_| ApiError::of(error_code::INTERNAL_ERROR))??;
    let mut response = answer(&state, StatusCode::ACCEPTED, &job).await?;
    let location = format!("{}/v2/tts/jobs/{}", state.settings.public_url, job.id);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    if was_taken_before {
        response.headers_mut().insert(keyed::REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Read a speech job
#[utoipa::path(
    get,
    path = "/v2/tts/jobs/{id}",
    operation_id = "getSpeechJob",
    tag = "voices",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job", body = SpeechJobBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such job", body = ErrorBody),
    )
)]
pub(crate) async fn get_speech_job(
    State(state): State<ApiState>,
    Reader(org): Reader,
    PathId(id): PathId<SpeechJobId>,
) -> Result<Response, ApiError> {
    let job = state.engine.store().speech_job(&org, id).await?;
    let job = job.ok_or_else(|| ApiError::of(error_code::SPEECH_JOB_NOT_FOUND))?;
    answer(&state, StatusCode::OK, &job).await
}

async fn answer(state: &ApiState, status: StatusCode, job: &SpeechJob) -> Result<Response, ApiError> {
    let asset = match job.state {
        SpeechState::Completed(asset) => state.engine.store().asset(&job.org, asset).await?,
        _ => None,
    };
    let url = asset.as_ref().map(|asset| asset_urls::url_of(state, asset));
    Ok(json::answer(status, json::text(&SpeechJobBody::of(job, asset.as_ref(), url))))
}

impl From<SpeechJobError> for ApiError {
    fn from(error: SpeechJobError) -> Self {
        match error {
            SpeechJobError::Reused => Self::of(error_code::IDEMPOTENCY_KEY_REUSED).with_field("Idempotency-Key"),
            SpeechJobError::TooMany => {
                Self::new(error_code::CONCURRENCY_LIMIT_REACHED, error.to_string()).retry_after(RETRY_AFTER_S)
            }
            SpeechJobError::Stopping => Self::stopping(),
            SpeechJobError::Store(error) => error.into(),
        }
    }
}
