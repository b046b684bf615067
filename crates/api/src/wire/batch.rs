//! Sync's shapes of batches: snake case but for the two URLs. The batch itself is printed by `postsync_core::batch::wire`, so that
//! answers and webhooks are one text.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CreateGeneration;

/// Many generations that were asked for at once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchBody {
    /// UUID.
    pub id: String,
    /// ISO 8601 in UTC with milliseconds.
    pub created_at: String,
    /// `PENDING`, `JOBS_CREATED`, `PROCESSING`, `COMPLETED` or `FAILED`. The last two are final; FAILED where no row succeeded.
    pub status: String,
    /// How its rows stand.
    pub metrics: BatchMetrics,
    /// Where its own webhook goes.
    #[serde(rename = "webhookUrl")]
    pub webhook_url: Option<String>,
    /// Where its results can be fetched, without a key. Empty until it has ended.
    #[serde(rename = "outputUrl")]
    pub output_url: String,
}

/// How the rows of a batch stand, at every moment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchMetrics {
    /// All of them.
    pub total_generations: u32,
    /// Those that ended COMPLETED.
    pub success_count: u32,
    /// Those that ended FAILED.
    pub failed_count: u32,
    /// Those that have not ended.
    pub pending_count: u32,
}

/// What a create answers with: the batch, or on a dry run that it would be taken.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchValidated {
    /// `VALIDATED`
    pub status: String,
}

/// One record of a batch: one line of its file.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchRow {
    /// What the client calls it, 1 to 256 characters; another one in each record.
    #[schema(min_length = 1, max_length = 256)]
    pub request_id: String,
    /// `/v2/generate`
    pub endpoint: String,
    /// What a create of its own would send; with a webhookUrl of its own where that is wanted.
    pub payload: CreateGeneration,
}

/// A batch as JSON.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CreateBatch {
    /// Its records; 20 to 500 where the operator has set nothing else.
    pub rows: Vec<BatchRow>,
    /// Told by one signed POST when the last of its generations has ended. https. May be called `webhookUrl`, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<String>,
    /// Only judges it. May be called `dryRun`, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// The same as a form, with the records in a file.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CreateBatchForm {
    /// JSON Lines: a record on each line, up to 5 MiB. May be called `file`, too.
    #[schema(value_type = String, format = Binary)]
    pub input: String,
    /// Told by one signed POST when the last of its generations has ended. https. May be called `webhookUrl`, too.
    pub webhook_url: Option<String>,
    /// `true` or `false`: only judges it. May be called `dryRun`, too.
    pub dry_run: Option<String>,
}
