//! Verification: do these headers sign this body under one of these secrets, and was it now?
//!
//! Pass the body's raw bytes, before any parser. A failed check looks for the usual causes and names the one that it can prove; it never
//! says more about the secret than whether it fits. Log the error, and answer the sender with a plain 400.
//!
//! The signature is judged before the time, so that a clock that is off is only reported for a webhook that is genuine.

use std::time::Duration;

use crate::diagnose;
use crate::error::{Direction, VerifyError};
use crate::header::{self, HeaderFault};
use crate::mac::{self, MacBytes};
use crate::secret::Secret;
use crate::sign::{SYNC_SIGNATURE, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP};

/// How far a webhook's time may be from the receiver's clock if there is no reason for another value: 5 minutes, as is usual.
pub const TOLERANCE_DEFAULT: Duration = Duration::from_mins(5);

/// A webhook that is genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// When the sender signed it, in Unix seconds: the time of the attempt, not of the event.
    pub signed_at_unix_s: i64,
    /// Which of the given secrets fits, as an index.
    pub secret_index: usize,
}

/// The three headers of Standard Webhooks, `None` where one did not come.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardHeaders<'a> {
    /// `Webhook-Id`.
    pub id: Option<&'a [u8]>,
    /// `Webhook-Timestamp`.
    pub timestamp: Option<&'a [u8]>,
    /// `Webhook-Signature`.
    pub signature: Option<&'a [u8]>,
}

/// Checks a `Sync-Signature` header against the raw body.
///
/// `header` is the header's value, `None` if it did not come. `now_unix_s` is the receiver's clock in Unix seconds. A tolerance of
/// [`Duration::MAX`] switches the check of the time off, which lets anyone who recorded a webhook send it again.
///
/// # Errors
///
/// The webhook is not genuine or not now; the error says what is wrong.
pub fn verify_sync(
    header: Option<&[u8]>,
    body: &[u8],
    secrets: &[Secret],
    now_unix_s: i64,
    tolerance: Duration,
) -> Result<Verified, VerifyError> {
    let value = header.ok_or(VerifyError::MissingHeader { name: SYNC_SIGNATURE })?;
    let parsed = header::parse_sync(value).map_err(malformed(SYNC_SIGNATURE))?;
    let claim = Claim {
        t: parsed.t.to_owned(),
        prefix: format!("{}.", parsed.t),
        macs: vec![parsed.mac],
        keys: secrets.iter().map(|secret| Some(secret.sync_key().to_vec())).collect(),
        scheme: Scheme::Sync,
    };
    claim.check(body, secrets, parsed.t_unix_s, now_unix_s, tolerance)
}

/// Whether this secret signed this body, whatever the time. Looks for no cause, so that many secrets can be asked.
pub(crate) fn fits_sync(header: &[u8], body: &[u8], secret: &Secret) -> bool {
    header::parse_sync(header).is_ok_and(|parsed| {
        let expected = mac::compute(secret.sync_key(), &[parsed.t.as_bytes(), b".", body]);
        mac::equal(&parsed.mac, &expected)
    })
}

/// Checks the three headers of Standard Webhooks against the raw body. Any of the listed signatures may fit any of the secrets.
///
/// The other parameters are those of [`verify_sync`].
///
/// # Errors
///
/// The webhook is not genuine or not now; the error says what is wrong.
pub fn verify_standard(
    headers: StandardHeaders<'_>,
    body: &[u8],
    secrets: &[Secret],
    now_unix_s: i64,
    tolerance: Duration,
) -> Result<Verified, VerifyError> {
    let present = |value: Option<_>, name| value.ok_or(VerifyError::MissingHeader { name });
    let id = present(headers.id, WEBHOOK_ID)?;
    let timestamp = present(headers.timestamp, WEBHOOK_TIMESTAMP)?;
    let signature = present(headers.signature, WEBHOOK_SIGNATURE)?;
    let id = header::parse_id(id).map_err(malformed(WEBHOOK_ID))?;
    let (t, t_unix_s) = header::parse_timestamp(timestamp).map_err(malformed(WEBHOOK_TIMESTAMP))?;
    let macs = header::parse_standard(signature).map_err(malformed(WEBHOOK_SIGNATURE))?;
    let keys: Vec<_> = secrets.iter().map(Secret::standard_key).collect();
    if !secrets.is_empty() && keys.iter().all(Option::is_none) {
        return Err(VerifyError::SecretNotStandard);
    }
    let claim = Claim { t: t.to_owned(), prefix: format!("{id}.{t}."), macs, keys, scheme: Scheme::Standard };
    claim.check(body, secrets, t_unix_s, now_unix_s, tolerance)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Sync,
    Standard,
}

/// What the headers claim: that one of these signatures is over this prefix and the body under one of these keys.
pub(crate) struct Claim {
    /// The time as the header has it.
    pub(crate) t: String,
    pub(crate) prefix: String,
    macs: Vec<MacBytes>,
    /// One per secret, `None` where a secret has no key for the scheme.
    pub(crate) keys: Vec<Option<Vec<u8>>>,
    pub(crate) scheme: Scheme,
}

impl Claim {
    fn check(
        &self,
        body: &[u8],
        secrets: &[Secret],
        t_unix_s: i64,
        now_unix_s: i64,
        tolerance: Duration,
    ) -> Result<Verified, VerifyError> {
        if secrets.is_empty() {
            return Err(VerifyError::NoSecret);
        }
        let Some(secret_index) = self.fitting_key(body) else {
            return Err(diagnose::mismatch(self, body, secrets));
        };
        within(t_unix_s, now_unix_s, tolerance)?;
        Ok(Verified { signed_at_unix_s: t_unix_s, secret_index })
    }

    /// The first key under which one of the signatures is right for this body.
    pub(crate) fn fitting_key(&self, body: &[u8]) -> Option<usize> {
        self.keys.iter().position(|key| key.as_ref().is_some_and(|key| self.fits(key, body)))
    }

    /// Whether one of the signatures is right for this body under this key.
    pub(crate) fn fits(&self, key: &[u8], body: &[u8]) -> bool {
        self.is_among(&mac::compute(key, &[self.prefix.as_bytes(), body]))
    }

    /// Whether this is one of the signatures.
    pub(crate) fn is_among(&self, expected: &MacBytes) -> bool {
        self.macs.iter().any(|claimed| mac::equal(claimed, expected))
    }
}

fn within(t_unix_s: i64, now_unix_s: i64, tolerance: Duration) -> Result<(), VerifyError> {
    let skew_s = now_unix_s.abs_diff(t_unix_s);
    let tolerance_s = tolerance.as_secs();
    if skew_s <= tolerance_s {
        return Ok(());
    }
    let direction = if t_unix_s < now_unix_s { Direction::Past } else { Direction::Future };
    Err(VerifyError::TimestampOutsideTolerance { skew_s, direction, tolerance_s })
}

fn malformed(name: &'static str) -> impl Fn(HeaderFault) -> VerifyError {
    move |why| VerifyError::MalformedHeader { name, why }
}
