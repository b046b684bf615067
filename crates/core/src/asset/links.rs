//! Where an asset's files are read: URLs that need no key. What each token is made for is one text, so that none opens anything else.
use crate::ids::AssetId;

/// What the token of [`file_path`] is made for.
#[must_use]
pub fn file_grant(id: AssetId) -> String {
    format!("file {id}")
}

/// The path of its bytes, below the public URL.
#[must_use]
pub fn file_path(id: AssetId, token: &str) -> String {
    format!("/v2/assets/{id}/file?token={token}")
}
