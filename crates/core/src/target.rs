//! Whom a webhook goes to: destinations (scheme, host, port: the unit of connection health) and endpoints (organization
//! and URL without its query).
use std::fmt;
use std::net::Ipv4Addr;

use sha2::{Digest, Sha256};
use url::Url;

use crate::ids::{EndpointId, HASH_CHARS, IMPLICIT, OrgId};

/// Scheme, host and port that endpoints share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// `https` or `http`.
    pub scheme: String,
    /// Lower case, punycode; an IPv6 literal in brackets.
    pub host: String,
    /// Always named.
    pub port: u16,
}

impl Destination {
    /// Of a URL; `None` where it has no host or no known port.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        Self::of_plain(url).or_else(|| Self::of_any(url))
    }

    fn of_any(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }

    /// Of a URL whose host stands there as it is written out. Asked several times for each delivery; the parser that knows every
    /// spelling takes twenty times as long.
    fn of_plain(url: &str) -> Option<Self> {
        let (scheme, rest, port) = match url.strip_prefix("https://") {
            Some(rest) => ("https", rest, 443),
            None => ("http", url.strip_prefix("http://")?, 80),
        };
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let (host, port) = match authority.split_once(':') {
            Some((host, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => (host, digits.parse().ok()?),
            Some(_) => return None,
            None => (authority, port),
        };
        is_plain(host).then(|| Self { scheme: scheme.to_owned(), host: host.to_owned(), port })
    }

    /// Which owner it belongs to: the same on every node and in every version, since it is stored.
    #[must_use]
    pub fn shard(&self) -> u8 {
        Sha256::digest(self.to_string().as_bytes())[0]
    }
}

/// Whether every parser leaves that host as it is: an IPv4 address in full, or labels in lower case of which none is punycode and
/// the last is no number.
fn is_plain(host: &str) -> bool {
    let is_label = |label: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(is_plain) && !label.starts_with("xn--")
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_name = last.starts_with(|first: char| first.is_ascii_lowercase()) && host.split('.').all(is_label);
    is_name || host.parse::<Ipv4Addr>().is_ok()
}

/// `https://app.example.com:443`
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// The implicit endpoint of an organization's URL: the query does not count, so that a token or an order number in it
/// does not make each generation an endpoint of its own.
#[must_use]
pub fn implicit_endpoint(org: &OrgId, url: &str) -> EndpointId {
    let mut hash = Sha256::new();
    hash.update(org.as_str().as_bytes());
    hash.update([0]);
    hash.update(without_query(url).as_bytes());
    EndpointId::new(&format!("{IMPLICIT}{}", hex::encode(&hash.finalize()[..HASH_CHARS / 2])))
}

/// A URL as logs show it.
#[must_use]
pub fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The short way never gives anything else than the parser.
        #[test]
        fn a_plain_url_is_read_as_the_parser_reads_it(url in "(https?|HTTP|ftp)://[a-zA-Z0-9.:@%_x-]{0,14}(xn--)?[a-z0-9.-]{0,5}(:[0-9+]{0,6})?([/?#\\\\][ -~]{0,6})?") {
            if let Some(plain) = Destination::of_plain(&url) {
                prop_assert_eq!(Some(plain), Destination::of_any(&url));
            }
        }

        #[test]
        fn usual_urls_are_plain(host in "[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4})?(\\.[a-z]{2,5}){0,2}", port in proptest::option::of(1u16..)) {
            let url = format!("https://{host}{}/hook?a=b", port.map_or(String::new(), |port| format!(":{port}")));
            prop_assert!(Destination::of_plain(&url).is_some());
            prop_assert_eq!(Destination::of_plain(&url), Destination::of_any(&url));
        }
    }

    #[test]
    fn hosts_that_are_written_otherwise_are_left_to_the_parser() {
        for host in [
            "127.1",
            "0x7f.1",
            "1.2.3.4.5",
            "a.1",
            "A.example",
            "xn--bcher-kva.example",
            "a..b",
            "a.",
            "",
            "[::1]",
            "a_b.c",
            "01.2.3.4",
        ] {
            assert_eq!(Destination::of_plain(&format!("https://{host}/x")), None, "{host}");
        }
        let plain = |host: &str| Destination::of_plain(&format!("https://{host}/x")).map(|to| to.host);
        assert_eq!(plain("127.0.0.1").as_deref(), Some("127.0.0.1"));
        assert_eq!(plain("app-1.example.com").as_deref(), Some("app-1.example.com"));
    }

    #[test]
    fn ports_are_always_named() {
        for (url, want) in [
            ("https://App.Example.com/webhook", "https://app.example.com:443"),
            ("http://app.example.com:8080/", "http://app.example.com:8080"),
            ("https://[::1]/x", "https://[::1]:443"),
            ("https://b\u{fc}cher.example/x", "https://xn--bcher-kva.example:443"),
        ] {
            assert_eq!(Destination::of(url).map(|d| d.to_string()).as_deref(), Some(want));
        }
        assert_eq!(Destination::of("not a url"), None);
    }

    #[test]
    fn the_query_does_not_make_another_endpoint_but_the_organization_does() {
        let org = OrgId::new("default");
        let plain = implicit_endpoint(&org, "https://a.example/hook");
        assert_eq!(plain, implicit_endpoint(&org, "https://a.example/hook?order=1"));
        assert_ne!(plain, implicit_endpoint(&org, "https://a.example/other"));
        assert_ne!(plain, implicit_endpoint(&OrgId::new("o2"), "https://a.example/hook"));
    }
}
