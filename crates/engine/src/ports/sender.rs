//! Outgoing HTTP: one POST of a webhook, one fetch of an input.
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use postsync_core::asset::AssetKind;
use postsync_core::endpoint::CustomHeaders;
use postsync_core::event::EventType;
use postsync_core::ids::{DeliveryId, EventId};
use postsync_core::outcome::{Outcome, SendError, SendReport};
use postsync_core::rotation::Signing;
use postsync_core::time::Timestamp;

/// One attempt, ready to be signed and sent.
#[derive(Clone, Debug)]
pub struct Post {
    /// Goes out as `Postsync-Delivery`.
    pub delivery: DeliveryId,
    /// Goes out as `webhook-id`.
    pub event: EventId,
    /// Goes out as `Postsync-Event`.
    pub kind: EventType,
    /// Goes out as `Postsync-Attempt`; from 1.
    pub attempt: u32,
    /// Goes out as `Postsync-Replay: true` where it is.
    pub is_replay: bool,
    /// Where to, in full.
    pub url: String,
    /// The frozen bytes: sent as they are, signed as they are.
    pub body: Bytes,
    /// What signs them. Ask [`Signing::signers`] with `at`.
    pub signing: Arc<Signing>,
    /// What the endpoint's owner adds. Secrets: shown to nobody.
    pub custom_headers: CustomHeaders,
    /// The `t` of the signature: the time of this attempt.
    pub at: Timestamp,
    /// For head and body of the answer together.
    pub timeout: Duration,
    /// Told what the head of the answer says, as soon as it is complete.
    pub heard: Heard,
}

/// What an answer's head says. It decides, whatever becomes of the body behind it: also where a stop cuts that.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<OnceLock<Outcome>>);

impl Heard {
    /// The head is complete. Only the first counts: there is one head.
    pub fn tell(&self, outcome: Outcome) {
        let _ = self.0.set(outcome);
    }

    /// What it says; `None` as long as none has come.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.0.get().copied()
    }
}

/// Sends webhooks. Never errs: whatever happens is a report. Dropping the future cuts the attempt; what was heard of its answer by
/// then stands in [`Post::heard`].
#[async_trait]
pub trait Sender: Send + Sync {
    /// Signs and POSTs once. Bounded: resolves by its phase deadlines at the latest.
    async fn send(&self, post: Post) -> SendReport;
}

/// One file to be fetched.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// Judged by the egress rules, on every hop.
    pub url: String,
    /// Where the bytes go; made anew, removed again on failure.
    pub to: PathBuf,
    /// More than this is refused.
    pub bytes_max: u64,
    /// Whose word the URL is.
    pub trust: Trust,
    /// By its first bytes it must be that; `None`: whatever it is.
    pub kind: Option<AssetKind>,
}

/// Whose word a URL is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A client's, or anybody's.
    Anybody,
    /// A server's that the operator has configured: where it leads to that server itself, its address need not be public.
    Configured,
}

/// What was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// How many bytes stand in the file.
    pub bytes: u64,
}

/// Why a file could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    /// What the caller can do about it.
    pub failure: FetchFailure,
    /// An ASCII sentence for the user.
    pub message: String,
}

/// The kinds of failed fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchFailure {
    /// The other side, or the way there: the user's to mend.
    Remote(SendError),
    /// It answered with that status, and 200 was hoped for.
    Answered(u16),
    /// It is not of the kind that was asked for.
    OfAnotherKind,
    /// Over `bytes_max`.
    TooLarge,
    /// Our disk: the operator's to mend.
    Storage,
}

/// Fetches media to a file.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// GETs `request.url` into `request.to`, following at most three redirects.
    ///
    /// # Errors
    /// See [`FetchError`].
    async fn fetch(&self, request: FetchRequest) -> Result<Fetched, FetchError>;
}
