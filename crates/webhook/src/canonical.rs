//! Canonical JSON: bytes that JavaScript's `JSON.stringify(JSON.parse(bytes))` gives back unchanged.
//!
//! Why: the receivers that most people run parse the body, print it again and check the signature of the print. They pass only if
//! their printer writes exactly the bytes that were sent, so we send what their printer would write.
//!
//! Promise: the output is a fixed point of V8's re-print and equals V8's re-print of the text that the value was parsed from (the tests
//! ask Node). Three things differ from `serde_json::to_vec`: numbers have JavaScript's shortest form (`5`, not `5.0`; `1e+21`), integers
//! beyond 2^53 are rounded as a double would be, and keys that are array indices come first in ascending order.
//!
//! It does not sort the other keys (that would be RFC 8785, which V8 does not write). It cannot fail: what JSON cannot say, such as a
//! number beyond a double's range, becomes `null`, as in JavaScript.

use serde_json::{Map, Number, Value};

/// The largest integer up to which every integer is a double of its own: 2^53.
const SAFE_INTEGER_MAX: u64 = 1 << 53;

/// The largest array index of ECMAScript, 2^32 - 2. A longer key is an ordinary name and keeps its place.
const ARRAY_INDEX_MAX: u64 = 4_294_967_294;

/// Prints a value as JavaScript would, as bytes of UTF-8.
///
/// The value must come from a `serde_json` that keeps the order of keys (feature `preserve_order`, which this crate turns on).
#[must_use]
pub fn to_vec(value: &Value) -> Vec<u8> {
    to_string(value).into_bytes()
}

/// Prints a value as JavaScript would; see [`to_vec`].
#[must_use]
pub fn to_string(value: &Value) -> String {
    let mut out = String::with_capacity(1024);
    write_value(value, &mut out);
    out
}

/// Parses JSON and prints it as JavaScript would: what a receiver signs that parses the body first.
///
/// # Errors
///
/// The text is not JSON, or is JSON that a Rust string or a double can't hold: a lone surrogate, a number such as `1e999`, or more than
/// 128 levels.
pub fn reprint(body: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::from_slice::<Value>(body).map(|value| to_vec(&value))
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => push_string(out, text),
        Value::Array(items) => write_array(items, out),
        Value::Object(members) => write_object(members, out),
    }
}

fn write_number(number: &Number, out: &mut String) {
    if let Some(integer) = number.as_i64()
        && integer.unsigned_abs() <= SAFE_INTEGER_MAX
    {
        out.push_str(&integer.to_string());
        return;
    }
    // Everything else is a double to JavaScript, also an integer that Rust could hold exactly.
    match number.as_f64().filter(|double| double.is_finite()) {
        Some(double) => out.push_str(ryu_js::Buffer::new().format_finite(double)),
        None => out.push_str("null"),
    }
}

/// Prints a text as a JSON string, as JavaScript would, behind what `out` has.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    // What needs an escape is one byte each, so the text may be cut there.
    while let Some(place) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        out.push_str(&rest[..place]);
        push_escape(out, rest.as_bytes()[place]);
        rest = &rest[place + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// V8's escapes: the short forms, `\u00xx` in lower case for other control characters. Everything else is raw, U+2028 included.
fn push_escape(out: &mut String, byte: u8) {
    match byte {
        b'"' => out.push_str("\\\""),
        b'\\' => out.push_str("\\\\"),
        0x8 => out.push_str("\\b"),
        b'\t' => out.push_str("\\t"),
        b'\n' => out.push_str("\\n"),
        0xc => out.push_str("\\f"),
        b'\r' => out.push_str("\\r"),
        control => {
            out.push_str("\\u00");
            out.push_str(&hex::encode([control]));
        }
    }
}

fn write_array(items: &[Value], out: &mut String) {
    out.push('[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_value(item, out);
    }
    out.push(']');
}

fn write_object(members: &Map<String, Value>, out: &mut String) {
    out.push('{');
    let mut indexed: Vec<(u64, &String, &Value)> =
        members.iter().filter_map(|(key, value)| Some((array_index(key)?, key, value))).collect();
    indexed.sort_unstable_by_key(|(index, ..)| *index);
    let indexed = indexed.into_iter().map(|(_, key, value)| (key, value));
    let named = members.iter().filter(|(key, _)| array_index(key).is_none());
    for (position, (key, value)) in indexed.chain(named).enumerate() {
        if position > 0 {
            out.push(',');
        }
        push_string(out, key);
        out.push(':');
        write_value(value, out);
    }
    out.push('}');
}

/// The index that a key names to JavaScript: canonical decimal only, so `01`, `+1` and `4294967295` are ordinary names.
fn array_index(key: &str) -> Option<u64> {
    let digits = key.as_bytes();
    let canonical =
        matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.len() <= 10 && digits.iter().all(u8::is_ascii_digit);
    if !canonical {
        return None;
    }
    key.parse().ok().filter(|index| *index <= ARRAY_INDEX_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(raw: &str) -> String {
        String::from_utf8(reprint(raw.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn numbers_have_javascripts_shortest_form() {
        for (raw, expected) in [
            ("5.0", "5"),
            ("0.50", "0.5"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("1e3", "1000"),
            ("1e16", "10000000000000000"),
            ("1e21", "1e+21"),
            ("5e-5", "0.00005"),
            ("1e-7", "1e-7"),
            ("5e-324", "5e-324"),
            ("9007199254740992", "9007199254740992"),
            ("9007199254740993", "9007199254740992"),
            ("-9007199254740993", "-9007199254740992"),
            ("18446744073709551615", "18446744073709552000"),
            ("9.98", "9.98"),
        ] {
            assert_eq!(print(raw), expected, "{raw}");
        }
    }

    #[test]
    fn array_index_keys_come_first_and_in_order() {
        assert_eq!(
            print(r#"{"b":1,"10":2,"9":3,"01":4,"4294967295":5,"4294967294":6,"-1":7,"0":8,"a":9}"#),
            r#"{"0":8,"9":3,"10":2,"4294967294":6,"b":1,"01":4,"4294967295":5,"-1":7,"a":9}"#
        );
    }

    #[test]
    fn duplicate_keys_keep_the_first_place_and_the_last_value() {
        assert_eq!(print(r#"{"a":1,"b":2,"a":3}"#), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn strings_escape_only_what_v8_escapes() {
        assert_eq!(
            print(r#""\u000b\u001F\u007f\u2028\u00e9\/\b\f\n\r\t\"\\""#),
            "\"\\u000b\\u001f\u{7f}\u{2028}é/\\b\\f\\n\\r\\t\\\"\\\\\""
        );
    }

    #[test]
    fn what_rust_cannot_hold_is_an_error_of_reprint() {
        for raw in [r#""\ud800""#, "1e999", "{", "", "nul"] {
            assert!(reprint(raw.as_bytes()).is_err(), "{raw}");
        }
    }
}
