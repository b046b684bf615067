//! An upstream that speaks Sync's v2 API: Sync's cloud, or another postsync. Its words on the wire, and nothing else: when it is
//! asked, and what becomes of the answer, is the engine's (`postsync_engine::Relays`).
//!
//! Promise: the same submission is the same request, byte for byte, so that the upstream can tell a repeated one
//! by its idempotency key. Files are read while they are sent. What the upstream says is read within bounds and never trusted to
//! be of any shape.
mod answer;
mod form;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use postsync_core::error_code::{GENERATION_INFRA_STORAGE_ERROR, GENERATION_PIPELINE_FAILED};
use postsync_core::generation::Failure;
use postsync_core::outcome::SendError;
use postsync_core::relay::{Asked, Trouble, UpstreamId};
use postsync_engine::ports::{
    Exchange, ExchangeAnswer, ExchangeError, ExchangeFailure, ExchangeRequest, Method, Piece, Seen, Submission,
    Upstream,
};

/// For head and body of an answer together. A create of Sync's answers in seconds; an upload is checked first.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A generation echoes its options, which may be a megabyte here.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Which upstream.
#[derive(Clone)]
pub struct SyncSettings {
    /// `https://api.sync.so`; a path in front of `/v2` is fine.
    pub base_url: String,
    /// Goes out as `x-api-key`.
    pub api_key: String,
}

/// An upstream that speaks Sync's v2 API.
pub struct SyncUpstream {
    settings: SyncSettings,
    exchange: Arc<dyn Exchange>,
}

impl SyncUpstream {
    /// That upstream, spoken to through `exchange`.
    #[must_use]
    pub fn new(mut settings: SyncSettings, exchange: Arc<dyn Exchange>) -> Self {
        settings.base_url.truncate(settings.base_url.trim_end_matches('/').len());
        Self { settings, exchange }
    }

    fn request(&self, method: Method, path: &str, body: Vec<Piece>) -> ExchangeRequest {
        ExchangeRequest {
            method,
            url: format!("{}{path}", self.settings.base_url),
            headers: vec![("x-api-key", self.settings.api_key.clone()), ("accept", "application/json".to_owned())],
            body,
            timeout: ANSWER_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
        }
    }

    async fn ask(&self, request: ExchangeRequest) -> Result<ExchangeAnswer, Trouble> {
        self.exchange.exchange(request).await.map_err(unanswered)
    }
}

#[async_trait]
impl Upstream for SyncUpstream {
    async fn submit(&self, submission: &Submission) -> Result<UpstreamId, Trouble> {
        let form::Body { content_type, pieces } = form::body(submission).map_err(Trouble::Refused)?;
        let mut request = self.request(Method::Post, "/v2/generate", pieces);
        request.headers.push(("content-type", content_type));
        request.headers.push(("idempotency-key", submission.id.to_string()));
        answer::submitted(&self.ask(request).await?)
    }

    async fn look(&self, id: &UpstreamId) -> Result<Seen, Trouble> {
        let request = self.request(Method::Get, &format!("/v2/generate/{}", id.as_str()), Vec::new());
        answer::seen(&self.ask(request).await?, Asked::Look)
    }

    /// Sync's cloud has no such thing; another postsync has.
    async fn cancel(&self, id: &UpstreamId) -> Result<(), Trouble> {
        let request =
            self.request(Method::Post, &format!("/postsync/v1/generations/{}/cancel", id.as_str()), Vec::new());
        answer::canceled(&self.ask(request).await?)
    }
}

fn unanswered(error: ExchangeError) -> Trouble {
    match error.failure {
        ExchangeFailure::Remote(SendError::AddressNotAllowed | SendError::Unsendable) => {
            let why =
                format!("The upstream can't be asked: {}; the operator of this server must see to it.", error.message);
            Trouble::Operators(Failure::new(GENERATION_PIPELINE_FAILED, &why))
        }
        ExchangeFailure::Remote(_) => Trouble::Passing { why: error.message, retry_after: None },
        ExchangeFailure::TooLarge => Trouble::Garbled(error.message),
        ExchangeFailure::Storage => Trouble::Refused(Failure::of(GENERATION_INFRA_STORAGE_ERROR)),
    }
}

/// Frozen text as a piece.
fn text(text: impl Into<Bytes>) -> Piece {
    Piece::Bytes(text.into())
}

#[cfg(test)]
mod tests;
