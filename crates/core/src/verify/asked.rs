//! What somebody asks of a signature over HTTP, judged before anything is hashed: the API and the pages ask the same.
//!
//! It owns the bounds and the sentences of what is refused. An error says what is wrong with a field, and of a secret never what it is.
use std::time::Duration;

use super::{Explanation, Known, OnRecord, Question, TOLERANCE_DEFAULT, explain};
use crate::Secret;
use crate::create::Refusal;
use crate::error_code;
use crate::event::Event;
use crate::known::KnownSecrets;
use crate::schedule::parse_duration;

/// Of the header; it has 69 characters and may be found in a bad state, but not longer than headers are.
const SIGNATURE_BYTES_MAX: usize = 8 * 1024;

/// Of the body: a webhook's is under 100 kB, however it was printed.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// So many secrets may be given. A rotation needs two.
const SECRETS_MAX: usize = 8;

/// A question that was judged.
#[derive(Clone, Debug)]
pub struct Asked {
    signature: String,
    body: Vec<u8>,
    secrets: Vec<Known>,
    tolerance: Duration,
}

impl Asked {
    /// The header and the body as they came; what is not given of the rest is the organization's secrets and five minutes.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn read(
        signature: &str,
        body: Vec<u8>,
        secret: Option<&str>,
        tolerance_text: Option<&str>,
    ) -> Result<Self, Refusal> {
        within("signature", signature.len(), SIGNATURE_BYTES_MAX)?;
        within("body", body.len(), BODY_BYTES_MAX)?;
        let tolerance_wanted = "tolerance must be a text like 90s, 5m or 1h, or none";
        let tolerance = match tolerance_text {
            None => TOLERANCE_DEFAULT,
            Some(text) => tolerance(text).ok_or_else(|| invalid("tolerance", tolerance_wanted))?,
        };
        let secrets = secret.map_or_else(|| Ok(vec![]), secrets)?;
        Ok(Self { signature: signature.to_owned(), body, secrets, tolerance })
    }

    /// The answer. The secrets that were given are tried, or else those that sign now; the others only say whose it is.
    #[must_use]
    pub fn judge(&self, event: Option<&Event>, known: KnownSecrets, now_unix_s: i64) -> Explanation {
        let id = event.map(|event| event.id.to_string()).unwrap_or_default();
        let (secrets, others) = match self.secrets.as_slice() {
            [] => (known.live, known.ended),
            given => (given.to_vec(), known.all()),
        };
        explain(&Question {
            header: Some(self.signature.as_bytes()).filter(|header| !header.is_empty()),
            body: &self.body,
            secrets: &secrets,
            others: &others,
            on_record: event.map(|event| OnRecord { id: &id, body: &event.body }),
            now_unix_s,
            tolerance: self.tolerance,
        })
    }
}

/// How old a signature may be, as people write it: `5m`; `none` checks no time.
#[must_use]
pub fn tolerance(text: &str) -> Option<Duration> {
    if text == "none" { Some(Duration::MAX) } else { parse_duration(text) }
}

fn invalid(field: &str, message: impl Into<String>) -> Refusal {
    Refusal::coded(error_code::INVALID_REQUEST, field, message)
}

fn within(field: &str, bytes: usize, bytes_max: usize) -> Result<(), Refusal> {
    if bytes > bytes_max {
        return Err(invalid(field, format!("{field} is longer than {bytes_max} bytes")));
    }
    Ok(())
}

fn secrets(text: &str) -> Result<Vec<Known>, Refusal> {
    let given: Vec<&str> = text.split(',').map(str::trim).collect();
    if given.len() > SECRETS_MAX {
        return Err(invalid("secret", format!("secret: at most {SECRETS_MAX} are taken")));
    }
    let known = |text: &&str| match Secret::new(*text) {
        Ok(secret) => Ok(Known { name: None, secret }),
        Err(error) => Err(invalid("secret", format!("secret: {error}"))),
    };
    given.iter().map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_8f14e45fceea167a5a36dedd4bea2543";

    #[test]
    fn what_is_out_of_bounds_is_refused_by_its_name() {
        let long = "x".repeat(SIGNATURE_BYTES_MAX + 1);
        let many = "whsec_a,whsec_b,".repeat(5) + SECRET;
        for (signature, bytes, secret, tolerance, field) in [
            (&*long, 1, None, None, "signature"),
            ("", BODY_BYTES_MAX + 1, None, None, "body"),
            ("", 1, Some("8f14e45f"), None, "secret"),
            ("", 1, Some(&*many), None, "secret"),
            ("", 1, None, Some("soon"), "tolerance"),
        ] {
            let refusal = Asked::read(signature, vec![b'x'; bytes], secret, tolerance).unwrap_err();
            assert_eq!(refusal.field, field);
            assert!(!refusal.message.contains("8f14e45f"), "{}", refusal.message);
        }
        assert!(Asked::read("", vec![b'x'; BODY_BYTES_MAX], Some(SECRET), Some("none")).is_ok());
    }

    #[test]
    fn given_secrets_are_tried_and_else_those_that_sign() {
        let body = br#"{"id":"1"}"#.to_vec();
        let secret = Secret::new(SECRET).unwrap();
        let signature = super::super::sign_sync(&secret, 7, &body);
        let known = KnownSecrets { live: vec![Known { name: Some("the secret".to_owned()), secret }], ended: vec![] };
        let judged = |given| {
            let asked = Asked::read(&signature, body.clone(), given, None).unwrap();
            asked.judge(None, known.clone(), 7)
        };
        assert!(judged(None).verified);
        assert!(judged(Some(SECRET)).verified);
        let other = judged(Some("whsec_00000000000000000000000000000000"));
        assert!(!other.verified && other.message.contains("another secret"), "{}", other.message);
    }
}
