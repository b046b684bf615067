//! `/v2/voices`: who can be asked to speak, and clones of voices.
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use postsync_core::error_code;
use postsync_core::generation::Failure;
use postsync_core::ids::OrgId;
use postsync_core::speech::{Provider, built_in};
use postsync_core::voice::VOICE_NAME_CHARS_MAX;
use postsync_engine::VoiceError;
use postsync_engine::ports::Voice;
use serde_json::Value;

use super::assets::read;
use crate::auth::{Creator, Reader};
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{CreateVoice, ErrorBody, UnauthorizedBody, VoiceBody};

/// The list of voices is a minute old at most.
const RETRY_AFTER_UNSETTLED_S: u32 = 60;

/// List the voices
#[utoipa::path(
    get,
    path = "/v2/voices",
    operation_id = "listVoices",
    tag = "voices",
    params(("provider" = Option<String>, Query, description = "Only those of espeak or of elevenlabs")),
    responses(
        (status = 200, description = "The voices", body = Vec<VoiceBody>),
        (status = 400, description = "The provider is not known", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 402, description = "ElevenLabs wants payment from this server's operator", body = ErrorBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 503, description = "ElevenLabs can't be asked", body = ErrorBody),
    )
)]
pub(crate) async fn list_voices(
    State(state): State<ApiState>,
    Reader(org): Reader,
    query: Query,
) -> Result<Response, ApiError> {
    let voices = voices(&state, &org, &query, None).await?;
    let shown: Vec<VoiceBody> = voices.iter().map(VoiceBody::of).collect();
    Ok(json::answer(StatusCode::OK, json::text(&shown)))
}

/// Read a voice
#[utoipa::path(
    get,
    path = "/v2/voices/{id}",
    operation_id = "getVoice",
    tag = "voices",
    params(
        ("id" = String, Path, description = "The voice's id"),
        ("provider" = Option<String>, Query, description = "Whose it is: espeak or elevenlabs"),
    ),
    responses(
        (status = 200, description = "The voice", body = VoiceBody),
        (status = 400, description = "The provider is not known", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 402, description = "ElevenLabs wants payment from this server's operator", body = ErrorBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such voice", body = ErrorBody),
        (status = 503, description = "ElevenLabs can't be asked", body = ErrorBody),
    )
)]
pub(crate) async fn get_voice(
    State(state): State<ApiState>,
    Reader(org): Reader,
    path: Result<RawPathParams, RawPathParamsRejection>,
    query: Query,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::of(error_code::VOICE_NOT_FOUND);
    let id = id(path)?;
    let voices = voices(&state, &org, &query, built_in(&id).map(|_| Provider::Espeak)).await?;
    let voice = voices.iter().find(|voice| voice.id == id).ok_or_else(unknown)?;
    Ok(json::answer(StatusCode::OK, json::text(&VoiceBody::of(voice))))
}

/// Clone a voice
///
/// ElevenLabs makes it from an audio asset, where this server has a key there. It speaks for the key's organization only.
#[utoipa::path(
    post,
    path = "/v2/voices",
    operation_id = "createVoice",
    tag = "voices",
    request_body = CreateVoice,
    responses(
        (status = 201, description = "The voice", body = VoiceBody),
        (status = 400, description = "Something is wrong with the body or the sample, or this server has no key at ElevenLabs", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 402, description = "ElevenLabs wants payment from this server's operator", body = ErrorBody),
        (status = 403, description = "There are as many voices as there may be, or the key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "No such asset", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 409, description = "A voice of that name exists, or another is being cloned", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
        (
            status = 503,
            description = "Too little room on the disk, the server is stopping, or ElevenLabs can't be asked; where its answer did not come, the voice may be listed later",
            body = ErrorBody,
        ),
    )
)]
pub(crate) async fn create_voice(
    State(state): State<ApiState>,
    Creator(org): Creator,
    body: JsonBody,
) -> Result<Response, ApiError> {
    state.takes_work()?;
    let fields = body.into_fields();
    if !matches!(fields.get("provider"), None | Some(Value::Null)) && fields["provider"] != "elevenlabs" {
        return Err(ApiError::invalid("provider", "provider must be elevenlabs: nobody else clones voices"));
    }
    let name = read::needed(&fields, "name")?;
    if !(1..=VOICE_NAME_CHARS_MAX).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        let message = format!("name must be 1 to {VOICE_NAME_CHARS_MAX} characters, none of them a control character");
        return Err(ApiError::invalid("name", message));
    }
    let no_sample = || ApiError::of(error_code::ASSET_NOT_FOUND).with_field("assetId");
    let sample = read::needed(&fields, "assetId")?.parse().map_err(|_| no_sample())?;
    // In a task of its own: a client that hangs up now must not cut it.
    let (engine, name) = (state.engine.clone(), name.to_owned());
    let clone = async move { engine.clone_voice(&org, &name, sample).await };
    let cloned = tokio::spawn(tracing::Instrument::in_current_span(clone)).await;
    let voice = cloned.map_err(|_| ApiError::of(error_code::INTERNAL_ERROR))??;
    Ok(json::answer(StatusCode::CREATED, json::text(&VoiceBody::of(&voice))))
}

/// Delete a cloned voice
///
/// Only one that the key's organization has had cloned; at ElevenLabs it goes, too.
#[utoipa::path(
    delete,
    path = "/v2/voices/{id}",
    operation_id = "deleteVoice",
    tag = "voices",
    params(("id" = String, Path, description = "The voice's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "This server has no key at ElevenLabs", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 402, description = "ElevenLabs wants payment from this server's operator", body = ErrorBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "The organization has cloned no such voice", body = ErrorBody),
        (status = 503, description = "ElevenLabs can't be asked", body = ErrorBody),
    )
)]
pub(crate) async fn delete_voice(
    State(state): State<ApiState>,
    Creator(org): Creator,
    path: Result<RawPathParams, RawPathParamsRejection>,
) -> Result<Response, ApiError> {
    state.engine.delete_voice(&org, &id(path)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What can't be read is to a caller the same as an unknown one.
fn id(path: Result<RawPathParams, RawPathParamsRejection>) -> Result<String, ApiError> {
    let found = path.ok().and_then(|path| path.iter().find(|(name, _)| *name == "id").map(|(_, id)| id.to_owned()));
    found.ok_or_else(|| ApiError::of(error_code::VOICE_NOT_FOUND))
}

/// Of the provider that the query names, else of the usual one.
async fn voices(state: &ApiState, org: &OrgId, query: &Query, usual: Option<Provider>) -> Result<Vec<Voice>, ApiError> {
    let unknown = || ApiError::invalid("provider", "provider must be espeak or elevenlabs");
    let provider = match query.one("provider")? {
        Some(text) => Some(Provider::parse(text).ok_or_else(unknown)?),
        None => None,
    };
    Ok(state.engine.voices(org, provider.or(usual)).await?)
}

impl From<VoiceError> for ApiError {
    fn from(error: VoiceError) -> Self {
        match error {
            VoiceError::Unknown => Self::of(error_code::VOICE_NOT_FOUND),
            VoiceError::NoSample => Self::of(error_code::ASSET_NOT_FOUND).with_field("assetId"),
            VoiceError::SameName => Self::of(error_code::VOICE_NAME_CONFLICT).with_field("name"),
            VoiceError::TooMany => Self::new(error_code::VOICE_CLONE_LIMIT_REACHED, error.to_string()),
            VoiceError::Unsettled => {
                let message = "It is not known yet whether a voice of that name was cloned before, for the answer was lost. GET /v2/voices \
                               lists it once it is there; choose another name, or try again in some minutes.";
                Self::new(error_code::VOICE_CLONE_BUSY, message).retry_after(RETRY_AFTER_UNSETTLED_S)
            }
            VoiceError::Stopping => Self::stopping(),
            VoiceError::Busy => Self::of(error_code::VOICE_CLONE_BUSY),
            VoiceError::Failed(Failure { code, error }) => Self::new(code, error),
            VoiceError::Store(error) => error.into(),
        }
    }
}
