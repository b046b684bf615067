//! Signing secrets on the wire.
use postsync_core::rotation::Signing;
use postsync_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What signs webhooks now.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretBody {
    /// Makes `Sync-Signature`, `whsec_...`.
    pub secret: String,
    /// Makes `Sync-Signature-Next`: after the switch it is `secret`.
    pub next: Option<String>,
    /// Makes `Sync-Signature-Previous`, until `expiresAt`.
    pub previous: Option<String>,
    /// stable, prepared (next signs too) or switched (previous signs too).
    pub stage: String,
    /// When previous signs no more.
    pub expires_at: Option<String>,
}

impl SecretBody {
    pub(crate) fn new(signing: &Signing, now: Timestamp) -> Self {
        let signers = signing.signers(now);
        Self {
            secret: signers.current.expose().to_owned(),
            next: signers.next.map(|next| next.expose().to_owned()),
            previous: signers.previous.map(|previous| previous.expose().to_owned()),
            stage: signing.stage(now).as_str().to_owned(),
            expires_at: signing.previous_at(now).map(|previous| previous.expires_at.to_string()),
        }
    }
}

/// What webhooks are verified with.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct WebhookSecret {
    /// Makes `Sync-Signature`, `whsec_...`.
    pub secret: String,
}

/// Whose secrets.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretOwnerBody {
    /// A registered endpoint; without it the organization's own secret is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<String>,
}

/// When the previous secret ends.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpireSecret {
    /// A registered endpoint; without it the organization's own secret is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<String>,
    /// From now on, `1h` or `0`, 7 days at most. Default: 24h.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
}

/// A secret from elsewhere.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportSecret {
    /// A registered endpoint; without it the organization's own secret is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<String>,
    /// `whsec_...`
    pub secret: String,
    /// true: it is prepared as the next one. Default: it is the current one at once, and every other ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<bool>,
}
