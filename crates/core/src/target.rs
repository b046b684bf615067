//! Whom a webhook goes to: destinations (scheme, host, port: the unit of connection health) and endpoints (organization
//! and URL without its query).
use std::fmt;

use sha2::{Digest, Sha256};
use url::Url;

use crate::ids::{EndpointId, OrgId};

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
        let url = Url::parse(url).ok()?;
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }

    /// Which owner it belongs to: the same on every node and in every version, since it is stored.
    #[must_use]
    pub fn shard(&self) -> u8 {
        Sha256::digest(self.to_string().as_bytes())[0]
    }
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
    EndpointId::new(&format!("imp_{}", hex::encode(&hash.finalize()[..12])))
}

/// A URL as logs show it.
#[must_use]
pub fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

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
