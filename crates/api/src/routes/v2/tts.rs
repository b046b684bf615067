//! `POST /v2/tts`: words become an audio asset.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::create::Refusal;
use postsync_core::error_code;
use postsync_core::generation::Failure;
use postsync_core::speech::{Provider, Words};
use postsync_engine::SpeakError;
use serde_json::{Map, Value};

use crate::asset_urls;
use crate::auth::Creator;
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::state::ApiState;
use crate::wire::{CreateSpeech, ErrorBody, SpeechBody, UnauthorizedBody};

/// Speak a text
///
/// What was spoken becomes an asset, which an audio input can name.
#[utoipa::path(
    post,
    path = "/v2/tts",
    operation_id = "createSpeech",
    tag = "voices",
    request_body = CreateSpeech,
    responses(
        (status = 200, description = "It was spoken", body = SpeechBody),
        (status = 400, description = "Something is wrong with the body; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 402, description = "ElevenLabs wants payment from this server's operator", body = ErrorBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 408, description = "The body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
        (status = 422, description = "ElevenLabs has no such voice", body = ErrorBody),
        (status = 429, description = "As many texts wait to be spoken as may, or too many requests with this key", body = ErrorBody),
        (status = 503, description = "Too little room on the disk, the server is stopping, or ElevenLabs can't be asked", body = ErrorBody),
    )
)]
pub(crate) async fn create_speech(
    State(state): State<ApiState>,
    Creator(org): Creator,
    body: JsonBody,
) -> Result<Response, ApiError> {
    state.takes_work()?;
    let words = words(&body.into_fields())?;
    let turn = state.engine.turn_to_speak(&org, &words).await?;
    // In a task of its own: a client that hangs up now must not leave a file that nobody owns.
    let engine = state.engine.clone();
    let spoken = async move { engine.speak(turn, org, &words).await };
    let spoken = tokio::spawn(tracing::Instrument::in_current_span(spoken));
    let asset = spoken.await.map_err(|_| ApiError::of(error_code::INTERNAL_ERROR))??;
    let url = asset_urls::url_of(&state, &asset);
    Ok(json::answer(StatusCode::OK, json::text(&SpeechBody::of(&asset, url))))
}

/// What a body asks to be said.
pub(super) fn words(fields: &Map<String, Value>) -> Result<Words, ApiError> {
    let provider = match fields.get("provider") {
        None | Some(Value::Null) => Some(Provider::ElevenLabs),
        Some(value) => value.as_str().and_then(Provider::parse),
    };
    let provider = provider.ok_or_else(|| ApiError::invalid("provider", "provider must be elevenlabs or espeak"))?;
    Words::read_as(provider, fields, "").map_err(|invalid| ApiError::from(Refusal::from(invalid)))
}

impl From<SpeakError> for ApiError {
    fn from(error: SpeakError) -> Self {
        match error {
            SpeakError::Busy => Self::too_many_texts(),
            // Sync's own statuses: 404 where a voice is read, 422 where it is to speak.
            SpeakError::Failed(Failure { code, error }) if code == error_code::VOICE_NOT_FOUND => {
                Self::new(code, error).with_field("voiceId").with_status(StatusCode::UNPROCESSABLE_ENTITY)
            }
            SpeakError::Failed(Failure { code, error }) => Self::new(code, error),
            SpeakError::Asset(error) => error.into(),
        }
    }
}
