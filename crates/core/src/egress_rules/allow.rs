//! One entry of `egress.allow`: what it names is opened, and nothing beside it.
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use url::Host;

use crate::address::canonical;

/// The most entries that are taken: each is compared with each address that is dialled.
const ENTRIES_MAX: usize = 1_000;

/// `10.0.0.0/8`, `127.0.0.1`, `127.0.0.1:8443`, `receiver.internal` or `receiver.internal:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    what: What,
    /// Only this port; any where it is not named.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// These addresses, whoever names them.
    Range(IpNet),
    /// This name and none below it, whatever it resolves to.
    Name(String),
}

/// An entry of `egress.allow` that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowError {
    /// Neither a range nor an address nor a name.
    #[error(
        "{entry:?} is neither a range of addresses (10.0.0.0/8), an address (127.0.0.1) nor a host name (receiver.internal), with or without a port"
    )]
    Entry {
        /// As given.
        entry: String,
    },
    /// `10.0.0.1/8`: is it the range or the address?
    #[error("{entry:?} has bits behind its prefix; write {network} for the range, or the address without /")]
    HostBits {
        /// As given.
        entry: String,
        /// What the range would be.
        network: IpNet,
    },
    /// `*.example.com`
    #[error("{entry:?} has a wildcard; name each host, or open the range of addresses that they have")]
    Wildcard {
        /// As given.
        entry: String,
    },
    /// `https://host`
    #[error("{entry:?} is a URL; name only its host, with or without a port")]
    Url {
        /// As given.
        entry: String,
    },
    /// Over a thousand.
    #[error("{entries} entries are too many; at most {ENTRIES_MAX} are taken")]
    TooMany {
        /// How many there are.
        entries: usize,
    },
}

impl Allow {
    /// Reads the setting: entries separated by commas, spaces around them and empty ones left out.
    ///
    /// # Errors
    ///
    /// The first entry that can't be read.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, AllowError> {
        let entries: Vec<&str> = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
        if entries.len() > ENTRIES_MAX {
            return Err(AllowError::TooMany { entries: entries.len() });
        }
        entries.into_iter().map(str::parse).collect()
    }

    /// Exactly one address, on exactly one port.
    #[must_use]
    pub fn socket(address: SocketAddr) -> Self {
        Self { what: What::Range(canonical(address.ip()).into()), port: Some(address.port()) }
    }

    /// Whether it opens that name, in lower case and without a final dot.
    #[must_use]
    pub fn names(&self, host: &str, port: u16) -> bool {
        matches!(&self.what, What::Name(name) if name == host) && self.port.is_none_or(|own| own == port)
    }

    /// Whether it opens that address.
    #[must_use]
    pub fn holds(&self, address: IpAddr, port: u16) -> bool {
        let holds = |range: &IpNet| range.contains(&address) || range.contains(&canonical(address));
        matches!(&self.what, What::Range(range) if holds(range)) && self.port.is_none_or(|own| own == port)
    }
}

impl FromStr for Allow {
    type Err = AllowError;

    fn from_str(text: &str) -> Result<Self, AllowError> {
        let entry = || text.to_owned();
        if text.contains("://") {
            return Err(AllowError::Url { entry: entry() });
        }
        if text.contains('*') {
            return Err(AllowError::Wildcard { entry: entry() });
        }
        if let Ok(range) = text.parse::<IpNet>() {
            if range.trunc() != range {
                return Err(AllowError::HostBits { entry: entry(), network: range.trunc() });
            }
            return Ok(Self { what: What::Range(range), port: None });
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self { what: What::Range(canonical(address).into()), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(parse_port(port).ok_or_else(|| AllowError::Entry { entry: entry() })?)),
            None => (text, None),
        };
        host_entry(host, port).ok_or_else(|| AllowError::Entry { entry: entry() })
    }
}

/// A name, or an address with a port or in brackets, in the spelling that URLs are reduced to.
fn host_entry(host: &str, port: Option<u16>) -> Option<Allow> {
    if host.is_empty() || host.contains(['/', '@', '?', '#', ' ']) {
        return None;
    }
    let what = match Host::parse(host).ok()? {
        Host::Ipv4(address) => What::Range(IpAddr::from(address).into()),
        Host::Ipv6(address) => What::Range(canonical(address.into()).into()),
        Host::Domain(name) => What::Name(name.strip_suffix('.').unwrap_or(&name).to_owned()),
    };
    Some(Allow { what, port })
}

fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten().filter(|&port| port > 0)
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.what, self.port) {
            (What::Name(name), None) => f.write_str(name),
            (What::Name(name), Some(port)) => write!(f, "{name}:{port}"),
            (What::Range(range), None) => write!(f, "{range}"),
            (What::Range(range), Some(port)) => write!(f, "{}", SocketAddr::new(range.addr(), port)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ranges_addresses_names_and_ports_and_writes_them_again() {
        let list = Allow::parse_list(
            " 10.0.0.0/8, 127.0.0.1 ,fd00::/8,::1,Receiver.Internal.,b\u{fc}cher.example:8443,,[::1]:9000,10.1.2.3:25,::ffff:1.2.3.4",
        );
        let written: Vec<String> = list.unwrap().iter().map(Allow::to_string).collect();
        assert_eq!(
            written,
            [
                "10.0.0.0/8",
                "127.0.0.1/32",
                "fd00::/8",
                "::1/128",
                "receiver.internal",
                "xn--bcher-kva.example:8443",
                "[::1]:9000",
                "10.1.2.3:25",
                "1.2.3.4/32"
            ]
        );
        assert_eq!(Allow::parse_list(" , ").unwrap(), []);
    }

    #[test]
    fn says_what_is_wrong_with_an_entry() {
        for (text, part) in [
            ("10.0.0.1/8", "write 10.0.0.0/8"),
            ("*.example.com", "wildcard"),
            ("https://a.example", "is a URL"),
            ("10.0.0.0/40", "neither"),
            ("a.example:port", "neither"),
            ("a.example:0", "neither"),
            ("a.example/x", "neither"),
            ("two words", "neither"),
            ("a.example:99999", "neither"),
        ] {
            let error = Allow::parse_list(text).unwrap_err().to_string();
            assert!(error.contains(part) && error.is_ascii(), "{error}");
        }
        assert!(matches!(Allow::parse_list(&"a,".repeat(1_001)), Err(AllowError::TooMany { entries: 1_001 })));
    }
}
