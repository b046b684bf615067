//! An extractor for axum (feature `axum`): a handler that takes a [`Webhook`] runs only for one that is genuine and of now.
//!
//! ```
//! use axum::{Router, http::StatusCode, routing::post};
//! use postsync_webhook::axum::{Verifier, Webhook};
//!
//! async fn receive(webhook: Webhook) -> StatusCode {
//!     println!("{:?}: {} bytes", webhook.event_id, webhook.body.len());
//!     StatusCode::OK
//! }
//!
//! let verifier = Verifier::parse("whsec_8f14e45fceea167a5a36dedd4bea2543").expect("a signing secret");
//! let app: Router = Router::new().route("/webhook", post(receive)).with_state(verifier);
//! ```
//!
//! Where the state is one of your own, it gives the [`Verifier`] out through `FromRef`. What is refused is answered with a plain 400; take
//! `Result<Webhook, Refused>` to log the cause, which is nothing for the sender.
//!
//! Owns reading the request, the clock and the answer of a refusal. What is genuine, [`crate::verify`] says: `Sync-Signature` is checked,
//! under any of the secrets. The body is bounded by axum's own limit (2 MB, `DefaultBodyLimit` changes it): a webhook is under 100 kB.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum_core::extract::rejection::BytesRejection;
use axum_core::extract::{FromRef, FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::error::VerifyError;
use crate::secret::{Secret, SecretError};
use crate::sign::{SYNC_SIGNATURE, WEBHOOK_ID};
use crate::verify::{TOLERANCE_DEFAULT, Verified, verify_sync};

/// What webhooks are checked with; it belongs into the router's state. Clones share the secrets.
#[derive(Clone, Debug)]
pub struct Verifier {
    secrets: Arc<[Secret]>,
    tolerance: Duration,
}

impl Verifier {
    /// With these secrets, any of which may have signed, and a tolerance of [`TOLERANCE_DEFAULT`].
    #[must_use]
    pub fn new(secrets: Vec<Secret>) -> Self {
        Self { secrets: secrets.into(), tolerance: TOLERANCE_DEFAULT }
    }

    /// With the secrets of a text, such as that of an environment variable: one, or several with commas between them.
    ///
    /// # Errors
    ///
    /// One of them can't be a signing secret.
    pub fn parse(secrets: &str) -> Result<Self, SecretError> {
        Ok(Self::new(secrets.split(',').map(Secret::new).collect::<Result<_, _>>()?))
    }

    /// The same with another tolerance: how far a webhook's time may be from this machine's clock.
    #[must_use]
    pub fn with_tolerance(self, tolerance: Duration) -> Self {
        Self { tolerance, ..self }
    }
}

/// A webhook that is genuine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Webhook {
    /// The event, `Webhook-Id`: the same in every attempt. `None` where the sender's secret is not one of Standard Webhooks.
    pub event_id: Option<String>,
    /// `Postsync-Event`, such as `generation.completed`.
    pub event: Option<String>,
    /// `Postsync-Attempt`, from 1.
    pub attempt: Option<u32>,
    /// The bytes that were signed.
    pub body: Bytes,
    /// When they were, and with which of the secrets.
    pub verified: Verified,
}

/// Why a request is not taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refused {
    /// It is not genuine, or not of now.
    NotVerified(VerifyError),
    /// Its body is too large, or did not arrive whole.
    Body(BytesRejection),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotVerified(error) => error.fmt(f),
            Self::Body(error) => write!(f, "The body could not be read: {}.", error.body_text()),
        }
    }
}

impl std::error::Error for Refused {}

impl IntoResponse for Refused {
    /// The sender learns no more than that its webhook is refused: the cause would help whoever guesses.
    fn into_response(self) -> Response {
        match self {
            Self::NotVerified(_) => (StatusCode::BAD_REQUEST, "Invalid signature").into_response(),
            Self::Body(error) => error.into_response(),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Webhook
where
    Verifier: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await.map_err(Refused::Body)?;
        let Verifier { secrets, tolerance } = Verifier::from_ref(state);
        let signature = headers.get(SYNC_SIGNATURE).map(http::HeaderValue::as_bytes);
        let verified =
            verify_sync(signature, &body, &secrets, now_unix_s(), tolerance).map_err(Refused::NotVerified)?;
        Ok(Self {
            event_id: text(&headers, WEBHOOK_ID),
            event: text(&headers, "postsync-event"),
            attempt: text(&headers, "postsync-attempt").and_then(|attempt| attempt.parse().ok()),
            body,
            verified,
        })
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// A clock before 1970 is one that was never set: nothing is of now then.
fn now_unix_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs().cast_signed())
}
