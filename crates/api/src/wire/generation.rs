//! Sync's shapes. The generation itself is printed by `postsync_core::generation::wire`, so that answers and webhooks are
//! one text; the types here describe it, and clients may read it with them.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A lip-sync job.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GenerationBody {
    /// UUID.
    pub id: String,
    /// ISO 8601 in UTC with milliseconds.
    pub created_at: String,
    /// `PENDING`, `PROCESSING`, `COMPLETED` or `FAILED`. The last two are final.
    pub status: String,
    /// The id that the client named.
    pub model: String,
    /// As the client sent it; an uploaded file stands as `assetId`.
    #[schema(value_type = Vec<InputItem>)]
    pub input: serde_json::Value,
    /// As the client sent them.
    #[schema(value_type = Option<Vec<Object>>)]
    pub segments: serde_json::Value,
    /// Where the webhook goes.
    pub webhook_url: Option<String>,
    /// As the client sent them.
    #[schema(value_type = Option<Object>)]
    pub options: serde_json::Value,
    /// Where the video can be fetched, without a key.
    pub output_url: Option<String>,
    /// Always null.
    pub segment_output_url: Option<String>,
    /// Seconds.
    pub output_duration: Option<f64>,
    /// Why it failed, in a sentence.
    pub error: Option<String>,
    /// Why it failed, for programs; see `GET /v2/errors`.
    #[serde(rename = "error_code")]
    pub error_code_snake: Option<String>,
    /// The same under its newer name.
    pub error_code: Option<String>,
    /// The name that a download gets, without `.mp4`.
    pub output_file_name: Option<String>,
    /// 0 to 100; only with `include=progress`. Null where nothing was made.
    #[serde(rename = "progress_percent", default, skip_serializing_if = "Option::is_none")]
    pub progress_percent: Option<u32>,
}

/// What is seen or heard.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InputItem {
    /// `video`, `image` or `audio`.
    #[serde(rename = "type")]
    pub kind: String,
    /// https. One of `url` and `assetId` is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// An uploaded file. Wins over `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset_id: Option<String>,
    /// Of text: who says what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<SpeechProvider>,
    /// The name that segments call it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ref_id: Option<String>,
}

/// What is to be said, and by whom.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpeechProvider {
    /// `elevenlabs` or `espeak`.
    #[schema(example = "elevenlabs")]
    pub name: String,
    /// A voice's id.
    #[schema(example = "en-us", min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9_-]+$")]
    pub voice_id: String,
    /// 1 to 5000 characters.
    #[schema(example = "Good morning, and welcome.", min_length = 1, max_length = 5000)]
    pub script: String,
    /// 0 to 1, default 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub stability: Option<f64>,
    /// 0 to 1, default 0.75.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub similarity_boost: Option<f64>,
}

/// What to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateGeneration {
    /// One of the ids of `GET /v2/models`.
    pub model: String,
    /// Exactly one video or image, and exactly one audio or text.
    pub input: Vec<InputItem>,
    /// `sync_mode`, `temperature`, `active_speaker_detection` and others; unknown ones are ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub options: Option<serde_json::Value>,
    /// Parts of the clip with voices of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 100)]
    pub segments: Option<Vec<SegmentItem>>,
    /// Told by a signed POST when the generation has ended. https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<String>,
    /// 1 to 255 letters, digits, `_` and `-`; `.mp4` is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_file_name: Option<String>,
    /// What its webhook gets in place of the server's settings; never echoed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postsync: Option<DeliveryTerms>,
}

/// A part of the clip with a voice of its own. Times are seconds.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SegmentItem {
    /// Where it begins in the clip.
    #[schema(example = 0.5, minimum = 0)]
    pub start_time: f64,
    /// Where it ends.
    #[schema(example = 2.0, minimum = 0)]
    pub end_time: f64,
    /// Its voice.
    pub audio_input: SegmentVoice,
}

/// Which voice, and which piece of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SegmentVoice {
    /// The `refId` of an item of type audio or text.
    #[schema(example = "a")]
    pub ref_id: String,
    /// Where the piece begins in the voice; only with `endTime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub start_time: Option<f64>,
    /// Where it ends there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub end_time: Option<f64>,
}

/// A schedule and a timeout in place of the server's.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryTerms {
    /// The event's ages at which it is tried, rising, at most 50 and 30 days: `["0s","10s","5m"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 50, min_items = 1)]
    pub schedule: Option<Vec<String>>,
    /// How long the receiver may take, `1s` to `60s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// The same as a form, with files.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateGenerationForm {
    /// One of the ids of `GET /v2/models`.
    pub model: String,
    /// A video file. Wins over a URL in `input`.
    #[schema(value_type = Option<String>, format = Binary)]
    pub video: Option<String>,
    /// An audio file. Wins over a URL in `input`.
    #[schema(value_type = Option<String>, format = Binary)]
    pub audio: Option<String>,
    /// An image file, instead of a video.
    #[schema(value_type = Option<String>, format = Binary)]
    pub image: Option<String>,
    /// JSON text: one item, and the field repeated; or all items as one array.
    #[serde(default)]
    pub input: Vec<String>,
    /// JSON text.
    pub options: Option<String>,
    /// JSON text: a list.
    pub segments: Option<String>,
    /// https.
    pub webhook_url: Option<String>,
    /// 1 to 255 letters, digits, `_` and `-`; `.mp4` is added.
    pub output_file_name: Option<String>,
    /// JSON text.
    pub postsync: Option<String>,
}

/// How many generations there are.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GenerationCount {
    /// In the states that were asked for.
    #[schema(example = 12)]
    pub count: u64,
}

/// A model that a create may name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelInfo {
    /// `lipsync-2`
    pub id: String,
    /// For people.
    pub name: String,
    /// `lipsync` or `react`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For people.
    pub version: String,
    /// What really makes the video on this server.
    pub description: String,
}

/// One error code.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ErrorEntry {
    /// `generation_timeout`
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do.
    pub suggestion: String,
}

/// A 401, as Sync has it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnauthorizedBody {
    /// What is wrong, in a sentence.
    pub message: String,
    /// `Unauthorized`, where no key came; absent where one came that does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// 401 again.
    pub status_code: u16,
}

/// Every error but a 401.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// What is wrong, in a sentence.
    pub message: String,
    /// The HTTP status again.
    pub status_code: u16,
    /// The status's reason phrase.
    pub error: String,
    /// For programs; see `GET /v2/errors`.
    pub error_code: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// The field that is wrong, such as `input[0].url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Of a cursor that has expired: the one to go on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_cursor: Option<String>,
    /// Of a concurrency limit that is reached: generations that are PENDING or PROCESSING.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_generations: Option<usize>,
    /// Or of the limit of batches: those that have not ended, counted up to the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_batches: Option<usize>,
    /// And how many may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_limit: Option<u32>,
    /// And where the plan could be changed: null, for nobody sells plans here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub upgrade_url: Option<Option<String>>,
    /// And `Retry-After` again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
    /// The answer's `x-request-id`, as the server's log names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The answer of the health checks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// `ok`
    pub status: String,
}
