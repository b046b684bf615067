//! Who calls: a key's text becomes an organization and its scopes.
//!
//! Keys are looked up by their SHA-256 and remembered for a second, so that polling clients cost no query each time and a
//! revoked key stops working within that second. A key's text is never stored, logged or shown. That a key was used is written
//! down at most once a minute.
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use postsync_core::access::{AccessChange, ApiKey, Scope, Scopes, USED_AGAIN_MS, key_hash};
use postsync_core::audit::Caller;
use postsync_core::change::Change;
use postsync_core::ids::{KeyId, OrgId};
use postsync_core::plan::Allowance;
use postsync_core::time::Timestamp;

use crate::asset_urls::By;
use crate::beside::KeyHolder;
use crate::error::ApiError;
use crate::limits::{Kind, Peer};
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

/// A caller whose key has the scope `generate`, and of whom is written down what it asks for.
pub(crate) struct Submitter {
    pub(crate) org: OrgId,
    pub(crate) caller: Caller,
}

/// A caller of `POST /v2/generate`, with what its organization may do.
pub(crate) struct Generating {
    pub(crate) org: OrgId,
    pub(crate) caller: Caller,
    pub(crate) allowance: Allowance,
}

/// Who may read the metrics: a reader, or everybody where that is set.
pub(crate) struct MetricsReader;

impl FromRequestParts<ApiState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        authenticate(state, parts, Scope::Admin).await.map(Self)
    }
}

impl FromRequestParts<ApiState> for MetricsReader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        if !state.settings.metrics_open {
            authenticate(state, parts, Scope::Read).await?;
        }
        Ok(Self)
    }
}

/// A caller with the scope `generate`, and the key that it has.
pub(crate) struct Uploader(pub(crate) By);

/// A reader who stays for longer than a key is believed: ask again before something is told.
pub(crate) struct Staying {
    pub(crate) org: OrgId,
    key: [u8; 32],
}

impl Staying {
    /// Whether the key still works.
    pub(crate) async fn may_stay(&self, state: &ApiState) -> Result<(), ApiError> {
        known(state, self.key).await?.allow(Scope::Read)
    }
}

impl FromRequestParts<ApiState> for Staying {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let org = authenticate(state, parts, Scope::Read).await?;
        Ok(Self { org, key: key_hash(key_of(&parts.headers)?) })
    }
}

impl FromRequestParts<ApiState> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        authenticate(state, parts, Scope::Read).await.map(Self)
    }
}

impl FromRequestParts<ApiState> for Creator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        authenticate(state, parts, Scope::Generate).await.map(Self)
    }
}

impl FromRequestParts<ApiState> for Submitter {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let known = allowed(state, parts, Scope::Generate).await?;
        Ok(Self { caller: known.caller(parts), org: known.org })
    }
}

impl FromRequestParts<ApiState> for Uploader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let known = allowed(state, parts, Scope::Generate).await?;
        Ok(Self(By { org: known.org, key: known.key }))
    }
}

impl FromRequestParts<ApiState> for Generating {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let known = signed_in(state, parts).await?;
        state.limits.take(Kind::Create, known.allowance.generate_per_minute, known.key)?;
        known.allow(Scope::Generate)?;
        Ok(Self { caller: known.caller(parts), org: known.org, allowance: known.allowance })
    }
}

/// Who holds the key with that hash.
pub(crate) async fn holder(state: &ApiState, hash: [u8; 32]) -> Result<KeyHolder, ApiError> {
    let known = known(state, hash).await?;
    Ok(KeyHolder { key: known.key, org: known.org, scopes: known.scopes })
}

/// The holder of that key as a caller of `POST /v2/generate`.
pub(crate) async fn generating(
    state: &ApiState,
    hash: [u8; 32],
    caller: impl FnOnce(KeyId) -> Caller + Send,
) -> Result<Generating, ApiError> {
    let known = known(state, hash).await?;
    state.limits.take(Kind::Create, known.allowance.generate_per_minute, known.key)?;
    known.allow(Scope::Generate)?;
    Ok(Generating { caller: caller(known.key), org: known.org, allowance: known.allowance })
}

/// The organization of the request's key, if it may do what wants `scope`, and may ask again by now.
pub(crate) async fn authenticate(state: &ApiState, parts: &Parts, scope: Scope) -> Result<OrgId, ApiError> {
    Ok(allowed(state, parts, scope).await?.org)
}

async fn allowed(state: &ApiState, parts: &Parts, scope: Scope) -> Result<Known, ApiError> {
    let known = signed_in(state, parts).await?;
    state.limits.take(Kind::Other, known.allowance.requests_per_minute, known.key)?;
    known.allow(scope)?;
    Ok(known)
}

/// Who asks. A key that works is looked at before its address is: what others try from there must not lock it out.
async fn signed_in(state: &ApiState, parts: &Parts) -> Result<Known, ApiError> {
    let known = match key_of(&parts.headers) {
        Ok(key) => known(state, key_hash(key)).await,
        Err(error) => Err(error),
    };
    if let Err(ApiError::NoKey | ApiError::BadKey) = &known
        && let Some(Peer(from)) = parts.extensions.get()
    {
        state.limits.refuse(*from)?;
    }
    known
}

async fn known(state: &ApiState, hash: [u8; 32]) -> Result<Known, ApiError> {
    let now = state.engine.now();
    match state.keys.get(&hash, now) {
        Some(known) => Ok(known),
        None => look_up(state, hash, now).await,
    }
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
    let allowance = state.engine.allowance(&key.org).await?;
    note_use(state, &key, now);
    let known = Known { key: key.id, org: key.org, scopes: key.scopes, allowance, at: now };
    state.keys.remember(hash, known.clone());
    Ok(known)
}

/// Writes down that a key was used, now and then, and keeps nobody waiting for it.
fn note_use(state: &ApiState, key: &ApiKey, now: Timestamp) {
    if key.last_used_at.is_some_and(|last| now.0.saturating_sub(last.0) < USED_AGAIN_MS) {
        return;
    }
    let (store, used) = (state.engine.store().clone(), AccessChange::Used { id: key.id, at: now });
    tokio::spawn(async move {
        // Stale: another request has just written it.
        if let Err(error) = store.apply(vec![Change::Access(used)]).await {
            tracing::debug!(%error, "a key's use was not written down");
        }
    });
}

#[derive(Clone)]
struct Known {
    key: KeyId,
    org: OrgId,
    scopes: Scopes,
    allowance: Allowance,
    at: Timestamp,
}

impl Known {
    fn allow(&self, scope: Scope) -> Result<(), ApiError> {
        if self.scopes.allow(scope) { Ok(()) } else { Err(ApiError::forbidden(scope)) }
    }

    fn caller(&self, parts: &Parts) -> Caller {
        let address = parts.extensions.get().map(|Peer(from)| from.to_canonical());
        Caller { key: Some(self.key), address }
    }

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

    /// It was revoked here: it need not be believed for the rest of its second.
    pub(crate) fn forget(&self, hash: &[u8; 32]) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
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
        let (org, scopes) = (OrgId::new("default"), Scopes::new(&[Scope::Read]));
        Known { key: KeyId(1), org, scopes, allowance: Allowance::default(), at: Timestamp(at) }
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
