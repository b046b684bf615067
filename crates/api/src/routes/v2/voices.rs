//! `GET /v2/voices`: who can be asked to speak.
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, State};
use axum::response::Response;
use http::StatusCode;
use postsync_core::error_code;
use postsync_core::generation::Failure;
use postsync_core::speech::{Provider, built_in};
use postsync_engine::ports::Voice;

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{ErrorBody, UnauthorizedBody, VoiceBody};

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
    )
)]
pub(crate) async fn list_voices(State(state): State<ApiState>, _: Reader, query: Query) -> Result<Response, ApiError> {
    let voices = voices(&state, &query, None).await?;
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
    )
)]
pub(crate) async fn get_voice(
    State(state): State<ApiState>,
    _: Reader,
    path: Result<RawPathParams, RawPathParamsRejection>,
    query: Query,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::of(error_code::VOICE_NOT_FOUND);
    let path = path.map_err(|_| unknown())?;
    let id = path.iter().find(|(name, _)| *name == "id").map(|(_, id)| id).ok_or_else(unknown)?;
    let voices = voices(&state, &query, built_in(id).map(|_| Provider::Espeak)).await?;
    let voice = voices.iter().find(|voice| voice.id == id).ok_or_else(unknown)?;
    Ok(json::answer(StatusCode::OK, json::text(&VoiceBody::of(voice))))
}

/// Of the provider that the query names, else of the usual one.
async fn voices(state: &ApiState, query: &Query, usual: Option<Provider>) -> Result<Vec<Voice>, ApiError> {
    let unknown = || ApiError::invalid("provider", "provider must be espeak or elevenlabs");
    let provider = match query.one("provider")? {
        Some(text) => Some(Provider::parse(text).ok_or_else(unknown)?),
        None => None,
    };
    let failed = |Failure { code, error }| ApiError::new(code, error);
    state.engine.voices(provider.or(usual)).await.map_err(failed)
}
