//! Where the server may connect to: the rules of outgoing HTTP, for webhooks and input media alike.
//!
//! [`EgressRules::judge_url`] judges what can be judged without DNS, when a URL is taken; [`EgressRules::judge_addresses`] judges
//! what its name resolved to, when it is dialled. Promise: what is refused says why, in one ASCII sentence that names the setting
//! which opens it; what `egress.allow` names is opened, and nothing beside it. No IO: resolving and dialling are egress's.
mod allow;
mod refusal;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

pub use allow::{Allow, AllowError};
pub use refusal::{AddressRefused, UrlRefused};

use crate::address::classify;
use crate::limits::URL_BYTES_MAX;

/// The setting that opens addresses, names and ports, as users find it.
pub const ALLOW_SETTING: &str = "egress.allow (POSTSYNC_EGRESS_ALLOW)";

/// The setting that opens plain http.
pub const ALLOW_HTTP_SETTING: &str = "egress.allow_http (POSTSYNC_EGRESS_ALLOW_HTTP)";

/// What DNS has room for: in a name, and between two of its dots.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// What the operator has opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressRules {
    /// Plain http, and with it port 80.
    pub allow_http: bool,
    /// Addresses and names that are dialled although they are not public, on whatever port.
    pub allow: Vec<Allow>,
}

/// How the other side is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// TLS.
    Https,
    /// Plain; only with `egress.allow_http`.
    Http,
}

impl Scheme {
    /// `https`
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

/// What a URL that passed leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `https` or `http`.
    pub scheme: Scheme,
    /// As it stands in `Host` and in the certificate: lower case, punycode, no final dot; an IPv6 literal in brackets.
    pub host: String,
    /// Always named.
    pub port: u16,
    /// Path and query as they go on the request line.
    pub path_and_query: String,
    /// The addresses of a literal or of `localhost`, judged already; `None` for a name that is to be resolved and judged.
    pub addresses: Option<Vec<IpAddr>>,
}

impl Target {
    /// `Host` names the port only where it is not the scheme's own, as clients write it.
    #[must_use]
    pub fn host_header(&self) -> String {
        host_header(self.scheme.as_str(), &self.host, self.port)
    }

    /// The same of a URL that was sent to, whatever the rules say of it now.
    #[must_use]
    pub fn host_header_of(url: &str) -> Option<String> {
        let url = parse(url).ok()?;
        let host = match url.host()? {
            Host::Ipv4(v4) => v4.to_string(),
            Host::Ipv6(v6) => format!("[{v6}]"),
            Host::Domain(name) => name.strip_suffix('.').unwrap_or(name).to_owned(),
        };
        Some(host_header(url.scheme(), &host, url.port_or_known_default()?))
    }
}

fn host_header(scheme: &str, host: &str, port: u16) -> String {
    match (scheme, port) {
        ("https", 443) | ("http", 80) => host.to_owned(),
        _ => format!("{host}:{port}"),
    }
}

impl EgressRules {
    /// Judges everything about a URL that needs no DNS: length, syntax, scheme, user-info, fragment, port, and a host that is an
    /// address in any spelling or `localhost`. Ports below 1024 other than 443 (and 80 with `allow_http`) are refused unless
    /// [`Allow`] names the host: a name by its name, an address by a range that holds it.
    ///
    /// # Errors
    ///
    /// The rule that it breaks. Put the field's name before its text: `webhookUrl points at 127.0.0.1, ...`.
    pub fn judge_url(&self, written: &str) -> Result<Target, UrlRefused> {
        let url = parse(written)?;
        let scheme = self.judge_scheme(&url)?;
        judge_parts(&url)?;
        let port = url.port_or_known_default().ok_or(UrlRefused::Syntax)?;
        let (host, addresses, named) = match url.host().ok_or(UrlRefused::Syntax)? {
            Host::Ipv4(v4) => self.literal(v4.to_string(), v4.into(), port)?,
            Host::Ipv6(v6) => self.literal(format!("[{v6}]"), v6.into(), port)?,
            Host::Domain(name) => self.name(name.strip_suffix('.').unwrap_or(name), port)?,
        };
        if !named && !self.usual_port(port) || port == 0 {
            return Err(UrlRefused::Port { port });
        }
        if has_encoded_host(written) {
            return Err(UrlRefused::EncodedHost);
        }
        let path_and_query = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
        Ok(Target { scheme, host, port, path_and_query, addresses })
    }

    /// Judges what the name of a target resolved to. One address that is not open closes all: whoever mixes a public and a
    /// private answer is trying something.
    ///
    /// # Errors
    ///
    /// The first address that is neither public nor allowed.
    pub fn judge_addresses(&self, target: &Target, addresses: &[IpAddr]) -> Result<(), AddressRefused> {
        if self.names(&target.host, target.port) {
            return Ok(());
        }
        for &address in addresses {
            self.judge_address(address, target.port).map_err(|special| AddressRefused { address, special })?;
        }
        Ok(())
    }

    fn judge_address(&self, address: IpAddr, port: u16) -> Result<(), crate::address::Special> {
        if self.holds(address, port) { Ok(()) } else { classify(address) }
    }

    fn judge_scheme(&self, url: &Url) -> Result<Scheme, UrlRefused> {
        match url.scheme() {
            "https" => Ok(Scheme::Https),
            "http" if self.allow_http => Ok(Scheme::Http),
            "http" => Err(UrlRefused::PlainHttp),
            _ => Err(UrlRefused::Scheme),
        }
    }

    fn usual_port(&self, port: u16) -> bool {
        port == 443 || port >= 1024 || (port == 80 && self.allow_http)
    }

    fn names(&self, host: &str, port: u16) -> bool {
        self.allow.iter().any(|allow| allow.names(host, port))
    }

    fn holds(&self, address: IpAddr, port: u16) -> bool {
        self.allow.iter().any(|allow| allow.holds(address, port))
    }

    /// A host that is an address: (as shown, addresses, whether the allow-list names it).
    fn literal(
        &self,
        host: String,
        address: IpAddr,
        port: u16,
    ) -> Result<(String, Option<Vec<IpAddr>>, bool), UrlRefused> {
        self.judge_address(address, port).map_err(|special| UrlRefused::Address { host: host.clone(), special })?;
        Ok((host, Some(vec![address]), self.holds(address, port)))
    }

    /// A host that is a name. `localhost` and what is below it never goes to DNS, where somebody could answer for it.
    fn name(&self, name: &str, port: u16) -> Result<(String, Option<Vec<IpAddr>>, bool), UrlRefused> {
        if name.split('.').any(str::is_empty) {
            return Err(UrlRefused::EmptyLabel);
        }
        if name.len() > NAME_BYTES_MAX || name.split('.').any(|label| label.len() > LABEL_BYTES_MAX) {
            return Err(UrlRefused::LongName);
        }
        let named = self.names(name, port);
        if name != "localhost" && !name.ends_with(".localhost") {
            return Ok((name.to_owned(), None, named));
        }
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let open: Vec<IpAddr> = loopback.into_iter().filter(|&address| named || self.holds(address, port)).collect();
        if open.is_empty() {
            return Err(UrlRefused::Localhost { host: name.to_owned() });
        }
        Ok((name.to_owned(), Some(open), true))
    }
}

/// Stricter than a browser, which drops tabs and line ends and reads `https:host` and `https:///host` as URLs too: two readers
/// that disagree about where the host stands are how a guard is walked around.
fn parse(url: &str) -> Result<Url, UrlRefused> {
    if url.len() > URL_BYTES_MAX {
        return Err(UrlRefused::TooLong { bytes: url.len() });
    }
    if url.chars().any(char::is_control) || url.trim() != url {
        return Err(UrlRefused::Invisible);
    }
    let after = url.split_once("://").map(|(_, after)| after).ok_or(UrlRefused::Syntax)?;
    // A browser takes a backslash for a slash; another reader finds user info before it and another host behind it.
    let before_query = after.split('?').next().unwrap_or_default();
    if after.starts_with('/') || before_query.contains('\\') {
        return Err(UrlRefused::Syntax);
    }
    let parsed = Url::parse(url).map_err(|_| UrlRefused::Syntax)?;
    // `https:a://b` has its host before the `://`.
    let scheme_bytes = parsed.scheme().len();
    if url.get(scheme_bytes..scheme_bytes + 3) == Some("://") { Ok(parsed) } else { Err(UrlRefused::Syntax) }
}

/// A browser decodes it before it looks for the host; other readers ask for the name as it stands. Of a URL without user info.
fn has_encoded_host(url: &str) -> bool {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    after.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('%'))
}

fn judge_parts(url: &Url) -> Result<(), UrlRefused> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlRefused::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(UrlRefused::Fragment);
    }
    Ok(())
}
