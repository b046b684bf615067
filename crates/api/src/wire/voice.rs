//! Voices and what they say, as Sync has them.
use postsync_core::asset::Asset;
use postsync_core::speech_job::{SpeechJob, SpeechState};
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

/// A voice to be cloned.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateVoice {
    /// For people, at most 100 characters; no two of an organization's are the same.
    #[schema(example = "Ada", min_length = 1, max_length = 100)]
    pub name: String,
    /// An uploaded audio asset with somebody speaking, at most 10 MiB.
    #[schema(example = "018f2f6e-6d3a-7b6a-8c6e-0123456789ab")]
    pub asset_id: String,
    /// `elevenlabs`, which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "elevenlabs")]
    pub provider: Option<String>,
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

/// Words that are spoken when it is their turn.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpeechJobBody {
    /// The job's id.
    #[schema(example = "018f2f6e-6d3a-7b6a-8c6e-0123456789ad")]
    pub id: String,
    /// `PENDING`, `PROCESSING`, `COMPLETED` or `FAILED`.
    #[schema(example = "COMPLETED")]
    pub status: String,
    /// ISO 8601 in UTC with milliseconds.
    pub created_at: String,
    /// When it last moved.
    pub updated_at: String,
    /// As it was asked for.
    #[schema(example = "elevenlabs")]
    pub provider: String,
    /// As it was asked for.
    #[schema(example = "en-us")]
    pub voice_id: String,
    /// The asset that it has become; null until then.
    pub asset_id: Option<String>,
    /// Where it can be heard, without a key; null until then, and once the asset was deleted.
    pub url: Option<String>,
    /// In seconds, where that is known.
    pub duration: Option<f64>,
    /// Why it could not be spoken.
    pub error: Option<String>,
    /// The same for programs.
    pub error_code: Option<String>,
}

impl SpeechJobBody {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of speech stay far below 2^53")]
    pub(crate) fn of(job: &SpeechJob, asset: Option<&Asset>, url: Option<String>) -> Self {
        let (asset_id, failure) = match &job.state {
            SpeechState::Completed(asset) => (Some(asset.to_string()), None),
            SpeechState::Failed(failure) => (None, Some(failure)),
            SpeechState::Pending | SpeechState::Processing => (None, None),
        };
        Self {
            id: job.id.to_string(),
            status: job.status().to_owned(),
            created_at: job.created_at.to_string(),
            updated_at: job.updated_at.to_string(),
            provider: job.words.provider.as_str().to_owned(),
            voice_id: job.words.voice.clone(),
            asset_id,
            url,
            duration: asset.and_then(|asset| asset.facts.duration_ms).map(|ms| ms as f64 / 1_000.0),
            error: failure.map(|failure| failure.error.clone()),
            error_code: failure.map(|failure| failure.code.as_str().to_owned()),
        }
    }
}
