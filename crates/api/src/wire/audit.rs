//! Who asked for each generation, as `/postsync/v1/audit` shows it.
use postsync_core::audit::{AuditEntry, AuditInput};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is on record of one generation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditItem {
    /// The generation, which may be deleted by now.
    pub generation_id: String,
    /// When it was accepted.
    pub created_at: String,
    /// The API key that asked for it.
    pub key_id: Option<String>,
    /// Where the request came from, as the server saw it: behind a proxy, the proxy's address.
    pub address: Option<String>,
    /// The model that was asked for.
    pub model: String,
    /// What it was made from, in the order of `input`.
    pub inputs: Vec<AuditInputItem>,
}

/// One input.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditInputItem {
    /// video, image, audio or text.
    #[serde(rename = "type")]
    pub kind: String,
    /// The asset; an upload that came with the request is one too.
    pub asset_id: Option<String>,
    /// SHA-256 of the asset's bytes, of those that were given to this server, or of the words that were to be spoken; in hex.
    pub sha256: Option<String>,
    /// Where its bytes are, without the query.
    pub url: Option<String>,
}

/// A page of the audit, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditPage {
    /// One for each generation.
    pub items: Vec<AuditItem>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

impl From<&AuditEntry> for AuditItem {
    fn from(entry: &AuditEntry) -> Self {
        Self {
            generation_id: entry.generation.to_string(),
            created_at: entry.at().to_string(),
            key_id: entry.caller.key.map(|key| key.to_string()),
            address: entry.caller.address.map(|address| address.to_string()),
            model: entry.model.clone(),
            inputs: entry.inputs.iter().map(AuditInputItem::from).collect(),
        }
    }
}

impl From<&AuditInput> for AuditInputItem {
    fn from(input: &AuditInput) -> Self {
        Self {
            kind: input.kind.as_str().to_owned(),
            asset_id: input.asset.map(|id| id.to_string()),
            sha256: input.sha256.map(hex::encode),
            url: input.url.clone(),
        }
    }
}
