//! Signing: from a secret, a time and the bytes of a body to the headers that go with them.
//!
//! Two schemes go out side by side. `Sync-Signature` is what the receivers of Sync's API check; its form is exact (one header, `t` first,
//! one `v1`, no space), because their regular expression takes everything after `v1=` as the signature. The Standard Webhooks set is for
//! everyone else and can carry several signatures while a secret is rotated.
//!
//! The body is signed as it is: make it canonical first, see [`crate::canonical`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::mac;
use crate::secret::Secret;

/// The header of Sync's scheme. Names are in title case, because receivers exist that compare them so.
pub const SYNC_SIGNATURE: &str = "Sync-Signature";
/// The Standard Webhooks header with the event's id, which stays the same over all attempts.
pub const WEBHOOK_ID: &str = "Webhook-Id";
/// The Standard Webhooks header with the time of the attempt, in seconds.
pub const WEBHOOK_TIMESTAMP: &str = "Webhook-Timestamp";
/// The Standard Webhooks header with one or more signatures.
pub const WEBHOOK_SIGNATURE: &str = "Webhook-Signature";

/// The value of `Sync-Signature`: `t=<unix seconds>,v1=<64 lower-case hex>`, HMAC-SHA256 over `<t>.<body>` under the whole secret.
///
/// `t_unix_s` is the time of this attempt: every retry signs anew.
#[must_use]
pub fn sign_sync(secret: &Secret, t_unix_s: i64, body: &[u8]) -> String {
    let t = t_unix_s.to_string();
    let mac = mac::compute(secret.sync_key(), &[t.as_bytes(), b".", body]);
    format!("t={t},v1={}", hex::encode(mac))
}

/// One signature of the Standard Webhooks scheme: `v1,<base64>`, HMAC-SHA256 over `<id>.<t>.<body>` under the decoded secret.
///
/// `None` if the secret has no such key, see [`Secret::standard_key`].
#[must_use]
pub fn sign_standard(secret: &Secret, id: &str, t_unix_s: i64, body: &[u8]) -> Option<String> {
    let key = secret.standard_key()?;
    let t = t_unix_s.to_string();
    let mac = mac::compute(&key, &[id.as_bytes(), b".", t.as_bytes(), b".", body]);
    Some(format!("v1,{}", STANDARD.encode(mac)))
}

/// All headers that sign one attempt, as (name, value), ready to send.
///
/// `sync` signs `Sync-Signature`. `standard` signs the Standard Webhooks set: one secret, or two while a secret is rotated; those without
/// a standard key are skipped, and if none is left the three headers are left out.
#[must_use]
pub fn headers(
    sync: &Secret,
    standard: &[Secret],
    id: &str,
    t_unix_s: i64,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let mut headers = vec![(SYNC_SIGNATURE, sign_sync(sync, t_unix_s, body))];
    let signatures: Vec<String> =
        standard.iter().filter_map(|secret| sign_standard(secret, id, t_unix_s, body)).collect();
    if !signatures.is_empty() {
        headers.push((WEBHOOK_ID, id.to_owned()));
        headers.push((WEBHOOK_TIMESTAMP, t_unix_s.to_string()));
        headers.push((WEBHOOK_SIGNATURE, signatures.join(" ")));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn signs_the_standard_example() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            sign_standard(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body).unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_without_a_standard_key_leaves_that_set_out() {
        let imported = Secret::new("whsec_imported-from-elsewhere").unwrap();
        let names = |secrets: &[Secret]| -> Vec<&str> {
            headers(&imported, secrets, "evt_1", 1, b"{}").iter().map(|(name, _)| *name).collect()
        };
        assert_eq!(names(std::slice::from_ref(&imported)), [SYNC_SIGNATURE]);
        assert_eq!(
            names(&[imported.clone(), Secret::generate([1; 32])]),
            [SYNC_SIGNATURE, WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE]
        );
    }

    #[test]
    fn rotation_signs_the_standard_set_with_both_secrets() {
        let (old, new) = (Secret::generate([1; 32]), Secret::generate([2; 32]));
        let all = headers(&old, &[old.clone(), new.clone()], "evt_1", 9, b"{}");
        let both = format!(
            "{} {}",
            sign_standard(&old, "evt_1", 9, b"{}").unwrap(),
            sign_standard(&new, "evt_1", 9, b"{}").unwrap()
        );
        assert_eq!(all[3], (WEBHOOK_SIGNATURE, both));
        assert_eq!(all[0], (SYNC_SIGNATURE, sign_sync(&old, 9, b"{}")));
    }
}
