#![doc = include_str!("../README.md")]
//!
//! # What this crate owns
//!
//! The bytes of a signed webhook: the canonical JSON of its body ([`canonical`]), the secret, the headers that sign it ([`sign`]) and
//! the check of those headers ([`verify`]). The server signs with it and receivers verify with it, so that the two cannot drift.
//!
//! Promise: no input, however broken, makes it panic; a check that fails says what is wrong and what to do about it.
//! It does no IO, reads no clock and draws no randomness: the time and the bytes of a new secret are parameters. The one exception is the
//! feature `axum`: its extractor reads the body of a request and the system's clock.

#![warn(missing_docs)]

#[cfg(feature = "axum")]
pub mod axum;
pub mod canonical;
mod diagnose;
mod difference;
mod error;
pub mod explain;
mod header;
mod mac;
mod mend;
mod misuse;
mod secret;
pub mod sign;
pub mod verify;

pub use difference::{Difference, first_difference};
pub use error::{BodyEncoding, Direction, SignedText, VerifyError};
pub use explain::{Explanation, Known, OnRecord, Question, explain};
pub use header::HeaderFault;
pub use mend::Mend;
pub use secret::{SECRET_BYTES_MAX, SECRET_PREFIX, Secret, SecretError};
pub use sign::{Signers, headers, sign_standard, sign_sync};
pub use verify::{StandardHeaders, TOLERANCE_DEFAULT, Verified, verify_standard, verify_sync};
