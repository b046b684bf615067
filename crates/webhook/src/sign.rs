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
/// As [`SYNC_SIGNATURE`], made with the secret that comes next: before the switch a receiver that has it already checks this one.
pub const SYNC_SIGNATURE_NEXT: &str = "Sync-Signature-Next";
/// As [`SYNC_SIGNATURE`], made with the secret before: after the switch a receiver that still has it checks this one.
pub const SYNC_SIGNATURE_PREVIOUS: &str = "Sync-Signature-Previous";
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

/// What signs one attempt. While a secret is rotated two sign, or all three.
#[derive(Clone, Copy, Debug)]
pub struct Signers<'a> {
    /// Makes `Sync-Signature`.
    pub current: &'a Secret,
    /// Makes `Sync-Signature-Next`.
    pub next: Option<&'a Secret>,
    /// Makes `Sync-Signature-Previous`.
    pub previous: Option<&'a Secret>,
}

impl<'a> Signers<'a> {
    /// One that is not being rotated.
    #[must_use]
    pub fn one(current: &'a Secret) -> Self {
        Self { current, next: None, previous: None }
    }
}

/// All headers that sign one attempt, as (name, value), ready to send.
///
/// `Sync-Signature` is one header with one `v1` always, because Sync's receivers take no more; what else signs has a header of its own.
/// The Standard Webhooks set has one list of signatures, that of the current secret first. Secrets without a standard key are not in it,
/// and if none is left the three headers are left out.
#[must_use]
pub fn headers(signers: Signers<'_>, id: &str, t_unix_s: i64, body: &[u8]) -> Vec<(&'static str, String)> {
    let Signers { current, next, previous } = signers;
    let beside = [(SYNC_SIGNATURE_NEXT, next), (SYNC_SIGNATURE_PREVIOUS, previous)];
    let beside = beside.into_iter().filter_map(|(name, secret)| Some((name, secret?)));
    let mut headers = Vec::with_capacity(6);
    let mut signatures = String::new();
    for (name, secret) in std::iter::once((SYNC_SIGNATURE, current)).chain(beside) {
        headers.push((name, sign_sync(secret, t_unix_s, body)));
        if let Some(signature) = sign_standard(secret, id, t_unix_s, body) {
            if !signatures.is_empty() {
                signatures.push(' ');
            }
            signatures.push_str(&signature);
        }
    }
    if !signatures.is_empty() {
        headers.push((WEBHOOK_ID, id.to_owned()));
        headers.push((WEBHOOK_TIMESTAMP, t_unix_s.to_string()));
        headers.push((WEBHOOK_SIGNATURE, signatures));
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
        let names =
            |signers| -> Vec<&str> { headers(signers, "evt_1", 1, b"{}").iter().map(|(name, _)| *name).collect() };
        assert_eq!(names(Signers::one(&imported)), [SYNC_SIGNATURE]);
        let next = Secret::generate([1; 32]);
        assert_eq!(
            names(Signers { next: Some(&next), ..Signers::one(&imported) }),
            [SYNC_SIGNATURE, SYNC_SIGNATURE_NEXT, WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE]
        );
    }

    #[test]
    fn a_rotation_signs_beside_the_current_secret_which_comes_first() {
        let [old, new, newest] = [1, 2, 3].map(|byte| Secret::generate([byte; 32]));
        let all = headers(Signers { current: &new, next: Some(&newest), previous: Some(&old) }, "evt_1", 9, b"{}");
        let standard: Vec<String> =
            [&new, &newest, &old].into_iter().filter_map(|secret| sign_standard(secret, "evt_1", 9, b"{}")).collect();
        let expected = [
            (SYNC_SIGNATURE, sign_sync(&new, 9, b"{}")),
            (SYNC_SIGNATURE_NEXT, sign_sync(&newest, 9, b"{}")),
            (SYNC_SIGNATURE_PREVIOUS, sign_sync(&old, 9, b"{}")),
            (WEBHOOK_ID, "evt_1".to_owned()),
            (WEBHOOK_TIMESTAMP, "9".to_owned()),
            (WEBHOOK_SIGNATURE, standard.join(" ")),
        ];
        assert_eq!(all, expected);
    }
}
