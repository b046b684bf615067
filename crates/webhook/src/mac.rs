//! HMAC-SHA256 and its comparison: the only place where a key meets bytes.
//!
//! Promise: comparisons take the same time wherever the first difference is, so an attacker can't find a signature byte by byte.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// The size of a signature before it is printed, in bytes.
pub(crate) const MAC_BYTES: usize = 32;

/// A raw signature.
pub(crate) type MacBytes = [u8; MAC_BYTES];

/// HMAC-SHA256 over the parts, joined without anything between them.
pub(crate) fn compute(key: &[u8], parts: &[&[u8]]) -> MacBytes {
    let mut mac = keyed(key);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// A plain SHA-256 over the parts, which signs nothing: to recognise whoever took it for an HMAC.
pub(crate) fn plain_hash(parts: &[&[u8]]) -> MacBytes {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

pub(crate) fn equal(left: &MacBytes, right: &MacBytes) -> bool {
    left.ct_eq(right).into()
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length; the error exists for other MACs")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2, cut into parts.
    #[test]
    fn computes_hmac_sha256() {
        let mac = compute(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex::encode(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(equal(&mac, &mac));
        let mut other = mac;
        other[31] ^= 1;
        assert!(!equal(&mac, &other));
    }

    #[test]
    fn takes_keys_of_any_length() {
        for length in [0, 1, 64, 65, 4096] {
            let _ = compute(&vec![7; length], &[b"x"]);
        }
    }
}
