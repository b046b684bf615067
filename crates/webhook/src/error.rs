//! Why a webhook is not verified: one variant per cause, each with a sentence that says what is wrong and what to do.
//!
//! The sentences are for the receiver's own log and for `postsync verify`. They quote at most a few bytes of the body and never a secret.

use thiserror::Error;

use crate::header::HeaderFault;

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
        "The body was parsed and printed again before the check; the first difference is at byte offset {offset} ({cause}). Signed was {signed:?}, found was {found:?}. Check the raw bytes of the request, before any JSON parser."
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
        "The signature fits the secret, but with its base64-decoded part as the key, as Standard Webhooks has it. Sync-Signature takes the whole string with its whsec_ as the key: whoever computed this must not decode it."
    )]
    SecretDecoded,
    /// A Standard Webhooks signature was made with the whole secret string.
    #[error(
        "The signature fits the secret, but with the whole string as the key, as Sync-Signature has it. Standard Webhooks takes the base64-decoded part after whsec_: whoever signed this must decode it."
    )]
    SecretNotDecoded,
    /// The signature was made over another text than `<t>.<body>`.
    #[error(
        "The signature fits the secret, but {how}. Sign <t>.<body>: the t of this header, a full stop, the raw body, with HMAC-SHA256."
    )]
    SignedOtherwise {
        /// Over which.
        how: SignedText,
    },
    /// The key had something around it that is not of the secret.
    #[error(
        "The signature fits the secret with {around} as part of the key. The setting was read with more than the secret in it: strip that."
    )]
    SecretPadded {
        /// What it was.
        around: &'static str,
    },
    /// The members of the body are in alphabetical order, as we send none.
    #[error(
        "The signature fits no secret, and the body's members are in alphabetical order, as a printer that sorts keys writes them (sort_keys, a map in Go). It was parsed and printed again before the check: check the raw bytes of the request."
    )]
    MembersSorted,
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

impl VerifyError {
    /// Whether the signature was found to fit once something was undone. The other causes are what the body looks like.
    pub(crate) fn is_proven(&self) -> bool {
        !matches!(
            self,
            Self::OtherSecret { .. }
                | Self::BodyEmpty
                | Self::BodyIncomplete { .. }
                | Self::BodyNotJson { .. }
                | Self::MembersSorted
                | Self::NoSecret
                | Self::MissingHeader { .. }
                | Self::MalformedHeader { .. }
        )
    }
}

/// What was signed in place of `<t>.<body>`.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedText {
    /// The body alone.
    #[error("it was made over the body alone, without the time")]
    BodyAlone,
    /// The time and the body with nothing or something else between them.
    #[error("it was made with something else than a full stop between the time and the body")]
    OtherSeparator,
    /// `t=` before the time.
    #[error("it was made with the t= of the header before the time")]
    FieldIncluded,
    /// The body before the time.
    #[error("it was made with the body before the time")]
    OtherOrder,
    /// The time in milliseconds.
    #[error("it was made with the time in milliseconds")]
    Milliseconds,
    /// A plain SHA-256 of secret and text.
    #[error("it is a plain SHA-256 of the secret and the text, not an HMAC")]
    PlainHash,
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
