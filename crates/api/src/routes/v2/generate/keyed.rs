//! `Idempotency-Key` on a create, also of a batch or an asset: read, and answered where it was used before.
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use postsync_core::error_code;
use postsync_core::generation::{Generation, wire};
use postsync_core::idempotency::{Fingerprint, IdempotencyKey};
use postsync_core::ids::OrgId;
use postsync_engine::{Begun, Keyed};

use crate::error::ApiError;
use crate::json;
use crate::state::ApiState;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(in crate::routes::v2) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How a create begins.
pub(in crate::routes::v2) enum Beginning<Made> {
    /// It is to be judged and submitted; with its turn, where it has a key.
    First(Option<Keyed>),
    /// It was taken before.
    Before(Box<Made>),
}

impl<Made> From<Begun<Made>> for Beginning<Made> {
    fn from(begun: Begun<Made>) -> Self {
        match begun {
            Begun::First(keyed) => Self::First(Some(keyed)),
            Begun::Before(made) => Self::Before(made),
        }
    }
}

/// The key of a request, if it has one: exactly one header.
pub(in crate::routes::v2) fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = headers.get_all(KEY).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let key = first.to_str().ok().and_then(IdempotencyKey::parse).filter(|_| values.next().is_none());
    match key {
        Some(key) => Ok(Some(key)),
        None => Err(ApiError::of(error_code::INVALID_IDEMPOTENCY_KEY).with_field("Idempotency-Key")),
    }
}

/// Waits for the turn of this create, if it has a key.
pub(super) async fn begin(
    state: &ApiState,
    org: &OrgId,
    key: Option<IdempotencyKey>,
    fingerprint: Option<Fingerprint>,
) -> Result<Beginning<Generation>, ApiError> {
    let (Some(key), Some(fingerprint)) = (key, fingerprint) else { return Ok(Beginning::First(None)) };
    Ok(state.engine.begin_keyed(org, key, fingerprint).await?.into())
}

/// The generation as it is now.
pub(super) fn replayed(generation: &Generation) -> Response {
    again(json::answer(StatusCode::CREATED, wire(generation)))
}

/// The answer to a create that was taken before.
pub(in crate::routes::v2) fn again(mut response: Response) -> Response {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
