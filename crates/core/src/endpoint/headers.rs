//! Headers that an endpoint's owner adds to each POST: a token of their gateway, a routing key.
//!
//! Promise: what passes is a valid header, is none of those that HTTP or this server needs for itself, and is small. Values
//! are secrets: they are never printed, and the store encrypts them.
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::create::Refusal;
use crate::limits;
use crate::sent::MASK;

/// Names with a meaning for the connection or for this server: another value would break a delivery or forge one.
const REFUSED: [&str; 15] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
    "user-agent",
    "accept-encoding",
    "date",
];

/// The same for whole families.
const REFUSED_PREFIXES: [&str; 4] = ["content-", "sync-", "webhook-", "postsync-"];

/// Names and values, in the order in which they were given.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CustomHeaders(Arc<[(String, String)]>);

/// Values are secrets.
impl fmt::Debug for CustomHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl CustomHeaders {
    /// Those of a store, which were judged when they were given.
    #[must_use]
    pub fn stored(headers: Vec<(String, String)>) -> Self {
        Self(headers.into())
    }

    /// Names and values.
    #[must_use]
    pub fn as_slice(&self) -> &[(String, String)] {
        &self.0
    }

    /// Reads `{"X-Gateway-Token": "abc"}`; `null` is none.
    ///
    /// # Errors
    /// The first header that can't be sent, by its name.
    pub(super) fn read(value: &Value) -> Result<Self, Refusal> {
        let members = match value {
            Value::Null => return Ok(Self::default()),
            Value::Object(members) => members,
            _ => return Err(refuse("headers", "must be an object of names and values")),
        };
        if members.len() > limits::CUSTOM_HEADERS_MAX {
            return Err(refuse("headers", &format!("may be {} at most", limits::CUSTOM_HEADERS_MAX)));
        }
        let mut headers: Vec<(String, String)> = Vec::with_capacity(members.len());
        for (name, value) in members {
            if headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(refuse(&field(name), "stands twice; case does not make another header"));
            }
            headers.push((judge_name(name)?, judge_value(name, value)?));
        }
        let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > limits::CUSTOM_HEADERS_BYTES_MAX {
            return Err(refuse("headers", &format!("may take {} bytes together", limits::CUSTOM_HEADERS_BYTES_MAX)));
        }
        Ok(Self(headers.into()))
    }
}

fn judge_name(name: &str) -> Result<String, Refusal> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > limits::CUSTOM_HEADER_NAME_BYTES_MAX || !name.bytes().all(is_token) {
        let bytes_max = limits::CUSTOM_HEADER_NAME_BYTES_MAX;
        let wanted = format!("is not a header's name: 1 to {bytes_max} letters, digits and marks such as -");
        return Err(refuse(&field(name), &wanted));
    }
    let lower = name.to_ascii_lowercase();
    let is_refused = REFUSED.contains(&lower.as_str()) || REFUSED_PREFIXES.iter().any(|p| lower.starts_with(p));
    if is_refused {
        Err(refuse(&field(name), "is a header that this server or HTTP sets itself"))
    } else {
        Ok(name.to_owned())
    }
}

fn judge_value(name: &str, value: &Value) -> Result<String, Refusal> {
    let text = value.as_str().ok_or_else(|| refuse(&field(name), "must be a string"))?;
    if text == MASK {
        return Err(refuse(&field(name), "is the mask that stands in place of a value; send the value itself"));
    }
    let is_visible = !text.is_empty() && text.trim() == text && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if is_visible {
        Ok(text.to_owned())
    } else {
        Err(refuse(&field(name), "must be visible ASCII without spaces around it"))
    }
}

/// A name as a refusal may repeat it.
fn field(name: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let plain = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    format!("headers.{}", name.chars().take(SHOWN_MAX).map(plain).collect::<String>())
}

fn refuse(field: &str, why: &str) -> Refusal {
    Refusal::new(field, format!("{field} {why}"))
}
