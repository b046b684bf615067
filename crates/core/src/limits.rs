//! Every bound has a name here, or is a setting. What is counted in bytes says so.

/// A webhook's body. Express refuses more than 102,400 bytes by default, so the guide's own receiver would.
pub const WEBHOOK_BODY_BYTES_MAX: usize = 100_000;

/// What of the body `input`, `webhookUrl`, `model` and `outputFileName` may take together, which can't be dropped from a webhook.
/// The rest is left for our own fields: URLs, an error sentence.
pub const WEBHOOK_ECHO_BYTES_MAX: usize = 90_000;

/// A JSON request body (`limits.json_bytes_max`).
pub const JSON_BYTES_MAX: usize = 10 * 1024 * 1024;

/// One uploaded or fetched media file (`media.input_bytes_max`).
pub const INPUT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// An error sentence on a generation, in characters: longer ones are cut.
pub const ERROR_CHARS_MAX: usize = 1_000;

/// A URL that we store, in bytes.
pub const URL_BYTES_MAX: usize = 8_192;

/// How often a generation may kill its child, or take its server down with it, before it ends FAILED.
pub const GENERATION_TRIES_MAX: u32 = 3;

/// Interruptions of ours that cost a delivery no step. After these they do: a delivery that takes the server down
/// with it must run out of attempts one day.
pub const INTERRUPTED_FREE: u32 = 3;

/// A `Retry-After` is honoured in full up to here.
pub const RETRY_AFTER_MS_MAX: i64 = 24 * 60 * 60 * 1000;

/// Rows of a list in one answer.
pub const LIST_MAX: usize = 1_000;
