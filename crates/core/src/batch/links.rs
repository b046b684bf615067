//! Where a batch's results are: a URL that needs no key, and behind it one to the file itself that works for a while. What each
//! token is made for is one text, so that none of them opens anything else.
use crate::ids::BatchId;
use crate::time::Timestamp;

/// What the token of [`result_path`] is made for.
#[must_use]
pub fn result_grant(id: BatchId) -> String {
    format!("batch result {id}")
}

/// The path of `outputUrl`, below the public URL.
#[must_use]
pub fn result_path(id: BatchId, token: &str) -> String {
    format!("/v2/batches/{id}/result?token={token}")
}

/// What the signature of [`file_path`] is made for.
#[must_use]
pub fn file_grant(id: BatchId, until: Timestamp) -> String {
    format!("batch file {id} {}", until.0)
}

/// The path of the file, below the public URL.
#[must_use]
pub fn file_path(id: BatchId, until: Timestamp, signature: &str) -> String {
    format!("/v2/batches/{id}/result.jsonl?expires={}&signature={signature}", until.0)
}
