//! What the pages need of the API: both know keys by the same rules, and a create is read and judged in one place.
use std::net::IpAddr;

use async_trait::async_trait;
use axum::extract::Request;
use axum::response::Response;
use postsync_core::access::Scopes;
use postsync_core::ids::{KeyId, OrgId};

/// Who holds a key that works.
#[derive(Clone, Debug)]
pub struct KeyHolder {
    /// The key.
    pub key: KeyId,
    /// Whose it is.
    pub org: OrgId,
    /// What it may do.
    pub scopes: Scopes,
}

/// The API, as the binary hands it over: adapters never use each other.
#[async_trait]
pub trait Api: Send + Sync {
    /// Who holds the key with that hash; `None` where it does not work.
    ///
    /// # Errors
    /// Why it can't be said, for the log.
    async fn key_holder(&self, hash: [u8; 32]) -> Result<Option<KeyHolder>, String>;

    /// Counts a sign-in that has failed, together with those over the API.
    ///
    /// # Errors
    /// There were too many from there; for so many seconds.
    fn count_failed_sign_in(&self, from: IpAddr) -> Result<(), u32>;

    /// `POST /v2/generate` by the holder of that key: its scopes, its rate and its organization's places hold.
    async fn create(&self, hash: [u8; 32], request: Request) -> Response;
}
