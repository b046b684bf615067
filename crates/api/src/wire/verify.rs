//! The check of a signature on the wire.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What came to a receiver.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifyWebhook {
    /// The value of `Sync-Signature` as it came. An empty one is a missing header.
    pub signature: String,
    /// The body as it came, as a string.
    pub body: String,
    /// The secret that the receiver has, `whsec_...`; several, separated by commas, while one is changed. Without it the
    /// organization's and those of its endpoints are tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// How old the signature may be, such as `5m`, the default; `none` checks no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<String>,
    /// The event's id (the webhook-id header): the body is compared with the bytes on record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

/// Whether the signature is right.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct VerifiedWebhook {
    /// Whether it is right and of now.
    pub verified: bool,
    /// What is wrong and how to mend it, in one line. It holds no secret.
    pub message: String,
}
