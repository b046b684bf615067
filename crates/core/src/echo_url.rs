//! The form in which a client's URL is shown again: in answers, in webhooks, to the receiver's verifier.
//!
//! Promise: what the client wrote stays, byte for byte, but for what is not ASCII: a host becomes punycode, all else is
//! percent-encoded as UTF-8. So the usual body is pure ASCII, which the documented Python verifier needs, and the echoed URL
//! leads where the given one leads. Echoing twice changes nothing. A text that is no URL comes back as ASCII too.
use std::borrow::Cow;
use std::fmt::Write as _;

use url::Url;

/// The URL as it is echoed.
#[must_use]
pub fn echo_url(url: &str) -> Cow<'_, str> {
    if url.is_ascii() {
        return Cow::Borrowed(url);
    }
    let mut out = String::with_capacity(url.len() * 2);
    match foreign_host(url) {
        Some((before, host, after)) => {
            encode(before, &mut out);
            out.push_str(&host);
            encode(after, &mut out);
        }
        None => encode(url, &mut out),
    }
    Cow::Owned(out)
}

/// What stands before a host that is not ASCII, its punycode, and what follows.
fn foreign_host(url: &str) -> Option<(&str, String, &str)> {
    let (start, end) = host_span(url)?;
    if url[start..end].is_ascii() {
        return None;
    }
    let host = Url::parse(url).ok()?.host_str()?.to_owned();
    // Of a scheme that is not http the parser percent-encodes a host, which is ASCII as well.
    Some((&url[..start], host, &url[end..]))
}

/// Where the host stands in `scheme://user:password@host:port/...`; `\` ends it as in a browser.
fn host_span(url: &str) -> Option<(usize, usize)> {
    let authority = url.find("://")? + 3;
    let length = url[authority..].find(['/', '\\', '?', '#']).unwrap_or(url.len() - authority);
    let end = authority + length;
    let start = url[authority..end].rfind('@').map_or(authority, |at| authority + at + 1);
    let port = url[start..end].rfind(':').filter(|_| !url[start..end].ends_with(']'));
    Some((start, port.map_or(end, |at| start + at)))
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii() {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_what_is_ascii() {
        for url in [
            "https://App.Example.com:443/a/../b?x=%7e&y={z}#f",
            "https://app.example.com",
            "https://app.example.com/with space?q=a b",
            "not a url",
        ] {
            assert_eq!(echo_url(url), url);
        }
    }

    #[test]
    fn encodes_what_is_not() {
        for (url, want) in [
            ("https://B\u{fc}cher.example/", "https://xn--bcher-kva.example/"),
            ("https://b\u{fc}cher.example:8443", "https://xn--bcher-kva.example:8443"),
            ("https://b\u{fc}cher.example?q=\u{e9}", "https://xn--bcher-kva.example?q=%C3%A9"),
            ("https://A.example/\u{e9}/%C3%A9?n=\u{1f600}", "https://A.example/%C3%A9/%C3%A9?n=%F0%9F%98%80"),
            ("https://us\u{e9}r@b\u{fc}cher.example/", "https://us%C3%A9r@xn--bcher-kva.example/"),
            ("https://[::1]:8443/\u{e9}", "https://[::1]:8443/%C3%A9"),
            ("h\u{e9}llo", "h%C3%A9llo"),
        ] {
            assert_eq!(echo_url(url), want);
        }
    }

    proptest! {
        #[test]
        fn is_ascii_and_echoing_twice_changes_nothing(url in "\\PC{0,60}|https://\\PC{0,20}(/\\PC{0,20})?") {
            let once = echo_url(&url);
            prop_assert!(once.is_ascii());
            prop_assert_eq!(echo_url(&once), &*once);
        }

        #[test]
        fn leads_to_the_same_place(
            url in "https://([a-z\u{e0}-\u{f6}]{1,8}\\.){1,2}example(:[1-9][0-9]{3})?/\\PC{0,20}(\\?\\PC{0,20})?"
        ) {
            if let Ok(given) = Url::parse(&url) {
                let echoed = Url::parse(&echo_url(&url)).expect("an echoed URL parses");
                prop_assert_eq!(echoed, given);
            }
        }
    }
}
