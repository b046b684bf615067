//! The right secret and the right body, put together in a wrong way: what a check computes that was written from memory.
//!
//! Promise: everything named here is proven, the signature fits once it is computed in that way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{SignedText, VerifyError};
use crate::mac;
use crate::secret::{SECRET_PREFIX, Secret};
use crate::verify::{Claim, Scheme};

/// The right secret, used in another way.
pub(crate) fn wrong_key(claim: &Claim, body: &[u8], secrets: &[Secret]) -> Option<VerifyError> {
    secrets.iter().find_map(|secret| {
        let rest = secret.expose().strip_prefix(SECRET_PREFIX).unwrap_or_default();
        of_another_scheme(claim, body, secret, rest)
            .or_else(|| claim.fits(rest.as_bytes(), body).then_some(VerifyError::SecretPrefixCut))
            .or_else(|| padded(claim, body, secret))
    })
}

fn of_another_scheme(claim: &Claim, body: &[u8], secret: &Secret, rest: &str) -> Option<VerifyError> {
    let (other, error) = match claim.scheme {
        Scheme::Sync => (STANDARD.decode(rest).unwrap_or_default(), VerifyError::SecretDecoded),
        Scheme::Standard => (secret.sync_key().to_vec(), VerifyError::SecretNotDecoded),
    };
    (!other.is_empty() && claim.fits(&other, body)).then_some(error)
}

/// Read from a file or a settings file with more than itself.
fn padded(claim: &Claim, body: &[u8], secret: &Secret) -> Option<VerifyError> {
    if claim.scheme != Scheme::Sync {
        return None;
    }
    let whole = secret.expose();
    [
        (format!("{whole}\n"), "a line end"),
        (format!("{whole}\r\n"), "a line end"),
        (format!("{whole} "), "a space"),
        (format!("\"{whole}\""), "quotation marks"),
        (format!("'{whole}'"), "quotation marks"),
    ]
    .into_iter()
    .find(|(key, _)| claim.fits(key.as_bytes(), body))
    .map(|(_, around)| VerifyError::SecretPadded { around })
}

/// The right key over another text than `<t>.<body>`.
pub(crate) fn wrong_text(claim: &Claim, body: &[u8]) -> Option<VerifyError> {
    if claim.scheme != Scheme::Sync {
        return None;
    }
    let keys = claim.keys.iter().flatten();
    keys.into_iter().find_map(|key| text_under(claim, key, body)).map(|how| VerifyError::SignedOtherwise { how })
}

fn text_under(claim: &Claim, key: &[u8], body: &[u8]) -> Option<SignedText> {
    let (t, prefix) = (claim.t.as_bytes(), claim.prefix.as_bytes());
    let texts: [(&[&[u8]], SignedText); 9] = [
        (&[body], SignedText::BodyAlone),
        (&[t, body], SignedText::OtherSeparator),
        (&[t, b":", body], SignedText::OtherSeparator),
        (&[t, b",", body], SignedText::OtherSeparator),
        (&[t, b"\n", body], SignedText::OtherSeparator),
        (&[b"t=", prefix, body], SignedText::FieldIncluded),
        (&[body, b".", t], SignedText::OtherOrder),
        (&[body, t], SignedText::OtherOrder),
        (&[t, b"000.", body], SignedText::Milliseconds),
    ];
    let over = texts.into_iter().find(|(parts, _)| claim.is_among(&mac::compute(key, parts)));
    let is_plain = || {
        let hashes = [mac::plain_hash(&[key, prefix, body]), mac::plain_hash(&[prefix, body, key])];
        hashes.iter().any(|hash| claim.is_among(hash))
    };
    over.map(|(_, how)| how).or_else(|| is_plain().then_some(SignedText::PlainHash))
}
