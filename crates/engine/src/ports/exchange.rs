//! Requests to servers that the operator has configured: one request, one bounded answer.
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use postsync_core::outcome::{RetryAfter, SendError};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// DELETE
    Delete,
}

/// A part of a request's body, in the order in which it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Bytes),
    /// A file's, as many as it has when the request begins; read while they are sent.
    File(PathBuf),
}

/// One request.
#[derive(Clone, Debug)]
pub struct ExchangeRequest {
    /// What is done.
    pub method: Method,
    /// Where to. Addresses that are not public are dialled for configured servers only.
    pub url: String,
    /// Names in lower case. `Host`, `User-Agent` and the length of the body are added. Never logged: keys are among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: Vec<Piece>,
    /// For head and body of the answer together, from when the request is out.
    pub timeout: Duration,
    /// A longer answer is [`ExchangeFailure::TooLarge`].
    pub answer_bytes_max: usize,
}

/// What came back, whatever its status is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeAnswer {
    /// 200 to 599.
    pub status: u16,
    /// What it asked for.
    pub retry_after: Option<RetryAfter>,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExchangeError {
    /// What the caller can do about it.
    pub failure: ExchangeFailure,
    /// An ASCII sentence.
    pub message: String,
}

/// The kinds of requests without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeFailure {
    /// The other side, or the way there. It may have been received.
    Remote(SendError),
    /// The answer is longer than was asked for.
    TooLarge,
    /// A file of the body could not be read: ours.
    Storage,
}

/// Speaks to servers that the operator has configured.
#[async_trait]
pub trait Exchange: Send + Sync {
    /// One request. Redirects are not followed. Bounded in time; dropping the future cuts it.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    async fn exchange(&self, request: ExchangeRequest) -> Result<ExchangeAnswer, ExchangeError>;
}
