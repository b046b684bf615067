//! The whole answer to "why is this signature not right?": what [`verify_sync`] says, and what more can be told by whoever knows
//! other secrets and the bytes that were sent.
//!
//! It owns the words of `postsync verify` and `POST /postsync/v1/verify`, which are the same. A pure function of what it is given.
//! Promise: no answer holds a secret; names of secrets are the caller's.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::diagnose::WORK_BYTES_MAX;
use crate::difference::{Difference, first_difference};
use crate::error::VerifyError;
use crate::header;
use crate::mend::{Mend, mends, raw_body};
use crate::secret::Secret;
use crate::verify::{fits_sync, verify_sync};

/// Members that one sentence names.
const NAMED_MAX: usize = 5;

/// How much of a member's name is shown, in characters.
const NAME_CHARS_MAX: usize = 40;

/// A secret that somebody can name.
#[derive(Clone, Debug)]
pub struct Known {
    /// Such as `the secret of endpoint ep_...`; `None`: it was given, and nobody says whose it is.
    pub name: Option<String>,
    /// Itself.
    pub secret: Secret,
}

/// An event whose bytes are on record.
#[derive(Clone, Copy, Debug)]
pub struct OnRecord<'a> {
    /// Its id.
    pub id: &'a str,
    /// The bytes that every attempt sends.
    pub body: &'a [u8],
}

/// What there is to judge a signature by.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The value of `Sync-Signature`; `None`: it did not come.
    pub header: Option<&'a [u8]>,
    /// The body as it came.
    pub body: &'a [u8],
    /// What it is checked with.
    pub secrets: &'a [Known],
    /// Others, which make nothing right: they name whose secret it was signed with.
    pub others: &'a [Known],
    /// The event that it should be.
    pub on_record: Option<OnRecord<'a>>,
    /// Now, in Unix seconds.
    pub now_unix_s: i64,
    /// How far the signature's time may be from now.
    pub tolerance: Duration,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the signature is right and of now.
    pub verified: bool,
    /// What is wrong, as sentences on one line.
    pub message: String,
    /// What to write where, by framework.
    pub mends: Vec<Mend>,
    /// Where what came begins to differ from what was sent, where that is known.
    pub difference: Option<Difference>,
}

impl Explanation {
    /// All of it on one line.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        let mut line = self.message.clone();
        for (position, (framework, what)) in self.mends.iter().enumerate() {
            let before = if position == 0 { " To mend it: " } else { "; " };
            // To write to a String can't fail.
            let _ = write!(line, "{before}{framework}: {what}");
        }
        if !self.mends.is_empty() {
            line.push('.');
        }
        line
    }
}

/// Judges a signature, and explains it where it is not right.
#[must_use]
pub fn explain(question: &Question<'_>) -> Explanation {
    let given: Vec<Secret> = question.secrets.iter().map(|known| known.secret.clone()).collect();
    let verdict = verify_sync(question.header, question.body, &given, question.now_unix_s, question.tolerance);
    match verdict {
        Ok(verified) => {
            let name = question.secrets.get(verified.secret_index).and_then(|known| known.name.as_deref());
            let name = name.unwrap_or("this secret");
            let message = format!("verified: signed at {} (Unix time) with {name}.", verified.signed_at_unix_s);
            let message = with_record(message, question);
            Explanation { verified: true, message, mends: vec![], difference: from_record(question) }
        }
        Err(error) => refused(question, &given, &error),
    }
}

fn refused(question: &Question<'_>, given: &[Secret], error: &VerifyError) -> Explanation {
    let told = if error.is_proven() {
        None
    } else {
        under_repaired_header(question, given, error)
            .or_else(|| of_another_body(question, given))
            .or_else(|| of_another_owner(question))
            .or_else(|| with_the_right_body(question, error))
    };
    told.unwrap_or_else(|| {
        let message = match error {
            VerifyError::NoSecret | VerifyError::MissingHeader { .. } => error.to_string(),
            error => with_record(error.to_string(), question),
        };
        not_verified(message, mends(error), from_print(error).or_else(|| from_record(question)))
    })
}

fn not_verified(message: String, mends: &[Mend], difference: Option<Difference>) -> Explanation {
    Explanation { verified: false, message, mends: mends.to_vec(), difference }
}

/// From the bytes on record.
fn from_record(question: &Question<'_>) -> Option<Difference> {
    first_difference(question.on_record?.body, question.body)
}

/// From the print that was signed.
fn from_print(error: &VerifyError) -> Option<Difference> {
    let VerifyError::BodyReserialised { offset, signed, found, .. } = error else { return None };
    Some(Difference { offset: *offset, sent: signed.clone(), found: found.clone() })
}

/// A malformed header: whether that is all that is wrong.
fn under_repaired_header(question: &Question<'_>, given: &[Secret], error: &VerifyError) -> Option<Explanation> {
    let VerifyError::MalformedHeader { .. } = error else { return None };
    let meant = header::repaired(question.header?)?;
    let meant = Some(meant.as_bytes());
    if verify_sync(meant, question.body, given, question.now_unix_s, question.tolerance).is_ok() {
        let message = format!("{error} Written in its form, the signature is right.");
        return Some(not_verified(message, mends(error), from_record(question)));
    }
    // Had it come so, this is what would be said of it.
    let asked = explain(&Question { header: meant, ..*question });
    let mut more = mends(error).to_vec();
    more.extend(asked.mends.into_iter().filter(|mend| !mends(error).contains(mend)));
    let message = format!("{error} That is not all, once it is in its form: {}", asked.message);
    Some(not_verified(message, &more, asked.difference))
}

/// The signature is right for the event on record, so what came is another body.
fn of_another_body(question: &Question<'_>, given: &[Secret]) -> Option<Explanation> {
    let record = question.on_record?;
    let difference = first_difference(record.body, question.body)?;
    signs(question, record.body, given)?;
    let message = format!(
        "The signature and the secret are right for {}, so the body was changed on its way: {}. Compared with the bytes of {}, {difference}.",
        record.id,
        what_changed(record.body, question.body),
        record.id
    );
    Some(not_verified(message, raw_body(), Some(difference)))
}

/// Signed with a secret that is not among those that it is checked with.
fn of_another_owner(question: &Question<'_>) -> Option<Explanation> {
    let body_bytes = question.body.len().saturating_mul(question.others.len());
    let (name, more) = question.others.iter().find_map(|other| {
        let secret = std::slice::from_ref(&other.secret);
        let name = other.name.as_deref().unwrap_or("another secret");
        let is_of_record = || signs(question, question.on_record?.body, secret);
        if body_bytes > WORK_BYTES_MAX {
            return signs(question, question.body, secret).or_else(is_of_record).map(|()| (name, None));
        }
        match verify_sync(question.header, question.body, secret, question.now_unix_s, question.tolerance) {
            Ok(_) => Some((name, None)),
            Err(error) if error.is_proven() => Some((name, Some(error))),
            Err(_) => is_of_record().map(|()| (name, None)),
        }
    })?;
    let tried = match question.secrets {
        [_] => "the one that it was checked with",
        _ => "those that it was checked with",
    };
    let mut message = format!(
        "The signature was made with another secret than {tried}: {name}. Check each URL's webhooks with its own secret."
    );
    let mends = more.as_ref().map_or(&[][..], |error| mends(error));
    let difference = more.as_ref().and_then(from_print).or_else(|| from_record(question));
    if let Some(error) = more {
        // To write to a String can't fail.
        let _ = write!(message, " Beside that: {error}");
    }
    Some(not_verified(with_record(message, question), mends, difference))
}

/// Where the body is known to be right, the secret alone is left of what may be wrong.
fn with_the_right_body(question: &Question<'_>, error: &VerifyError) -> Option<Explanation> {
    let VerifyError::OtherSecret { tried } = error else { return None };
    if question.on_record?.body != question.body {
        return None;
    }
    let message = format!(
        "The signature was made with another secret than the {tried} that were tried, or belongs to another event: the secret may be one \
         from before a rotation, or that of a registered endpoint (`postsync secret show --endpoint ID`). Check with that one."
    );
    Some(not_verified(with_record(message, question), &[], None))
}

/// Whether the header signs this body under one of these, whatever the time.
fn signs(question: &Question<'_>, body: &[u8], secrets: &[Secret]) -> Option<()> {
    let header = question.header?;
    secrets.iter().any(|secret| fits_sync(header, body, secret)).then_some(())
}

/// What the bytes on record say to the bytes that came.
fn with_record(message: String, question: &Question<'_>) -> String {
    let Some(record) = question.on_record else { return message };
    match first_difference(record.body, question.body) {
        None => format!("{message} The body is that of {}, byte for byte.", record.id),
        Some(difference) => format!("{message} Compared with the bytes of {}, {difference}.", record.id),
    }
}

/// What became of the body that was sent, in half a sentence.
fn what_changed(sent: &[u8], found: &[u8]) -> String {
    if found.is_empty() {
        return "it is empty, something read it before".to_owned();
    }
    if sent.starts_with(found) {
        return format!("it was cut after {} of {} bytes", found.len(), sent.len());
    }
    let parsed = |body| serde_json::from_slice::<Value>(body);
    match (parsed(sent), parsed(found)) {
        (Ok(sent), Ok(found)) if sent == found => {
            "it was parsed and printed again, with its members in another order or other spellings".to_owned()
        }
        (Ok(Value::Object(sent)), Ok(Value::Object(found))) => members_changed(&sent, &found),
        (_, Err(error)) => format!("it is not JSON any more (line {}, column {})", error.line(), error.column()),
        _ => "it is another JSON".to_owned(),
    }
}

fn members_changed(sent: &Map<String, Value>, found: &Map<String, Value>) -> String {
    if sent.get("id") != found.get("id") && found.contains_key("id") {
        return "it is the body of another event, its id is another (a variable that two requests share, or a header kept from \
                another request)"
            .to_owned();
    }
    let lost = sent.keys().filter(|name| !found.contains_key(*name));
    let added = found.keys().filter(|name| !sent.contains_key(*name));
    let changed = sent.iter().filter(|(name, value)| found.get(*name).is_some_and(|other| other != *value));
    let mut parts = vec![listed("lost", lost), listed("new", added), listed("changed", changed.map(|(name, _)| name))];
    parts.retain(|part| !part.is_empty());
    format!("it was read into a type and printed again, or its content was changed ({})", parts.join("; "))
}

fn listed<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|name| name.chars().take(NAME_CHARS_MAX).collect()).collect();
    let more = if names.len() > NAMED_MAX { ", ..." } else { "" };
    match names.as_slice() {
        [] => String::new(),
        names => format!("{what}: {}{more}", names[..names.len().min(NAMED_MAX)].join(", ")),
    }
}
