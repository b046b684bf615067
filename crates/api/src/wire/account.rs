//! Whose a key is, and what has been used.
use postsync_core::plan::Allowance;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the key that asks belongs to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountBody {
    /// Its organization.
    pub organization: AccountOrganization,
    /// The organization's plan, or the server's usual one; null where there is none.
    pub plan: Option<String>,
    /// What the organization may do.
    pub limits: AccountLimits,
    /// Always null: nothing is paid here.
    pub balance: Option<f64>,
    /// `api_key`: there are no other credentials here.
    pub credential_type: String,
}

/// An organization.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AccountOrganization {
    /// As `postsync orgs list` shows it.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// Each is null where there is no limit.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountLimits {
    /// `POST /v2/generate` per minute and key.
    pub generate_per_minute: Option<u32>,
    /// Other requests per minute and key.
    pub requests_per_minute: Option<u32>,
    /// Generations PENDING or PROCESSING at once, those of batches not counted.
    pub concurrency: Option<u32>,
    /// Batches that have not ended, at once.
    pub batch_concurrency: Option<u32>,
    /// Whether it may have batches at all.
    pub batches: bool,
}

impl From<Allowance> for AccountLimits {
    fn from(allowance: Allowance) -> Self {
        let figure = |figure: u32| (figure > 0).then_some(figure);
        Self {
            generate_per_minute: figure(allowance.generate_per_minute),
            requests_per_minute: figure(allowance.requests_per_minute),
            concurrency: figure(allowance.concurrency),
            batch_concurrency: figure(allowance.batch_concurrency),
            batches: !allowance.refuses_batches,
        }
    }
}

/// A generation that has ended, and what it came to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageItem {
    /// The generation's id.
    pub generation_id: String,
    /// What it was made with.
    pub model: String,
    /// COMPLETED or FAILED.
    pub status: String,
    /// When it ended.
    pub completed_at: String,
    /// Seconds of its video; null where there is none, or where its length is not known.
    pub output_duration: Option<f64>,
    /// In dollars, at the prices that the server has now; null where the length is not known and the model has a price. What failed
    /// costs nothing.
    pub cost: Option<f64>,
}

/// A page of what has ended, the last one first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsagePage {
    /// The generations.
    pub items: Vec<UsageItem>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}
