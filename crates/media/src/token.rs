//! The tokens in result URLs: derived, not stored, so that they live exactly as long as the file and the key.
//!
//! A token is 122 bits of HMAC-SHA256 in the shape of a version 4 UUID, which is what Sync's own result URLs carry: code
//! that parses those parses ours.
use hmac::{Hmac, KeyInit, Mac};
use postsync_core::ids::{GenerationId, MediaId};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// Keeps these tokens apart from everything else that this key might ever sign.
const PURPOSE: &[u8] = b"postsync result token v1\0";

/// The same for texts that are given out and must come back unchanged.
const SEAL: &[u8] = b"postsync seal v1\0";

/// The key that result tokens are derived from. A new one turns every URL given out so far into a 404.
pub struct TokenKey([u8; 32]);

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

impl From<[u8; 32]> for TokenKey {
    fn from(key: [u8; 32]) -> Self {
        Self(key)
    }
}

impl TokenKey {
    /// The token of one generation's one file.
    pub(crate) fn token(&self, generation: GenerationId, media: MediaId) -> String {
        self.of(&[PURPOSE, generation.0.as_bytes(), media.0.as_bytes()])
    }

    /// The token of a text of ours.
    pub(crate) fn seal(&self, text: &str) -> String {
        self.of(&[SEAL, text.as_bytes()])
    }

    /// Whether `seal` is that one, in its one spelling. Takes the same time wherever the first difference is.
    pub(crate) fn seal_fits(&self, text: &str, seal: &str) -> bool {
        self.seal(text).as_bytes().ct_eq(seal.as_bytes()).into()
    }

    fn of(&self, parts: &[&[u8]]) -> String {
        let mut mac = self.keyed();
        parts.iter().for_each(|part| mac.update(part));
        let mac: [u8; 32] = mac.finalize().into_bytes().into();
        let mut token = [0; 16];
        token.copy_from_slice(&mac[..16]);
        uuid::Builder::from_random_bytes(token).into_uuid().hyphenated().to_string()
    }

    /// Whether `token` is that one, in its one spelling. Takes the same time wherever the first difference is.
    pub(crate) fn fits(&self, generation: GenerationId, media: MediaId, token: &str) -> bool {
        self.token(generation, media).as_bytes().ct_eq(token.as_bytes()).into()
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length; the error exists for other MACs")]
    fn keyed(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).expect("HMAC takes a key of any length")
    }
}

/// A name that nobody chose and nobody can guess.
pub(crate) fn random_name() -> String {
    Uuid::new_v4().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(n: u128) -> (GenerationId, MediaId) {
        (GenerationId(Uuid::from_u128(n)), MediaId(Uuid::from_u128(n + 1)))
    }

    #[test]
    fn a_token_fits_its_own_file_only() {
        let key = TokenKey::from([7; 32]);
        let (generation, media) = ids(1);
        let token = key.token(generation, media);
        assert!(key.fits(generation, media, &token));
        assert!(!key.fits(ids(2).0, media, &token));
        assert!(!key.fits(generation, ids(2).1, &token));
        // Swapped, the same bytes go in: the order must count.
        assert!(!key.fits(GenerationId(media.0), MediaId(generation.0), &token));
        assert!(!TokenKey::from([8; 32]).fits(generation, media, &token));
    }

    #[test]
    fn a_token_is_a_uuid_in_one_spelling() {
        let key = TokenKey::from([7; 32]);
        let (generation, media) = ids(1);
        let token = key.token(generation, media);
        let uuid = Uuid::try_parse(&token).unwrap();
        assert_eq!(uuid.get_version_num(), 4);
        for other in
            [uuid.simple().to_string(), token.to_uppercase(), format!(" {token}"), token[..35].into(), "".into()]
        {
            assert!(other != token && !key.fits(generation, media, &other), "{other}");
        }
    }

    #[test]
    fn a_seal_fits_its_own_text_only() {
        let key = TokenKey::from([7; 32]);
        let seal = key.seal("a text");
        assert!(key.seal_fits("a text", &seal));
        assert!(
            !key.seal_fits("a Text", &seal)
                && !key.seal_fits("a text", "")
                && !key.seal_fits("a text", &seal.to_uppercase())
        );
        assert!(!TokenKey::from([8; 32]).seal_fits("a text", &seal));
        // A result's token vouches for no text, however it is put together.
        let (generation, media) = ids(1);
        assert!(!key.seal_fits(&format!("{}{}", generation.0, media.0), &key.token(generation, media)));
    }

    #[test]
    fn a_key_does_not_print_itself() {
        assert_eq!(format!("{:?}", TokenKey::from([7; 32])), "TokenKey(..)");
    }
}
