//! All secrets of an organization by name, for `verify`: its own and those of its registered endpoints.
use postsync_core::ids::OrgId;
use postsync_core::known::KnownSecrets;
use postsync_core::rotation::SecretOwner;
use postsync_core::time::Timestamp;

use crate::ports::{Store, StoreError};

/// An organization's secrets by name; none is made. They are as few as its endpoints, see
/// [`ENDPOINTS_MAX`](postsync_core::limits::ENDPOINTS_MAX).
///
/// # Errors
/// What the store says.
pub async fn known_secrets(store: &dyn Store, org: &OrgId, now: Timestamp) -> Result<KnownSecrets, StoreError> {
    let endpoints = store.endpoints(org).await?;
    let owners = endpoints.iter().map(|endpoint| SecretOwner::endpoint(org, &endpoint.id));
    let mut known = KnownSecrets::default();
    for owner in std::iter::once(SecretOwner::org(org)).chain(owners) {
        if let Some(signing) = store.signing(&owner).await? {
            known.add(&signing, now);
        }
    }
    Ok(known)
}
