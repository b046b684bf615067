//! The signing secret: `whsec_` and what follows, shared by both signature schemes.
//!
//! Promise: it is never printed by accident: `Debug` is masked and there is no `Display`; [`Secret::expose`] is the one way out.
//! It is kept as given, because `Sync-Signature` uses the whole string, prefix included, as its key.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use thiserror::Error;

/// What every signing secret starts with.
pub const SECRET_PREFIX: &str = "whsec_";

/// The longest secret that is taken, in bytes. Anything longer is a pasted file, not a secret.
pub const SECRET_BYTES_MAX: usize = 512;

/// The sizes of a Standard Webhooks key, in bytes, as that specification bounds them.
const STANDARD_KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A signing secret, `whsec_...`.
#[derive(Clone)]
pub struct Secret(String);

/// Why a string is not a signing secret.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretError {
    /// It does not start with `whsec_`.
    #[error("A signing secret starts with whsec_. Copy it whole, with its prefix.")]
    MissingPrefix,
    /// Nothing follows the prefix.
    #[error("Nothing follows whsec_: this is the placeholder of the guide. Put your own signing secret there.")]
    Empty,
    /// It contains a space, a line end or another invisible character.
    #[error(
        "The signing secret contains a space, a line end or another invisible character at byte {at}. Remove it; a secret read from a file often ends in a line end."
    )]
    Invisible {
        /// The offset of the character, in bytes.
        at: usize,
    },
    /// It is longer than [`SECRET_BYTES_MAX`].
    #[error(
        "The signing secret is {bytes} bytes long; at most 512 are taken. Check that it is the secret and not a file around it."
    )]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
}

impl Secret {
    /// Takes a secret as it was given out, `whsec_...`.
    ///
    /// # Errors
    ///
    /// The string can't be a signing secret; the error says why.
    pub fn new(secret: impl Into<String>) -> Result<Self, SecretError> {
        let secret = secret.into();
        let bytes = secret.len();
        if bytes > SECRET_BYTES_MAX {
            return Err(SecretError::TooLong { bytes });
        }
        let invisible = |c: char| c.is_whitespace() || c.is_control();
        if let Some(at) = secret.find(invisible) {
            return Err(SecretError::Invisible { at });
        }
        match secret.strip_prefix(SECRET_PREFIX) {
            None => Err(SecretError::MissingPrefix),
            Some("") => Err(SecretError::Empty),
            Some(_) => Ok(Self(secret)),
        }
    }

    /// Makes a new secret of 32 random bytes, which the caller draws: good for both schemes.
    #[must_use]
    pub fn generate(bytes: [u8; 32]) -> Self {
        Self(format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes)))
    }

    /// The whole secret, to store it encrypted or to show it to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The key of `Sync-Signature`: the whole string, prefix included, not decoded.
    #[must_use]
    pub fn sync_key(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The key of the Standard Webhooks headers: the part after `whsec_`, decoded from base64, if that gives 24 to 64 bytes.
    ///
    /// `None` for a secret that was made elsewhere in another form: such a secret signs `Sync-Signature` only.
    #[must_use]
    pub fn standard_key(&self) -> Option<Vec<u8>> {
        let encoded = self.0.strip_prefix(SECRET_PREFIX)?;
        let key = STANDARD.decode(encoded).ok()?;
        STANDARD_KEY_BYTES.contains(&key.len()).then_some(key)
    }

    /// The secret for logs and pages: `whsec_...2543`. The last four characters show only where enough stay hidden.
    #[must_use]
    pub fn masked(&self) -> String {
        let rest = &self.0[SECRET_PREFIX.len()..];
        let shown = if rest.len() >= 24 && rest.is_ascii() { &rest[rest.len() - 4..] } else { "" };
        format!("{SECRET_PREFIX}...{shown}")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(whsec_...)")
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(secret: &str) -> Result<Self, SecretError> {
        Self::new(secret)
    }
}

/// Compares in constant time, because the other side may be a guess.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_cannot_be_a_secret() {
        for (given, error) in [
            ("", SecretError::MissingPrefix),
            ("8f14e45f", SecretError::MissingPrefix),
            ("WHSEC_8f14e45f", SecretError::MissingPrefix),
            ("whsec_", SecretError::Empty),
            ("whsec_8f14e45f\n", SecretError::Invisible { at: 14 }),
            (" whsec_8f14e45f", SecretError::Invisible { at: 0 }),
            ("whsec_8f\u{a0}14", SecretError::Invisible { at: 8 }),
        ] {
            assert_eq!(Secret::new(given), Err(error), "{given:?}");
        }
        let long = format!("whsec_{}", "a".repeat(SECRET_BYTES_MAX));
        assert_eq!(Secret::new(long), Err(SecretError::TooLong { bytes: 518 }));
    }

    #[test]
    fn a_made_secret_has_a_key_for_both_schemes() {
        let secret = Secret::generate([7; 32]);
        assert_eq!(secret.expose(), "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
        assert_eq!(secret.sync_key(), secret.expose().as_bytes());
        assert_eq!(secret.standard_key(), Some(vec![7; 32]));
    }

    #[test]
    fn the_standard_key_is_24_to_64_bytes_of_base64() {
        for (bytes, expected) in [(23, false), (24, true), (64, true), (65, false)] {
            let secret = format!("whsec_{}", STANDARD.encode(vec![1; bytes]));
            assert_eq!(Secret::new(secret).unwrap().standard_key().is_some(), expected, "{bytes}");
        }
        assert_eq!(Secret::new("whsec_not-base64-but-a-secret").unwrap().standard_key(), None);
    }

    #[test]
    fn is_never_printed_whole() {
        let secret = Secret::new("whsec_8f14e45fceea167a5a36dedd4bea2543").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(whsec_...)");
        assert_eq!(secret.masked(), "whsec_...2543");
        assert_eq!(Secret::new("whsec_short").unwrap().masked(), "whsec_...");
        assert_eq!(Secret::new("whsec_ééééééééééééééé").unwrap().masked(), "whsec_...");
    }

    #[test]
    fn equal_secrets_are_equal() {
        let secret = Secret::new("whsec_a").unwrap();
        assert_eq!(secret, "whsec_a".parse().unwrap());
        assert_ne!(secret, Secret::new("whsec_b").unwrap());
    }
}
