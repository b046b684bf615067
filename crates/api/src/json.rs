//! JSON in and out. In: strict, because what is echoed must come out of JavaScript unchanged, and a key that stands twice,
//! a lone surrogate or a number beyond a double would not.
use std::fmt;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

pub(crate) const CONTENT_TYPE_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How much of a key an error sentence shows.
const SHOWN_CHARS_MAX: usize = 60;

/// Reads one JSON text. The error is a plain ASCII sentence.
pub(crate) fn parse(text: &[u8]) -> Result<Value, String> {
    let mut source = serde_json::Deserializer::from_slice(text);
    let value = Strict.deserialize(&mut source).and_then(|value| source.end().map(|()| value));
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

/// For error sentences: ASCII, one line, not longer than a person reads.
pub(crate) fn plain(text: &str) -> String {
    let ascii = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.chars().take(200).map(ascii).collect()
}

/// A value without a key that stands twice. (`serde_json` would keep the last one, JavaScript too, others the first.)
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
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
        while let Some(item) = items.next_element_seed(Strict)? {
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
            let value = members.next_value_seed(Strict)?;
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
