//! Diagnosis: why a signature does not fit, found by trying what usually happens to bodies and secrets on their way.
//!
//! Every cause but the last four (incomplete, not JSON, sorted, other secret) is proven: the signature fits once the damage is undone. It is the
//! slow path, taken only for requests that are refused anyway, and bounded: above [`DIAGNOSED_BYTES_MAX`] and [`WORK_BYTES_MAX`] nothing is
//! tried, so that a stranger's garbage costs a receiver little.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::canonical;
use crate::difference::{Difference, first_difference};
use crate::error::{BodyEncoding, VerifyError};
use crate::misuse;
use crate::secret::Secret;
use crate::verify::Claim;

/// The largest body that is diagnosed, in bytes. Webhooks stay below 100 kB; ten times that leaves room for one printed in a wider form.
const DIAGNOSED_BYTES_MAX: usize = 1024 * 1024;

/// The most bytes that all secrets together are tried on, for one kind of damage.
pub(crate) const WORK_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A body that is as it was sent is under 100 kB: in a larger one, which was printed again, no other mistake is looked for.
const AS_SENT_BYTES_MAX: usize = 128 * 1024;

/// Fewer members than this may be in alphabetical order by chance.
const SORTED_MEMBERS_MIN: usize = 4;

/// Explains a signature that fits no key.
pub(crate) fn mismatch(claim: &Claim, body: &[u8], secrets: &[Secret]) -> VerifyError {
    let tried = secrets.len();
    if body.is_empty() {
        return VerifyError::BodyEmpty;
    }
    if body.len() > DIAGNOSED_BYTES_MAX || body.len().saturating_mul(tried) > WORK_BYTES_MAX {
        return VerifyError::OtherSecret { tried };
    }
    misused(claim, body, secrets)
        .or_else(|| wrong_end(claim, body))
        .or_else(|| wrong_encoding(claim, body))
        .or_else(|| reserialised(claim, body))
        .or_else(|| not_whole(body))
        .or_else(|| sorted(body))
        .unwrap_or(VerifyError::OtherSecret { tried })
}

fn misused(claim: &Claim, body: &[u8], secrets: &[Secret]) -> Option<VerifyError> {
    if body.len() > AS_SENT_BYTES_MAX {
        return None;
    }
    misuse::wrong_key(claim, body, secrets).or_else(|| misuse::wrong_text(claim, body))
}

/// White space added or lost at the end.
fn wrong_end(claim: &Claim, body: &[u8]) -> Option<VerifyError> {
    let fits = |body: &[u8]| claim.fitting_key(body).is_some();
    let trimmed = body.trim_ascii_end();
    if trimmed.len() < body.len() && fits(trimmed) {
        return Some(VerifyError::NewlineAdded { bytes: body.len() - trimmed.len() });
    }
    let ended = |end: &[u8]| fits(&[trimmed, end].concat());
    (ended(b"\n") || ended(b"\r\n")).then_some(VerifyError::BodyTrimmed)
}

/// The whole body wrapped in another encoding.
fn wrong_encoding(claim: &Claim, body: &[u8]) -> Option<VerifyError> {
    let unwrapped = [
        (BodyEncoding::ByteOrderMark, body.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec)),
        (BodyEncoding::JsonString, serde_json::from_slice::<String>(body).ok().map(String::into_bytes)),
        (BodyEncoding::Base64, STANDARD.decode(body.trim_ascii()).ok()),
        (BodyEncoding::Latin1, from_latin1(body)),
    ];
    unwrapped
        .into_iter()
        .find(|(_, inner)| inner.as_ref().is_some_and(|inner| claim.fitting_key(inner).is_some()))
        .map(|(how, _)| VerifyError::BodyEncoded { how })
}

/// The bytes whose Latin-1 reading, written as UTF-8, gave this body; `None` if it is ASCII or holds other characters.
fn from_latin1(body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok().filter(|text| !text.is_ascii())?;
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

/// Parsed and printed again: the canonical print of what came is what was signed.
fn reserialised(claim: &Claim, body: &[u8]) -> Option<VerifyError> {
    let signed = canonical::reprint(body).ok()?;
    claim.fitting_key(&signed)?;
    let Difference { offset, sent, found } = first_difference(&signed, body)?;
    Some(VerifyError::BodyReserialised { offset, signed: sent, found, cause: cause(&signed, body, offset) })
}

/// What the first differing byte tells about the printer.
fn cause(signed: &[u8], found: &[u8], offset: usize) -> &'static str {
    match (signed.get(offset), found.get(offset)) {
        (_, Some(b' ' | b'\n' | b'\r' | b'\t')) => {
            "white space between the tokens, as json.dumps without separators=(',',':') or a pretty printer writes it"
        }
        (_, Some(b'\\')) => "a character that is escaped, as printers do that write ASCII only or escape for HTML",
        (_, Some(b'.' | b'0'..=b'9' | b'e' | b'E' | b'+' | b'-')) => "a number in another spelling, such as 5.0 for 5",
        (_, Some(b'"')) => "members in another order",
        _ => "another spelling of the same JSON",
    }
}

/// A body that is no JSON document was cut, or is something else altogether.
fn not_whole(body: &[u8]) -> Option<VerifyError> {
    let error = serde_json::from_slice::<Value>(body).err()?;
    if error.is_eof() {
        return Some(VerifyError::BodyIncomplete { bytes: body.len() });
    }
    Some(VerifyError::BodyNotJson { line: error.line(), column: error.column() })
}

/// In alphabetical order from the first member to the last, and long enough for that to be no chance.
fn sorted(body: &[u8]) -> Option<VerifyError> {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else { return None };
    let is_sorted = members.len() >= SORTED_MEMBERS_MIN && members.keys().is_sorted();
    is_sorted.then_some(VerifyError::MembersSorted)
}
