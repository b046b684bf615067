//! Who calls: a key's text becomes an organization and its scopes.
//!
//! Keys are looked up by their SHA-256 and remembered for a second, so that polling clients cost no query each time and a
//! revoked key stops working within that second. A key's text is never stored, logged or shown.
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use postsync_core::access::{Scope, Scopes, key_hash};
use postsync_core::ids::OrgId;
use postsync_core::time::Timestamp;

use crate::error::ApiError;
use crate::state::ApiState;

/// How long a key is believed without looking: what `keys revoke` does is honoured within it.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Keys remembered at once. Only keys that work are, so strangers can't fill it.
const REMEMBERED_MAX: usize = 4_096;

/// A caller whose key has the scope `read`.
pub(crate) struct Reader(pub(crate) OrgId);

/// A caller whose key has the scope `generate`.
pub(crate) struct Creator(pub(crate) OrgId);

/// A caller whose key has the scope `admin`.
pub(crate) struct Admin(pub(crate) OrgId);

impl FromRequestParts<ApiState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        authenticate(state, &parts.headers, Scope::Admin).await.map(Self)
    }
}

/// A reader who stays for longer than a key is believed: ask again before something is told.
pub(crate) struct Staying {
    pub(crate) org: OrgId,
    key: [u8; 32],
}

impl Staying {
    /// Whether the key still works.
    pub(crate) async fn may_stay(&self, state: &ApiState) -> Result<(), ApiError> {
        allowed(state, self.key, Scope::Read).await.map(|_| ())
    }
}

impl FromRequestParts<ApiState> for Staying {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let key = key_hash(key_of(&parts.headers)?);
        Ok(Self { org: allowed(state, key, Scope::Read).await?, key })
    }
}

impl FromRequestParts<ApiState> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        authenticate(state, &parts.headers, Scope::Read).await.map(Self)
    }
}

impl FromRequestParts<ApiState> for Creator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        authenticate(state, &parts.headers, Scope::Generate).await.map(Self)
    }
}

/// The organization of the request's key, if it may do what wants `scope`.
pub(crate) async fn authenticate(state: &ApiState, headers: &HeaderMap, scope: Scope) -> Result<OrgId, ApiError> {
    allowed(state, key_hash(key_of(headers)?), scope).await
}

async fn allowed(state: &ApiState, hash: [u8; 32], scope: Scope) -> Result<OrgId, ApiError> {
    let now = state.engine.now();
    let known = match state.keys.get(&hash, now) {
        Some(known) => known,
        None => look_up(state, hash, now).await?,
    };
    if known.scopes.allow(scope) { Ok(known.org) } else { Err(ApiError::forbidden(scope)) }
}

/// `x-api-key`, or a bearer token, which some users send by mistake and Sync's own clients for agents on purpose.
fn key_of(headers: &HeaderMap) -> Result<&str, ApiError> {
    let own = headers.get("x-api-key").filter(|value| !value.is_empty());
    let value = own.or_else(|| headers.get(AUTHORIZATION)).ok_or(ApiError::NoKey)?;
    let text = value.to_str().map_err(|_| ApiError::BadKey)?.trim();
    if own.is_some() {
        return Ok(text);
    }
    let (kind, key) = text.split_once(' ').ok_or(ApiError::BadKey)?;
    if kind.eq_ignore_ascii_case("bearer") { Ok(key.trim()) } else { Err(ApiError::BadKey) }
}

async fn look_up(state: &ApiState, hash: [u8; 32], now: Timestamp) -> Result<Known, ApiError> {
    let key = state.engine.store().key_by_hash(hash).await?;
    let key = key.filter(|key| key.revoked_at.is_none()).ok_or(ApiError::BadKey)?;
    let known = Known { org: key.org, scopes: key.scopes, at: now };
    state.keys.remember(hash, known.clone());
    Ok(known)
}

#[derive(Clone)]
struct Known {
    org: OrgId,
    scopes: Scopes,
    at: Timestamp,
}

impl Known {
    /// A clock that stepped back makes it old too: believing a key for hours would be the worse fault.
    fn is_fresh(&self, now: Timestamp) -> bool {
        now >= self.at && now.since(self.at) < REMEMBERED
    }
}

/// The keys of the last second.
#[derive(Default)]
pub(crate) struct KeyCache {
    known: Mutex<HashMap<[u8; 32], Known>>,
}

impl KeyCache {
    fn get(&self, hash: &[u8; 32], now: Timestamp) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).filter(|known| known.is_fresh(now)).cloned()
    }

    fn remember(&self, hash: [u8; 32], new: Known) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.retain(|_, old| old.is_fresh(new.at));
        }
        if known.len() < REMEMBERED_MAX {
            known.insert(hash, new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(at: i64) -> Known {
        Known { org: OrgId::new("default"), scopes: Scopes::new(&[Scope::Read]), at: Timestamp(at) }
    }

    #[test]
    fn a_key_is_believed_for_a_second_and_not_before_it_was_seen() {
        let cache = KeyCache::default();
        cache.remember([1; 32], known(10_000));
        for (now, fresh) in [(10_000, true), (10_999, true), (11_000, false), (9_999, false)] {
            assert_eq!(cache.get(&[1; 32], Timestamp(now)).is_some(), fresh, "{now}");
        }
        assert!(cache.get(&[2; 32], Timestamp(10_000)).is_none());
    }

    #[test]
    fn it_is_bounded_and_makes_room_for_the_living() {
        let cache = KeyCache::default();
        let hash = |n: usize| key_hash(&n.to_string());
        (0..REMEMBERED_MAX).for_each(|n| cache.remember(hash(n), known(0)));
        cache.remember(hash(REMEMBERED_MAX), known(500));
        assert!(cache.get(&hash(REMEMBERED_MAX), Timestamp(500)).is_none(), "all of this second's places are taken");
        cache.remember(hash(REMEMBERED_MAX), known(5_000));
        assert!(cache.get(&hash(REMEMBERED_MAX), Timestamp(5_000)).is_some());
        assert_eq!(cache.known.lock().unwrap().len(), 1);
    }
}
