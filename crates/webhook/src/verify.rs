//! Verification: do these headers sign this body under one of these secrets, and was it now?
//!
//! Pass the body's raw bytes, before any parser. A failed check looks for the usual causes and names the one that it can prove; it never
//! says more about the secret than whether it fits. Log the error, and answer the sender with a plain 400.
//!
//! The signature is judged before the time, so that a clock that is off is only reported for a webhook that is genuine.

use std::time::Duration;

use thiserror::Error;

use crate::diagnose;
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

/// Which way a time is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The webhook was signed before now.
    Past,
    /// The webhook was signed after now, by the receiver's clock.
    Future,
}

/// How a body was wrapped on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyEncoding {
    /// It is a JSON string that holds the body.
    JsonString,
    /// It is base64 of the body.
    Base64,
    /// Its UTF-8 was read as Latin-1 and written as UTF-8 again.
    Latin1,
    /// A byte order mark was put before it.
    ByteOrderMark,
}

/// Why a webhook is not verified: what is wrong, and what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// No secret was given.
    #[error("No signing secret was given. Configure the one that the sender shows (whsec_...).")]
    NoSecret,
    /// No given secret can be used for Standard Webhooks.
    #[error(
        "The part of the secret after whsec_ is not base64 of 24 to 64 bytes, so it can't check Standard Webhooks headers. Verify Sync-Signature instead, or rotate to a new secret."
    )]
    SecretNotStandard,
    /// A header did not come.
    #[error(
        "The header {name} is missing. The request is not a signed webhook, or something between (proxy, function gateway, framework) dropped the header: let it through."
    )]
    MissingHeader {
        /// The header's name.
        name: &'static str,
    },
    /// A header's value is not in its form.
    #[error("The header {name} is malformed: {why}.")]
    MalformedHeader {
        /// The header's name.
        name: &'static str,
        /// What is wrong with its value.
        why: HeaderFault,
    },
    /// The signature is right, but its time is too far away.
    #[error(
        "The signature is right, but it was made {skew_s} s {} and {tolerance_s} s are tolerated. {}",
        match direction { Direction::Past => "ago", Direction::Future => "in the future" },
        match direction {
            Direction::Past => "Either the webhook is old (a queue before the check, or someone sends it again), or this machine's clock is fast: check its time synchronisation.",
            Direction::Future => "This machine's clock is slow, or the sender's is fast: check the time synchronisation.",
        }
    )]
    TimestampOutsideTolerance {
        /// How far the time is from now, in seconds.
        skew_s: u64,
        /// Which way.
        direction: Direction,
        /// How far it may be, in seconds.
        tolerance_s: u64,
    },
    /// The body was parsed and printed again before it was checked.
    #[error(
        "The body was parsed and printed again before the check: byte {offset} differs ({cause}). Signed was {signed:?}, found was {found:?}. Check the raw bytes of the request, before any JSON parser."
    )]
    BodyReserialised {
        /// The offset of the first byte that differs.
        offset: usize,
        /// What was signed, around that byte.
        signed: String,
        /// What came, around that byte.
        found: String,
        /// What kind of difference it is.
        cause: &'static str,
    },
    /// White space that was not signed follows the body.
    #[error(
        "{bytes} byte(s) of white space after the body were not signed: something added a line end (`echo`, an editor, a text mode). Check the raw bytes of the request."
    )]
    NewlineAdded {
        /// How many bytes were added.
        bytes: usize,
    },
    /// The body that was signed ended in a line end.
    #[error(
        "The body that was signed ends in a line end, which is gone: something trimmed it. Check the raw bytes of the request."
    )]
    BodyTrimmed,
    /// The body was wrapped in another encoding.
    #[error("{}", encoding_sentence(*how))]
    BodyEncoded {
        /// In which.
        how: BodyEncoding,
    },
    /// The body is empty.
    #[error(
        "The body is empty. Something read the request's body before the check (a JSON middleware, a second read of a stream): keep its raw bytes."
    )]
    BodyEmpty,
    /// The body ends in the middle of its JSON.
    #[error(
        "The body ends in the middle of its JSON after {bytes} bytes: it was cut. Read it to its end, and check the size limit of what reads it."
    )]
    BodyIncomplete {
        /// How many bytes there are.
        bytes: usize,
    },
    /// The body is not JSON.
    #[error(
        "The signature fits no secret, and the body is not JSON (line {line}, column {column}). Check the raw bytes of the request: an object printed as [object Object], a form or a text encoding are usual causes."
    )]
    BodyNotJson {
        /// The line where it stops being JSON, from 1.
        line: usize,
        /// The column where it stops being JSON.
        column: usize,
    },
    /// A `Sync-Signature` was made with the base64-decoded secret.
    #[error(
        "The signature fits the secret, but with its base64-decoded part as the key, as Standard Webhooks has it. Sync-Signature takes the whole string with its whsec_: whoever signed this must not decode it."
    )]
    SecretDecoded,
    /// A Standard Webhooks signature was made with the whole secret string.
    #[error(
        "The signature fits the secret, but with the whole string as the key, as Sync-Signature has it. Standard Webhooks takes the base64-decoded part after whsec_: whoever signed this must decode it."
    )]
    SecretNotDecoded,
    /// The signature was made without the secret's prefix.
    #[error(
        "The signature fits the secret without its whsec_. The key is the whole string: the sender must not cut its prefix."
    )]
    SecretPrefixCut,
    /// The body is whole and canonical, so the secret is another one, or the body's content was changed.
    #[error(
        "The signature was made with another secret than the {tried} given, or the body's content was changed. Compare the secret with the one that the sender shows for this endpoint and environment; after a rotation, give both."
    )]
    OtherSecret {
        /// How many secrets were tried.
        tried: usize,
    },
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
        prefix: format!("{}.", parsed.t),
        macs: vec![parsed.mac],
        keys: secrets.iter().map(|secret| Some(secret.sync_key().to_vec())).collect(),
        scheme: Scheme::Sync,
    };
    claim.check(body, secrets, parsed.t_unix_s, now_unix_s, tolerance)
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
    let claim = Claim { prefix: format!("{id}.{t}."), macs, keys, scheme: Scheme::Standard };
    claim.check(body, secrets, t_unix_s, now_unix_s, tolerance)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Sync,
    Standard,
}

/// What the headers claim: that one of these signatures is over this prefix and the body under one of these keys.
pub(crate) struct Claim {
    prefix: String,
    macs: Vec<MacBytes>,
    /// One per secret, `None` where a secret has no key for the scheme.
    keys: Vec<Option<Vec<u8>>>,
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
        let expected = mac::compute(key, &[self.prefix.as_bytes(), body]);
        self.macs.iter().any(|claimed| mac::equal(claimed, &expected))
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

fn encoding_sentence(how: BodyEncoding) -> &'static str {
    match how {
        BodyEncoding::JsonString => {
            "The body is a JSON string that holds the signed body: it was printed twice. Check the raw bytes of the request."
        }
        BodyEncoding::Base64 => {
            "The body is base64 of the signed body, as function gateways pass it on (isBase64Encoded). Decode it before the check."
        }
        BodyEncoding::Latin1 => {
            "The body was read as Latin-1 and written as UTF-8 again. Read it as bytes, or as UTF-8."
        }
        BodyEncoding::ByteOrderMark => "A byte order mark was put before the body. Check the raw bytes of the request.",
    }
}
