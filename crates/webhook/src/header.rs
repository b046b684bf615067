//! The values of signature headers: parsed strictly, and when that fails, explained.
//!
//! Only the exact form passes, because that is what the receivers of Sync's API take; a looser reader here would call healthy what fails
//! there. Every value that does not pass gets the most telling [`HeaderFault`] that fits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::mac::{MAC_BYTES, MacBytes};

/// The most signatures of one `Webhook-Signature` header that are looked at: a rotation needs two, and each costs a comparison.
const STANDARD_SIGNATURES_MAX: usize = 16;

/// The lengths of the hex of hashes that are taken in the place of SHA-256.
const OTHER_HASHES: [(usize, &str); 4] = [(32, "MD5"), (40, "SHA-1"), (96, "SHA-384"), (128, "SHA-512")];

/// A `t` above this is in milliseconds: as seconds it would be after the year 5000.
const SECONDS_MAX: i64 = 100_000_000_000;

/// What is wrong with the value of a signature header.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderFault {
    /// There is nothing in it.
    #[error("it is empty; pass the header's value on as it came in")]
    Empty,
    /// It holds bytes that are not visible ASCII.
    #[error("it holds a byte that is not visible ASCII at offset {at}; pass the header's value on without decoding it")]
    NotAscii {
        /// The offset of the first such byte.
        at: usize,
    },
    /// It ends in a line end.
    #[error("it ends in a line end; strip it (`echo` and files add one)")]
    TrailingNewline,
    /// It has a space, tab or line end.
    #[error("it has a space, tab or line end at offset {at}; none belongs there, also not after the comma")]
    Whitespace {
        /// The offset of the first one.
        at: usize,
    },
    /// It is in quotation marks.
    #[error("it is in quotation marks; pass it without them")]
    Quoted,
    /// The header's name stands before the value.
    #[error("the header's name stands before the value; pass only what follows the colon")]
    NameIncluded,
    /// It is a `Webhook-Signature` of Standard Webhooks where `Sync-Signature` was expected.
    #[error(
        "this is a Webhook-Signature of Standard Webhooks (v1,<base64>); pass the value of Sync-Signature, or verify that other set of headers"
    )]
    StandardForm,
    /// It is a `Sync-Signature` where `Webhook-Signature` was expected.
    #[error(
        "this is a Sync-Signature (t=...,v1=...); pass the value of Webhook-Signature, or verify as Sync-Signature"
    )]
    SyncForm,
    /// It ends after `t=...`: something cut the value at its comma.
    #[error(
        "it ends before v1=: something cut the value at the comma (a header list parser, or a split on commas); pass it whole"
    )]
    CutAtComma,
    /// It has no `t=`.
    #[error("t=<unix seconds> is missing; pass the whole value, which starts with t=")]
    MissingTimestamp,
    /// It has no `v1=`, or nothing follows it.
    #[error("v1=<64 hex digits> is missing; pass the whole value, which ends in it")]
    MissingSignature,
    /// `v1` stands before `t`.
    #[error(
        "v1 stands before t; the form is t=<unix seconds>,v1=<64 hex digits>, so the sender or something between changed it"
    )]
    WrongOrder,
    /// There is more than one `v1`.
    #[error("there are {count} signatures (v1); exactly one belongs there: was the header sent twice and joined?")]
    SeveralSignatures {
        /// How many there are.
        count: usize,
    },
    /// A field other than `t` and `v1` is in it.
    #[error("{name:?} is not a field of this header; the form is t=<unix seconds>,v1=<64 hex digits>")]
    UnknownField {
        /// The field's name, cut to 16 characters.
        name: String,
    },
    /// The signature stands under another name than `v1`.
    #[error("the signature is called {name:?}; its name is v1, as in t=<unix seconds>,v1=<64 hex digits>")]
    SignatureNamed {
        /// The name, cut to 16 characters.
        name: String,
    },
    /// The signature is base64.
    #[error("the signature is base64; it is 64 hex digits (digest('hex'), hexdigest)")]
    Base64Signature,
    /// The signature is as long as that of another hash.
    #[error("the signature is as long as {hash} makes it, {digits} digits; it is an HMAC-SHA256, 64 digits")]
    OtherHash {
        /// Its name.
        hash: &'static str,
        /// How many digits it has.
        digits: usize,
    },
    /// The time is not a whole number of seconds.
    #[error("the time is not a whole number of seconds; it is written in digits only, such as 1795422077")]
    TimestampNotNumber,
    /// The time is in milliseconds.
    #[error("the time is in milliseconds; the sender must write seconds")]
    TimestampInMilliseconds,
    /// The signature has upper-case hex digits.
    #[error("the signature has upper-case hex digits; it is written in lower case, so something between changed it")]
    UpperCaseHex,
    /// The signature has the wrong length.
    #[error("the signature has {digits} characters, not 64; {}", if *.digits < 64 { "it was cut" } else { "something was added to it" })]
    SignatureLength {
        /// How many characters it has.
        digits: usize,
    },
    /// The signature has something other than hex digits.
    #[error("the signature has a character that is not a hex digit; it is 64 digits of 0-9 and a-f")]
    NotHex,
    /// No entry of the list is a `v1,<base64 of 32 bytes>`.
    #[error("none of its entries is v1,<base64 of 32 bytes>; pass the value whole, entries are separated by a space")]
    NoStandardSignature,
}

impl HeaderFault {
    /// Whether it comes from how a signature was computed, not from how a header was read.
    pub(crate) fn is_of_a_computation(&self) -> bool {
        matches!(
            self,
            Self::UpperCaseHex | Self::Base64Signature | Self::OtherHash { .. } | Self::SignatureNamed { .. }
        )
    }
}

/// A well-formed `Sync-Signature`.
#[derive(Debug)]
pub(crate) struct SyncHeader<'a> {
    /// The time as written, which is what was signed.
    pub(crate) t: &'a str,
    pub(crate) t_unix_s: i64,
    pub(crate) mac: MacBytes,
}

/// Reads the value of `Sync-Signature`.
pub(crate) fn parse_sync(value: &[u8]) -> Result<SyncHeader<'_>, HeaderFault> {
    let text = visible_ascii(value)?;
    let fields: Vec<(&str, &str)> = text.split(',').map(|field| field.split_once('=').unwrap_or((field, ""))).collect();
    match fields.as_slice() {
        [("t", t), ("v1", signature)] => {
            let t_unix_s = parse_seconds(t)?;
            Ok(SyncHeader { t, t_unix_s, mac: parse_hex(signature)? })
        }
        other => Err(wrong_fields(text, other)),
    }
}

/// Reads the value of `Webhook-Timestamp`: the text that was signed, and its meaning.
pub(crate) fn parse_timestamp(value: &[u8]) -> Result<(&str, i64), HeaderFault> {
    let text = visible_ascii(value)?;
    Ok((text, parse_seconds(text)?))
}

/// Reads the value of `Webhook-Id`, which may be any visible ASCII.
pub(crate) fn parse_id(value: &[u8]) -> Result<&str, HeaderFault> {
    visible_ascii(value)
}

/// Reads the value of `Webhook-Signature`: a list separated by single spaces, where entries of other versions are skipped.
pub(crate) fn parse_standard(value: &[u8]) -> Result<Vec<MacBytes>, HeaderFault> {
    let spaced: Vec<u8> = value.iter().map(|byte| if *byte == b' ' { b',' } else { *byte }).collect();
    visible_ascii(&spaced)?;
    if value.starts_with(b"t=") {
        return Err(HeaderFault::SyncForm);
    }
    let macs: Vec<MacBytes> = value
        .split(|byte| *byte == b' ')
        .filter_map(|entry| STANDARD.decode(entry.strip_prefix(b"v1,")?).ok()?.try_into().ok())
        .take(STANDARD_SIGNATURES_MAX)
        .collect();
    if macs.is_empty() { Err(HeaderFault::NoStandardSignature) } else { Ok(macs) }
}

/// What both schemes demand of a value before its fields are looked at.
fn visible_ascii(value: &[u8]) -> Result<&str, HeaderFault> {
    if value.iter().all(u8::is_ascii_whitespace) {
        return Err(HeaderFault::Empty);
    }
    if let Some(at) = value.iter().position(|b| !b.is_ascii_graphic() && !b.is_ascii_whitespace()) {
        return Err(HeaderFault::NotAscii { at });
    }
    let text = std::str::from_utf8(value).map_err(|error| HeaderFault::NotAscii { at: error.valid_up_to() })?;
    if matches!(text.as_bytes(), [b'"' | b'\'', ..]) {
        return Err(HeaderFault::Quoted);
    }
    if text.to_ascii_lowercase().starts_with("sync-signature") {
        return Err(HeaderFault::NameIncluded);
    }
    match value.iter().position(u8::is_ascii_whitespace) {
        None => Ok(text),
        Some(at) if at == text.trim_ascii_end().len() && matches!(value[at], b'\n' | b'\r') => {
            Err(HeaderFault::TrailingNewline)
        }
        Some(at) => Err(HeaderFault::Whitespace { at }),
    }
}

fn parse_seconds(digits: &str) -> Result<i64, HeaderFault> {
    if digits.is_empty() {
        return Err(HeaderFault::MissingTimestamp);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HeaderFault::TimestampNotNumber);
    }
    match digits.parse() {
        Err(_) => Err(HeaderFault::TimestampNotNumber),
        Ok(seconds) if seconds > SECONDS_MAX => Err(HeaderFault::TimestampInMilliseconds),
        Ok(seconds) => Ok(seconds),
    }
}

fn parse_hex(signature: &str) -> Result<MacBytes, HeaderFault> {
    let digits = signature.len();
    if digits == 0 {
        return Err(HeaderFault::MissingSignature);
    }
    if !is_hex(signature) {
        return Err(if from_base64(signature).is_some() { HeaderFault::Base64Signature } else { HeaderFault::NotHex });
    }
    if digits != 2 * MAC_BYTES {
        let other = OTHER_HASHES.iter().find(|(length, _)| *length == digits);
        return Err(match other {
            Some((_, hash)) => HeaderFault::OtherHash { hash, digits },
            None => HeaderFault::SignatureLength { digits },
        });
    }
    if signature.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(HeaderFault::UpperCaseHex);
    }
    let mut mac = [0; MAC_BYTES];
    hex::decode_to_slice(signature, &mut mac).map_err(|_| HeaderFault::NotHex)?;
    Ok(mac)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn from_base64(text: &str) -> Option<MacBytes> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// The value as it was most likely meant: what stands around it gone, its two fields in order, the signature as lower-case hex.
/// `None` where it holds no time or no signature.
pub(crate) fn repaired(value: &[u8]) -> Option<String> {
    let text: String =
        std::str::from_utf8(value).ok()?.split(|c: char| c.is_whitespace() || "\"'".contains(c)).collect();
    let start = text.find("t=")?;
    let text = match text.to_ascii_lowercase().strip_prefix("sync-signature:") {
        Some(_) => &text[start..],
        None => text.as_str(),
    };
    let fields = || text.split(',').filter_map(|field| field.split_once('='));
    let (_, t) = fields().find(|(name, t)| *name == "t" && parse_seconds(t).is_ok())?;
    let hex_of = |signature: &str| match signature.len() == 2 * MAC_BYTES && is_hex(signature) {
        true => Some(signature.to_ascii_lowercase()),
        false => from_base64(signature).map(hex::encode),
    };
    let signature = fields().find_map(|(_, signature)| hex_of(signature))?;
    Some(format!("t={t},v1={signature}"))
}

/// Names what keeps the fields from being exactly `t` and `v1`.
fn wrong_fields(text: &str, fields: &[(&str, &str)]) -> HeaderFault {
    let count = |name: &str| fields.iter().filter(|field| field.0 == name).count();
    match fields {
        [("v1", base64)] | [("v1", base64), ..] if text.starts_with("v1,") && base64.is_empty() => {
            return HeaderFault::StandardForm;
        }
        [("t", _)] | [("t", _), ("", "")] => return HeaderFault::CutAtComma,
        [("v1", _), ("t", _)] => return HeaderFault::WrongOrder,
        [("t", _), (name, signature)] if *name != "v1" && parse_hex(&signature.to_ascii_lowercase()).is_ok() => {
            return HeaderFault::SignatureNamed { name: name.chars().take(16).collect() };
        }
        _ => {}
    }
    if let Some((name, _)) = fields.iter().find(|field| !matches!(field.0, "t" | "v1")) {
        return HeaderFault::UnknownField { name: name.chars().take(16).collect() };
    }
    match (count("t"), count("v1")) {
        (0, _) => HeaderFault::MissingTimestamp,
        (_, 0) => HeaderFault::MissingSignature,
        (1, count) => HeaderFault::SeveralSignatures { count },
        // Several `t`: two headers that were joined, whose signatures are as many.
        (_, count) => HeaderFault::SeveralSignatures { count },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "ef226aeaab41a8229209a00ffffd41d123ffec351e24dfa568f6821bbe481fbb";

    fn fault(value: &str) -> HeaderFault {
        parse_sync(value.as_bytes()).unwrap_err()
    }

    #[test]
    fn takes_the_exact_form() {
        let value = format!("t=1795422077,v1={HEX}");
        let header = parse_sync(value.as_bytes()).unwrap();
        assert_eq!((header.t, header.t_unix_s), ("1795422077", 1_795_422_077));
        assert_eq!(hex::encode(header.mac), HEX);
    }

    #[test]
    fn explains_every_other_form() {
        let upper = HEX.to_uppercase();
        for (value, expected) in [
            (String::new(), HeaderFault::Empty),
            (" \n".into(), HeaderFault::Empty),
            (format!("t=1,v1={HEX}\n"), HeaderFault::TrailingNewline),
            (format!("t=1,v1={HEX}\r\n"), HeaderFault::TrailingNewline),
            (format!("t=1,v1={HEX} "), HeaderFault::Whitespace { at: 71 }),
            (format!("t=1, v1={HEX}"), HeaderFault::Whitespace { at: 4 }),
            (format!("t=1,v1={HEX}\u{e9}"), HeaderFault::NotAscii { at: 71 }),
            (format!("t=1,v1={HEX}\0"), HeaderFault::NotAscii { at: 71 }),
            (format!("\"t=1,v1={HEX}\""), HeaderFault::Quoted),
            (format!("Sync-Signature: t=1,v1={HEX}"), HeaderFault::NameIncluded),
            ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".into(), HeaderFault::StandardForm),
            ("t=1".into(), HeaderFault::CutAtComma),
            ("t=1,".into(), HeaderFault::CutAtComma),
            ("t=1,v1=".into(), HeaderFault::MissingSignature),
            (format!("v1={HEX}"), HeaderFault::MissingTimestamp),
            (format!("t=,v1={HEX}"), HeaderFault::MissingTimestamp),
            (format!("v1={HEX},t=1"), HeaderFault::WrongOrder),
            (format!("t=1,v1={HEX},v1={HEX}"), HeaderFault::SeveralSignatures { count: 2 }),
            (format!("t=1,v1={HEX},t=1,v1={HEX}"), HeaderFault::SeveralSignatures { count: 2 }),
            (format!("t=1,s={HEX}"), HeaderFault::SignatureNamed { name: "s".into() }),
            (format!("t=1,v0={HEX}"), HeaderFault::SignatureNamed { name: "v0".into() }),
            ("t=1,s=x".into(), HeaderFault::UnknownField { name: "s".into() }),
            ("t=1,v1=7yJq6qtBqCKSCaAP//1B0SP/7DUeJN+laPaCG75IH7s=".into(), HeaderFault::Base64Signature),
            (format!("t=1,v1={}", &HEX[..40]), HeaderFault::OtherHash { hash: "SHA-1", digits: 40 }),
            (format!("t=1,v1={HEX}{HEX}"), HeaderFault::OtherHash { hash: "SHA-512", digits: 128 }),
            (format!("t=1,v1={HEX},x=1"), HeaderFault::UnknownField { name: "x".into() }),
            (format!("t=1.5,v1={HEX}"), HeaderFault::TimestampNotNumber),
            (format!("t=-1,v1={HEX}"), HeaderFault::TimestampNotNumber),
            (format!("t=99999999999999999999,v1={HEX}"), HeaderFault::TimestampNotNumber),
            (format!("t=1795422077123,v1={HEX}"), HeaderFault::TimestampInMilliseconds),
            (format!("t=1,v1={upper}"), HeaderFault::UpperCaseHex),
            (format!("t=1,v1={}", &HEX[1..]), HeaderFault::SignatureLength { digits: 63 }),
            (format!("t=1,v1={HEX}0"), HeaderFault::SignatureLength { digits: 65 }),
            (format!("t=1,v1=g{}", &HEX[1..]), HeaderFault::NotHex),
            ("hello".into(), HeaderFault::UnknownField { name: "hello".into() }),
        ] {
            assert_eq!(fault(&value), expected, "{value:?}");
        }
    }

    #[test]
    fn what_was_meant_is_read_out_of_other_forms() {
        let meant = format!("t=1,v1={HEX}");
        for value in [
            format!("t=1, v1={HEX}\n"),
            format!("\"t=1,v1={HEX}\""),
            format!("Sync-Signature: t=1,v1={HEX}"),
            format!("v1={HEX},t=1"),
            format!("t=1,s={HEX}"),
            format!("t=1,v1={}", HEX.to_uppercase()),
            "t=1,v1=7yJq6qtBqCKSCaAP//1B0SP/7DUeJN+laPaCG75IH7s=".into(),
        ] {
            assert_eq!(repaired(value.as_bytes()).as_ref(), Some(&meant), "{value:?}");
        }
        for value in ["", "t=1", "hello", "t=soon,v1=00", "\u{e9}t=", &format!("t=1,v1={}", &HEX[1..])] {
            assert_eq!(repaired(value.as_bytes()), None, "{value:?}");
        }
    }

    #[test]
    fn a_standard_list_may_hold_other_versions() {
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let list = format!("v1a,AAAA {good} v1,short {good}");
        assert_eq!(parse_standard(list.as_bytes()).unwrap().len(), 2);
        let many = vec![good; 40].join(" ");
        assert_eq!(parse_standard(many.as_bytes()).unwrap().len(), STANDARD_SIGNATURES_MAX);
        for (value, expected) in [
            ("", HeaderFault::Empty),
            ("v1,short", HeaderFault::NoStandardSignature),
            ("t=1,v1=00", HeaderFault::SyncForm),
            ("v1,AAAA\n", HeaderFault::TrailingNewline),
        ] {
            assert_eq!(parse_standard(value.as_bytes()).unwrap_err(), expected, "{value:?}");
        }
    }
}
