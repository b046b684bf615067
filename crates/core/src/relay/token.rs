//! The token in the URL that an upstream tells us by: derived, not stored, so that a submit that is made again after a crash
//! says the same URL, byte for byte, and is not another payload under the same key.
use std::time::Duration;

use postsync_webhook::{Secret, sign_sync, verify_sync};

use crate::ids::GenerationId;

/// Keeps these tokens apart from everything else that this key signs.
const PURPOSE: &[u8] = b"postsync upstream token v1\0";

/// 256 bits in lower-case hex.
pub const TOKEN_CHARS: usize = 64;

/// The key that the tokens are derived from.
#[derive(Clone)]
pub struct DoorKey(Secret);

impl std::fmt::Debug for DoorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DoorKey(..)")
    }
}

impl DoorKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Secret::generate(bytes))
    }

    /// The token of one generation.
    #[must_use]
    pub fn token(&self, generation: GenerationId) -> String {
        let signed = sign_sync(&self.0, 0, &message(generation));
        signed.rsplit('=').next().unwrap_or_default().to_owned()
    }

    /// Whether `token` is that one. Takes the same time wherever the first difference is.
    #[must_use]
    pub fn fits(&self, generation: GenerationId, token: &str) -> bool {
        let header = format!("t=0,v1={token}");
        let secrets = std::slice::from_ref(&self.0);
        token.len() == TOKEN_CHARS
            && verify_sync(Some(header.as_bytes()), &message(generation), secrets, 0, Duration::MAX).is_ok()
    }
}

fn message(generation: GenerationId) -> Vec<u8> {
    [PURPOSE, generation.0.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_token_opens_its_own_door_only() {
        let (key, other) = (DoorKey::new([7; 32]), DoorKey::new([8; 32]));
        let [one, two] = [1, 2].map(|n| GenerationId(Uuid::from_u128(n)));
        let token = key.token(one);
        assert_eq!((token.len(), key.token(one)), (TOKEN_CHARS, token.clone()));
        assert!(key.fits(one, &token) && !key.fits(two, &token) && !other.fits(one, &token));
        for wrong in ["", "x", &token[1..], &token.to_uppercase(), &format!("{token},v1={token}")] {
            assert!(!key.fits(one, wrong), "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "DoorKey(..)");
    }
}
