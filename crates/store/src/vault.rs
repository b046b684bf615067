//! Signing secrets at rest: AES-256-GCM under the master key.
//!
//! Promise: what is sealed opens only under the same key and for the same owner and id, so that a row copied to another
//! organization or endpoint is worth nothing. Nonces are random: at 2^32 secrets they would need a new key, a server makes
//! a handful.
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use postsync_core::Secret;
use postsync_core::ids::SecretId;
use postsync_core::rotation::SecretOwner;
use postsync_engine::ports::StoreError;

use crate::MasterKey;

/// What the check row seals.
const CHECK: &[u8] = b"postsync";

/// What the check row is bound to: no organization has this name, since it holds a zero byte.
const CHECK_BOUND: &[u8] = b"\0check";

/// Seals and opens secrets.
pub(crate) struct Vault {
    key: RandomizedNonceKey,
    key_id: String,
}

impl Vault {
    pub(crate) fn new(master: &MasterKey) -> Result<Self, StoreError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, master.bytes());
        let key = key.map_err(|_| StoreError::Key("the master key could not be used".to_owned()))?;
        Ok(Self { key, key_id: key_id(master) })
    }

    /// Which master key this is, without saying anything about it.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Nonce, ciphertext, tag.
    pub(crate) fn seal(&self, owner: &SecretOwner, id: SecretId, secret: &Secret) -> Result<Vec<u8>, StoreError> {
        self.seal_bound(&bound(owner, id), secret.expose().as_bytes())
    }

    pub(crate) fn open(
        &self,
        owner: &SecretOwner,
        id: SecretId,
        key_id: &str,
        sealed: &[u8],
    ) -> Result<Secret, StoreError> {
        let unreadable =
            |why: &str| StoreError::Key(format!("the signing secret {id} of {owner} can't be read: {why}"));
        if key_id != self.key_id {
            return Err(unreadable("it was written with another master key"));
        }
        let text = self.open_bound(&bound(owner, id), sealed).ok_or_else(|| unreadable("its row was changed"))?;
        let text = String::from_utf8(text).map_err(|_| unreadable("it is not text"))?;
        Secret::new(text).map_err(|error| unreadable(&error.to_string()))
    }

    /// A row by which a later start knows the key again.
    pub(crate) fn seal_check(&self) -> Result<Vec<u8>, StoreError> {
        self.seal_bound(CHECK_BOUND, CHECK)
    }

    pub(crate) fn check_opens(&self, sealed: &[u8]) -> bool {
        self.open_bound(CHECK_BOUND, sealed).is_some_and(|text| text == CHECK)
    }

    /// Seals under this key what another one has sealed. `None`: that one does not open it.
    pub(crate) fn take_over(&self, from: &Self, bound: &[u8], sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        from.open_bound(bound, sealed).map(|text| self.seal_bound(bound, &text)).transpose()
    }

    pub(crate) fn seal_bound(&self, bound: &[u8], text: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut text = text.to_vec();
        let nonce = self.key.seal_in_place_append_tag(Aad::from(bound), &mut text);
        let nonce = nonce.map_err(|_| StoreError::Key("a secret could not be encrypted".to_owned()))?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    pub(crate) fn open_bound(&self, bound: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        self.key.open_in_place(nonce, Aad::from(bound), &mut rest).ok().map(|text| text.to_vec())
    }
}

/// The first 8 bytes of the key's SHA-256, in hex.
pub(crate) fn key_id(master: &MasterKey) -> String {
    hex::encode(&digest(&SHA256, master.bytes()).as_ref()[..8])
}

/// What a secret is bound to. The id has a fixed length, and no organization's id holds a zero byte: no part can run into
/// another.
pub(crate) fn bound(owner: &SecretOwner, id: SecretId) -> Vec<u8> {
    let mut bound = [&id.0.to_be_bytes()[..], owner.org.as_str().as_bytes()].concat();
    if let Some(endpoint) = &owner.endpoint {
        bound.push(0);
        bound.extend_from_slice(endpoint.as_str().as_bytes());
    }
    bound
}

#[cfg(test)]
mod tests {
    use postsync_core::ids::{EndpointId, OrgId};

    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(&MasterKey::generate([byte; 32])).unwrap()
    }

    #[test]
    fn opens_only_what_was_sealed_for_it() {
        let (a, b) = (vault(1), vault(2));
        let (owner, id) = (SecretOwner::org(&OrgId::new("default")), SecretId(7));
        let secret = Secret::generate([3; 32]);
        let sealed = a.seal(&owner, id, &secret).unwrap();
        assert_eq!(a.open(&owner, id, a.key_id(), &sealed), Ok(secret.clone()));
        let endpoint = SecretOwner::endpoint(&owner.org, &EndpointId::new("end_1"));
        for other in [SecretOwner::org(&OrgId::new("other")), endpoint] {
            assert!(a.open(&other, id, a.key_id(), &sealed).is_err());
        }
        assert!(a.open(&owner, SecretId(8), a.key_id(), &sealed).is_err());
        assert!(a.open(&owner, id, b.key_id(), &sealed).unwrap_err().to_string().contains("another master key"));
        assert!(b.open(&owner, id, b.key_id(), &sealed).is_err());
        assert!(a.open(&owner, id, a.key_id(), &sealed[..5]).is_err());
        let mut changed = sealed;
        *changed.last_mut().unwrap() ^= 1;
        assert!(a.open(&owner, id, a.key_id(), &changed).is_err());
    }

    #[test]
    fn the_clear_text_is_not_in_what_is_kept_and_nonces_differ() {
        let (vault, secret) = (vault(1), Secret::new("whsec_8f14e45fceea167a5a36dedd4bea2543").unwrap());
        let seal = || vault.seal(&SecretOwner::org(&OrgId::new("default")), SecretId(7), &secret).unwrap();
        let (first, second) = (seal(), seal());
        assert_ne!(first[..NONCE_LEN], second[..NONCE_LEN]);
        assert!(!first.windows(8).any(|w| w == b"8f14e45f"));
        assert_eq!(first.len(), NONCE_LEN + secret.expose().len() + 16);
    }

    #[test]
    fn the_check_row_tells_the_key() {
        let sealed = vault(1).seal_check().unwrap();
        assert!(vault(1).check_opens(&sealed) && !vault(2).check_opens(&sealed));
        assert_eq!(vault(1).key_id().len(), 16);
    }
}
