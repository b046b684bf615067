//! `Retry-After`, in both of its forms.
use std::time::UNIX_EPOCH;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use postsync_core::outcome::RetryAfter;
use postsync_core::time::Timestamp;

/// What the receiver asked for; `None` where it did not, or not in a form that can be read.
pub(crate) fn read(headers: &HeaderMap) -> Option<RetryAfter> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        // More digits than fit mean "never": the rules cap it.
        let seconds: i64 = text.parse().unwrap_or(i64::MAX);
        return Some(RetryAfter::Ms(seconds.saturating_mul(1000)));
    }
    let at = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(at.as_millis()).ok().map(|ms| RetryAfter::At(Timestamp(ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_and_nothing_else() {
        for (text, want) in [
            ("120", Some(RetryAfter::Ms(120_000))),
            (" 0 ", Some(RetryAfter::Ms(0))),
            ("99999999999999999999", Some(RetryAfter::Ms(i64::MAX))),
            ("Wed, 21 Oct 2026 07:28:00 GMT", Some(RetryAfter::At(Timestamp(1_792_567_680_000)))),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(read(&headers), want, "{text:?}");
        }
    }
}
