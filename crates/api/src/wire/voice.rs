//! Voices and what they say, as Sync has them.
use postsync_core::asset::Asset;
use postsync_engine::ports::Voice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Somebody who can be asked to speak.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoiceBody {
    /// `espeak`, built in, or `elevenlabs`.
    #[schema(example = "espeak")]
    pub provider: String,
    /// Send it as `voiceId`.
    #[schema(example = "en-us")]
    pub id: String,
    /// The same.
    #[schema(example = "en-us")]
    pub voice_id: String,
    /// For people.
    #[schema(example = "English (America)")]
    pub name: String,
    /// Where it can be heard, if anywhere.
    pub preview_url: Option<String>,
}

impl VoiceBody {
    pub(crate) fn of(voice: &Voice) -> Self {
        Self {
            provider: voice.provider.as_str().to_owned(),
            id: voice.id.clone(),
            voice_id: voice.id.clone(),
            name: voice.name.clone(),
            preview_url: voice.preview_url.clone(),
        }
    }
}

/// What is to be said.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateSpeech {
    /// 1 to 5000 characters.
    #[schema(example = "Good morning, and welcome.", min_length = 1, max_length = 5000)]
    pub script: String,
    /// A voice's id.
    #[schema(example = "en-us", min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9_-]+$")]
    pub voice_id: String,
    /// `elevenlabs` (default) or `espeak`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "elevenlabs")]
    pub provider: Option<String>,
    /// 0 to 1, default 0.5. Not used by the built-in voices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub stability: Option<f64>,
    /// 0 to 1, default 0.75. Not used by the built-in voices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub similarity_boost: Option<f64>,
}

/// What was said.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpeechBody {
    /// The asset's id.
    #[schema(example = "018f2f6e-6d3a-7b6a-8c6e-0123456789ab")]
    pub id: String,
    /// Where it can be heard, without a key.
    pub url: String,
    /// In seconds, where that is known.
    pub duration: Option<f64>,
}

impl SpeechBody {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of speech stay far below 2^53")]
    pub(crate) fn of(asset: &Asset, url: String) -> Self {
        let duration = asset.facts.duration_ms.map(|ms| ms as f64 / 1_000.0);
        Self { id: asset.id.to_string(), url, duration }
    }
}
