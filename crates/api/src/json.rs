//! JSON in and out. In: strict, because what is echoed must come out of JavaScript unchanged, and a key that stands twice,
//! a lone surrogate or a number beyond a double would not; and bounded in what it takes in memory, where an empty object
//! weighs a hundred times its text.
use std::cell::Cell;
use std::fmt;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

pub(crate) const CONTENT_TYPE_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How much of a key an error sentence shows.
const SHOWN_CHARS_MAX: usize = 60;

/// What one body may come to in memory. Bounding boxes for half an hour of video take a quarter of it.
pub(crate) const BUDGET: usize = 64 * 1024 * 1024;

/// What a byte of text comes to at most, itself not counted: `0,` is a value, and a list grows by doubling.
pub(crate) const SWELLS_MAX: usize = VALUE_BYTES;

/// About what a value takes, beside its text.
const VALUE_BYTES: usize = size_of::<Value>();

/// About what a member of an object takes beside its key and value: its place in the table and in the list, an allocation.
const MEMBER_BYTES: usize = 200;

/// Reads one JSON text. The error is a plain ASCII sentence.
pub(crate) fn parse(text: &[u8]) -> Result<Value, String> {
    parse_within(text, &mut BUDGET.clone())
}

/// The same, of a body that may come to so much more in memory.
pub(crate) fn parse_within(text: &[u8], budget: &mut usize) -> Result<Value, String> {
    let mut source = serde_json::Deserializer::from_slice(text);
    let left = Cell::new(*budget);
    let value = Strict { left: &left }.deserialize(&mut source).and_then(|value| source.end().map(|()| value));
    *budget = left.get();
    value.map_err(|error| plain(&error.to_string()))
}

/// Prints what can't fail to print: our own types hold no maps with odd keys.
pub(crate) fn text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}

/// An answer of finished JSON text.
pub(crate) fn answer(status: StatusCode, text: impl Into<Bytes>) -> Response {
    let mut response = (status, Body::from(text.into())).into_response();
    response.headers_mut().insert(CONTENT_TYPE, CONTENT_TYPE_JSON);
    response
}

/// The same with a secret in it: kept by no cache on its way.
pub(crate) fn secret(status: StatusCode, text: impl Into<Bytes>) -> Response {
    let mut response = answer(status, text);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// For error sentences: ASCII, one line, not longer than a person reads.
pub(crate) fn plain(text: &str) -> String {
    let ascii = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.chars().take(200).map(ascii).collect()
}

/// A value without a key that stands twice. (`serde_json` would keep the last one, JavaScript too, others the first.)
#[derive(Clone, Copy)]
struct Strict<'a> {
    left: &'a Cell<usize>,
}

impl Strict<'_> {
    fn take<E: serde::de::Error>(self, bytes: usize) -> Result<(), E> {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.ok_or_else(|| E::custom("it holds too many values"))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            self.take(VALUE_BYTES)?;
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if map.contains_key(&key) {
                let shown: String = key.chars().take(SHOWN_CHARS_MAX).collect();
                return Err(A::Error::custom(format!("the key {shown} stands twice in one object")));
            }
            self.take(VALUE_BYTES + MEMBER_BYTES)?;
            let value = members.next_value_seed(self)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        for text in [r#"{"a":[1,-2,3.5,"x",null,true,{"b":{}}]}"#, "5", "\"\\u00e9\"", " [ ] ", "18446744073709551615"]
        {
            assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        }
    }

    #[test]
    fn refuses_what_would_swell_in_memory() {
        let many = |item: &str, count: usize| format!("[{}0]", format!("{item},").repeat(count));
        for text in [many("{\"a\":0}", 1_300_000), many("0", 5_000_000)] {
            assert!(parse(text.as_bytes()).unwrap_err().starts_with("it holds too many values"));
        }
        let boxes = many("[10.25,20.5,300.75,400.5]", 45_000);
        assert!(parse(boxes.as_bytes()).is_ok(), "half an hour of bounding boxes");
    }

    #[test]
    fn refuses_what_would_not_come_out_of_javascript_unchanged() {
        let deep = "[".repeat(100_000);
        for text in [r#"{"a":1,"a":2}"#, r#"[{"x":{"a":1,"a":1}}]"#, r#""\ud800""#, "1e999", "{", "", "{} {}", &deep] {
            let message = parse(text.as_bytes()).unwrap_err();
            assert!(message.is_ascii() && message.len() <= 200, "{message}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert!(parse(br#"{"a":1,"a":2}"#).unwrap_err().contains("the key a stands twice"));
    }
}
