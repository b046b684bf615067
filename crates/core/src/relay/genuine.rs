//! Whether a webhook is the upstream's.
use postsync_webhook::{Secret, TOLERANCE_DEFAULT, verify_sync};

use crate::time::Timestamp;

/// Judges the value of `Sync-Signature` over the raw body. An old one is refused too: who recorded it could send it again.
///
/// # Errors
/// A sentence about what is wrong, fit for a log; it says nothing of the secret.
pub fn is_genuine(secret: &Secret, signature: Option<&[u8]>, body: &[u8], now: Timestamp) -> Result<(), String> {
    let secrets = std::slice::from_ref(secret);
    let verified = verify_sync(signature, body, secrets, now.unix_s(), TOLERANCE_DEFAULT);
    verified.map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use postsync_webhook::sign_sync;

    #[test]
    fn only_the_upstreams_own_and_only_for_a_while() {
        let secret = Secret::new("whsec_8f14e45fceea167a5a36dedd4bea2543").unwrap();
        let other = Secret::new("whsec_00000000000000000000000000000000").unwrap();
        let (now, body) = (Timestamp(1_795_422_077_000), b"{}".as_slice());
        let signed = sign_sync(&secret, now.unix_s(), body);
        assert_eq!(is_genuine(&secret, Some(signed.as_bytes()), body, now), Ok(()));
        assert!(is_genuine(&other, Some(signed.as_bytes()), body, now).is_err());
        assert!(is_genuine(&secret, Some(signed.as_bytes()), b"{ }", now).is_err());
        assert!(is_genuine(&secret, Some(signed.as_bytes()), body, now.plus_ms(3_600_000)).is_err());
        assert!(is_genuine(&secret, None, body, now).is_err());
    }
}
