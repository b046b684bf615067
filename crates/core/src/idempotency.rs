//! `Idempotency-Key`: a create that is sent twice makes one generation; so for batches and assets.
//!
//! Promise: two payloads have the same [`Fingerprint`] where they say the same: JSON by value, a form by the names and the bytes
//! of its parts. What differs between two sends of one request (the boundary, the order of members and parts, a file's name)
//! does not count.
use std::fmt;

use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

use crate::ids::{MadeId, OrgId};
use crate::time::Timestamp;

/// The longest key, as documented by Sync.
pub const KEY_CHARS_MAX: usize = 128;

/// How long a key stands for what it was used for.
pub const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// What a client names its create by: one of an organization, across its API keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of that text; `None` where it is not 1 to [`KEY_CHARS_MAX`] of `A-Z a-z 0-9 . _ ~ -`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-');
        let fits = (1..=KEY_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned()))
    }

    /// As the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a payload says, as SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Fingerprint {
    /// Of a JSON body, by value: neither the order of members nor the way a number is written counts.
    #[must_use]
    pub fn of_json(body: &Map<String, Value>) -> Self {
        let mut hash = Sha256::new_with_prefix(b"json");
        object(&mut hash, body);
        Self(hash.finalize().into())
    }

    /// The same payload where it asks for something else than a generation: no two operations have one fingerprint, so that what a key
    /// was used for is of the kind that is asked for, or the key was used for something else.
    #[must_use]
    pub fn of_operation(self, operation_id: &str) -> Self {
        let mut hash = Sha256::new_with_prefix(b"operation");
        text(&mut hash, operation_id);
        hash.update(self.0);
        Self(hash.finalize().into())
    }
}

/// Each value begins with a letter of its kind, and each text with its length: no two values are spelled the same.
fn value(hash: &mut Sha256, of: &Value) {
    match of {
        Value::Null => hash.update(b"0"),
        Value::Bool(false) => hash.update(b"f"),
        Value::Bool(true) => hash.update(b"t"),
        Value::Number(of) => number(hash, of),
        Value::String(of) => text(hash, of),
        Value::Array(items) => {
            hash.update(b"[");
            items.iter().for_each(|item| value(hash, item));
            hash.update(b"]");
        }
        Value::Object(members) => object(hash, members),
    }
}

fn object(hash: &mut Sha256, members: &Map<String, Value>) {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    hash.update(b"{");
    for (name, member) in sorted {
        text(hash, name);
        value(hash, member);
    }
    hash.update(b"}");
}

fn text(hash: &mut Sha256, of: &str) {
    hash.update(b"s");
    hash.update((of.len() as u64).to_be_bytes());
    hash.update(of);
}

/// `1`, `1.0` and `1e0` are one number, as they are to JavaScript.
fn number(hash: &mut Sha256, of: &Number) {
    let double = of.as_f64().unwrap_or(f64::NAN);
    let double = if double == 0.0 { 0.0 } else { double };
    hash.update(b"n");
    hash.update(double.to_bits().to_be_bytes());
}

/// A form's payload, gathered while its parts come in.
#[derive(Debug, Default)]
pub struct FormPrint(Vec<(String, [u8; 32])>);

/// The bytes of one part, as they come.
#[derive(Clone, Debug, Default)]
pub struct PartPrint(Sha256);

impl PartPrint {
    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

impl FormPrint {
    /// A part has come whole.
    pub fn add(&mut self, name: &str, part: PartPrint) {
        self.0.push((name.to_owned(), part.0.finalize().into()));
    }

    /// All have come.
    #[must_use]
    pub fn finish(mut self) -> Fingerprint {
        self.0.sort_unstable();
        let mut hash = Sha256::new_with_prefix(b"form");
        for (name, part) in &self.0 {
            text(&mut hash, name);
            hash.update(part);
        }
        Fingerprint(hash.finalize().into())
    }
}

/// A key and the create that has used it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedKey {
    /// Whose.
    pub org: OrgId,
    /// The key.
    pub key: IdempotencyKey,
    /// What was asked for.
    pub fingerprint: Fingerprint,
    /// The id of what it became: a generation, or what the fingerprint's operation makes.
    pub made: MadeId,
    /// When.
    pub at: Timestamp,
}

impl UsedKey {
    /// Whether it still stands for what it made: afterwards the key may be used for another.
    #[must_use]
    pub fn is_kept(&self, now: Timestamp) -> bool {
        now.0.saturating_sub(self.at.0) < KEPT_MS
    }
}

/// What is written down of keys.
#[derive(Clone, Debug)]
pub enum IdempotencyChange {
    /// A create uses a key: in one list with what it makes. Fence: the organization has not used it within [`KEPT_MS`].
    Use(Box<UsedKey>),
    /// Those go that were used before that time, at most so many. Fence: there is one.
    Forget {
        /// The time of the first that stays.
        before: Timestamp,
        /// How many go with one commit.
        limit: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Fingerprint {
        match serde_json::from_str(text) {
            Ok(Value::Object(body)) => Fingerprint::of_json(&body),
            other => panic!("{other:?}"),
        }
    }

    fn form(parts: &[(&str, &[&str])]) -> Fingerprint {
        let mut form = FormPrint::default();
        for (name, chunks) in parts {
            let mut part = PartPrint::default();
            chunks.iter().for_each(|chunk| part.update(chunk.as_bytes()));
            form.add(name, part);
        }
        form.finish()
    }

    #[test]
    fn a_key_is_what_sync_documents() {
        let longest = "x".repeat(KEY_CHARS_MAX);
        for good in ["a", "A.b_c~d-9", &longest] {
            assert_eq!(IdempotencyKey::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", " a", "a b", "a,b", "a/b", "\u{e9}", &"x".repeat(KEY_CHARS_MAX + 1)] {
            assert_eq!(IdempotencyKey::parse(bad), None, "{bad:?}");
        }
        assert_ne!(IdempotencyKey::parse("a"), IdempotencyKey::parse("A"));
    }

    #[test]
    fn json_counts_by_value() {
        let one = json(r#"{"model":"m","input":[{"type":"video","url":"u"}],"n":1,"z":0}"#);
        assert_eq!(one, json(r#"{ "z":-0.0, "n":1.0,"input":[{"url":"\u0075","type":"video"}], "model":"m" }"#));
        for other in [
            r#"{"model":"m","input":[{"type":"video","url":"u"}],"n":1}"#,
            r#"{"model":"m","input":[{"type":"video","url":"u"}],"n":1,"z":null}"#,
            r#"{"model":"m","input":[{"type":"video","url":"u"}],"n":"1","z":0}"#,
            r#"{"model":"m","input":[{"type":"video","url":"v"}],"n":1,"z":0}"#,
            r#"{"model":"m","input":{"type":"video","url":"u"},"n":1,"z":0}"#,
        ] {
            assert_ne!(one, json(other), "{other}");
        }
        assert_ne!(json(r#"{"a":["b","c"]}"#), json(r#"{"a":["c","b"]}"#), "the order of a list is part of it");
        assert_ne!(json(r#"{"a":["bc"]}"#), json(r#"{"a":["b","c"]}"#));
        assert_ne!(json(r#"{"a":[[],[]]}"#), json(r#"{"a":[[[]]]}"#));
    }

    #[test]
    fn a_form_counts_by_names_and_bytes() {
        let one = form(&[("model", &["m"]), ("video", &["by", "tes"]), ("input", &["{}"]), ("input", &["[]"])]);
        assert_eq!(one, form(&[("input", &["[]"]), ("video", &["bytes"]), ("input", &["{}"]), ("model", &["m"])]));
        for other in [
            form(&[("model", &["m"]), ("video", &["bytes"]), ("input", &["{}"])]),
            form(&[("model", &["m"]), ("audio", &["bytes"]), ("input", &["{}"]), ("input", &["[]"])]),
            form(&[("model", &["m"]), ("video", &["byteS"]), ("input", &["{}"]), ("input", &["[]"])]),
            form(&[]),
        ] {
            assert_ne!(one, other);
        }
        assert_ne!(form(&[]), json("{}"));
    }

    #[test]
    fn the_operation_counts() {
        let of = |operation| json("{}").of_operation(operation);
        assert_eq!(of("createBatch"), of("createBatch"));
        for other in [json("{}"), of("createAsset"), of(""), json(r#"{"a":1}"#).of_operation("createBatch")] {
            assert_ne!(of("createBatch"), other);
        }
    }

    #[test]
    fn it_is_kept_for_a_day() {
        let key = IdempotencyKey::parse("k").unwrap();
        let org = OrgId::new("default");
        let used = UsedKey {
            org,
            key,
            fingerprint: Fingerprint([0; 32]),
            made: MadeId::new(Timestamp(0), [0; 10]),
            at: Timestamp(1_000),
        };
        for (now, kept) in [(0, true), (1_000, true), (1_000 + KEPT_MS - 1, true), (1_000 + KEPT_MS, false)] {
            assert_eq!(used.is_kept(Timestamp(now)), kept, "{now}");
        }
    }
}
