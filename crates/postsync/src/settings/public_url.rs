//! `public_url`: what result URLs begin with, as clients and receivers will read it.
//!
//! Promise: what comes out is ASCII and has a scheme, a host and perhaps a port and a path, so that what is put behind it
//! makes a URL, and a webhook's body stays as JavaScript would print it.
use url::Url;

/// Reads it; without its last slash.
///
/// # Errors
/// Why not, as the end of a sentence.
pub(super) fn parse(text: &str) -> Result<String, String> {
    // The parser would drop or encode them; in what a person wrote they are a slip.
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("has a space in it".to_owned());
    }
    let Some((scheme, _)) = text.split_once("://").filter(|(scheme, _)| is_http(scheme)) else {
        return Err("does not begin with https:// or http://".to_owned());
    };
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    if url.host().is_none() || text[scheme.len() + "://".len()..].starts_with('/') {
        return Err("names no host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user in it; result URLs are given to others".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a ? or # in it, and paths are put behind it".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_kept_in_its_ascii_form() {
        for (text, kept) in [
            ("https://lips.example.com", "https://lips.example.com"),
            ("https://lips.example.com:8443/sync/", "https://lips.example.com:8443/sync"),
            ("HTTP://Lips.Example.Com:80", "http://lips.example.com"),
            ("https://b\u{fc}cher.example/\u{e9}", "https://xn--bcher-kva.example/%C3%A9"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(kept), "{text}");
        }
    }

    #[test]
    fn what_could_not_be_put_before_a_path_is_refused() {
        for (text, why) in [
            ("lips.example.com", "begin with"),
            ("lips.example.com:8080", "begin with"),
            ("ftp://lips.example.com", "begin with"),
            ("https://", "not a URL"),
            ("https:///path", "no host"),
            ("https://lips example.com", "space"),
            ("https://lips.example.com/a b", "space"),
            ("https://me:secret@lips.example.com", "user"),
            ("https://lips.example.com?x=1", "? or #"),
            ("https://lips.example.com/#top", "? or #"),
            ("https://lips.example.com:99999", "not a URL"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
