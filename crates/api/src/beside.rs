//! What is served beside the API, and what that needs of it: who holds a key, how often a sign-in may fail, a create.
//!
//! Promise: a key means the same to the pages as to the API: it is looked up in one place, its failed sign-ins are counted in one
//! place, and a create goes through the same limits and the same judgement.
//!
//! Deliberately absent: sessions and pages. Whoever calls this has settled who asks.
use std::net::IpAddr;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use postsync_core::access::Scopes;
use postsync_core::audit::Caller;
use postsync_core::ids::{KeyId, OrgId};

use crate::auth;
use crate::error::ApiError;
use crate::limits::Peer;
use crate::routes;
use crate::state::ApiState;

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

impl ApiState {
    /// Who holds the key with that hash; `None` where it does not work.
    ///
    /// # Errors
    /// A sentence for people: the store can't be read.
    pub async fn key_holder(&self, hash: [u8; 32]) -> Result<Option<KeyHolder>, String> {
        match auth::holder(self, hash).await {
            Ok(holder) => Ok(Some(holder)),
            Err(ApiError::NoKey | ApiError::BadKey) => Ok(None),
            Err(error) => Err(error.body(None)),
        }
    }

    /// Counts a sign-in that has failed.
    ///
    /// # Errors
    /// There were too many from there; for so many seconds.
    pub fn count_failed_sign_in(&self, from: IpAddr) -> Result<(), u32> {
        self.limits.count_refused(from)
    }

    /// `POST /v2/generate` by the holder of that key, whatever the request says of keys. Its scopes are judged here.
    pub async fn create_as(&self, hash: [u8; 32], request: Request) -> Response {
        let from = request.extensions().get().map(|Peer(from)| from.to_canonical());
        let generating = auth::generating(self, hash, |key| Caller { key: Some(key), address: from }).await;
        let answer = match generating {
            Ok(generating) => routes::create_generation_by(self, generating, request).await,
            Err(error) => Err(error),
        };
        answer.unwrap_or_else(|error| error.into_response())
    }
}
