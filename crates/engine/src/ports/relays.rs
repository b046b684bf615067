//! What is remembered of generations that an upstream makes, and how the upstream is spoken to.
use std::path::PathBuf;

use async_trait::async_trait;
use postsync_core::generation::{Failure, Request};
use postsync_core::ids::GenerationId;
use postsync_core::relay::{Relay, Trouble, UpstreamId};

use super::store::StoreError;

/// The part of the store that relays need. What is written is [`RelayChange`](postsync_core::relay::RelayChange).
#[async_trait]
pub trait RelayStore: Send + Sync {
    /// What is on record of a generation that is handed on; `None` where handing on has not begun.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn relay(&self, id: GenerationId) -> Result<Option<Relay>, StoreError>;
}

/// A generation as it is submitted to an upstream.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Goes out as the idempotency key.
    pub id: GenerationId,
    /// As the client wrote it, canonical, but that an asset which is a URL is named by that.
    pub request: Request,
    /// For each item of `request.input`, in its order, its file where it lies with us.
    pub files: Vec<Option<PathBuf>>,
    /// Where the upstream may tell us that it is done.
    pub webhook_url: Option<String>,
}

/// How a generation stands at the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is waiting or at work there.
    Working,
    /// It is done.
    Completed {
        /// Where the video is.
        url: String,
        /// How long it is, where the upstream says it.
        duration_ms: Option<u64>,
    },
    /// It has failed there.
    Failed(Failure),
}

/// A server that makes generations for us. An adapter knows its words; when to ask, and what to make of it, is the engine's.
#[async_trait]
pub trait Upstream: Send + Sync {
    /// Hands it a generation. The same `submission.id` gives the same generation there, however often it is submitted.
    ///
    /// # Errors
    /// See [`Trouble`].
    async fn submit(&self, submission: &Submission) -> Result<UpstreamId, Trouble>;

    /// How it stands there.
    ///
    /// # Errors
    /// See [`Trouble`].
    async fn look(&self, id: &UpstreamId) -> Result<Seen, Trouble>;

    /// Has it stop with that one. `Ok` also where it has ended there.
    ///
    /// # Errors
    /// See [`Trouble`]; `Unknown` where it offers no cancel.
    async fn cancel(&self, id: &UpstreamId) -> Result<(), Trouble>;
}
