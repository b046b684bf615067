//! From a URL to a connection: judged, resolved, judged again, dialled, checked, secured. The only place that connects.
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use postsync_core::egress_rules::{EgressRules, Scheme, Target};
use postsync_core::outcome::{Phases, SendError};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::Deadlines;
use crate::resolve::{Cached, ResolveFailure};
use crate::trouble::Trouble;
use crate::wire::Stream;

/// Addresses of one name that are tried: each more would leave less than the time of a round trip to each.
const TRIED_MAX: usize = 8;

#[derive(Clone)]
pub(crate) struct Dialler {
    pub(crate) rules: EgressRules,
    pub(crate) resolver: Arc<Cached>,
    pub(crate) tls: TlsConnector,
    pub(crate) deadlines: Deadlines,
}

/// A connection, with what is known of how it came to be.
pub(crate) struct Dialled {
    pub(crate) stream: Stream,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<&'static str>,
}

/// What is known when there is no connection.
pub(crate) struct Undialled {
    pub(crate) trouble: Trouble,
    pub(crate) address: Option<SocketAddr>,
}

impl From<Trouble> for Undialled {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, address: None }
    }
}

impl Dialler {
    /// Connects to `target`. Phase times go into `phases` as far as it got.
    pub(crate) async fn dial(&self, target: &Target, phases: &mut Phases) -> Result<Dialled, Undialled> {
        let addresses = self.addresses(target, phases).await?;
        let start = Instant::now();
        let (tcp, address) = self.connect(target, &addresses).await?;
        phases.connect_us = Some(micros(start));
        if target.scheme == Scheme::Http {
            return Ok(Dialled { stream: Stream::Plain(tcp), address, tls: None });
        }
        let start = Instant::now();
        let secured = self.secure(target, tcp).await;
        phases.tls_us = Some(micros(start));
        match secured {
            Ok((stream, tls)) => Ok(Dialled { stream, address, tls }),
            Err(trouble) => Err(Undialled { trouble, address: Some(address) }),
        }
    }

    async fn addresses(&self, target: &Target, phases: &mut Phases) -> Result<Vec<IpAddr>, Trouble> {
        if let Some(literal) = &target.addresses {
            return Ok(in_order(literal));
        }
        let start = Instant::now();
        let found = self.resolver.resolve(&target.host).await;
        phases.dns_us = Some(micros(start));
        let addresses = found.map_err(|failure| unresolved(&target.host, failure, self.deadlines.dns))?;
        self.rules
            .judge_addresses(target, &addresses)
            .map_err(|why| Trouble::new(SendError::AddressNotAllowed, format!("{} {why}", target.host)))?;
        Ok(in_order(&addresses))
    }

    /// Tries each address, within one deadline for all: one that swallows packets leaves a fair share to the next. The last
    /// failure is reported, but an address without a route does not hide what another one said.
    async fn connect(&self, target: &Target, addresses: &[IpAddr]) -> Result<(TcpStream, SocketAddr), Undialled> {
        let deadline = Instant::now() + self.deadlines.connect;
        let mut last =
            Undialled::from(Trouble::new(SendError::DnsNoAddress, format!("{} has no address", target.host)));
        for (i, address) in addresses.iter().enumerate() {
            let socket = SocketAddr::new(*address, target.port);
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - i).unwrap_or(1);
            match connect_one(socket, share).await {
                Ok(stream) => return Ok((stream, socket)),
                Err(trouble) if trouble.error == SendError::ConnectUnreachable && last.address.is_some() => {}
                Err(trouble) => last = Undialled { trouble, address: Some(socket) },
            }
        }
        Err(last)
    }

    async fn secure(&self, target: &Target, tcp: TcpStream) -> Result<(Stream, Option<&'static str>), Trouble> {
        let host = target.host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            Trouble::new(SendError::TlsNameMismatch, format!("{host} can't be the name of a certificate"))
        })?;
        let stream = match timeout(self.deadlines.tls, self.tls.connect(name, tcp)).await {
            Ok(done) => done.map_err(|error| crate::tls::trouble(host, &error))?,
            Err(_) => {
                let late =
                    format!("{host} did not finish the TLS handshake within {:?}; check its load", self.deadlines.tls);
                return Err(Trouble::new(SendError::TlsTimeout, late));
            }
        };
        let version = match stream.get_ref().1.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
            Some(rustls::ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
            _ => None,
        };
        Ok((Stream::Tls(Box::new(stream)), version))
    }
}

/// An IPv4 address in IPv6's clothes (`::ffff:...`) is dialled as what it is. IPv4 first: a server without an IPv6 route is common, one without IPv4 is not, and there is one deadline for all.
fn in_order(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut ordered: Vec<IpAddr> = addresses.iter().map(IpAddr::to_canonical).collect();
    ordered.sort_by_key(IpAddr::is_ipv6);
    let mut seen = std::collections::HashSet::new();
    ordered.retain(|address| seen.insert(*address));
    ordered.truncate(TRIED_MAX);
    ordered
}

async fn connect_one(socket: SocketAddr, share: Duration) -> Result<TcpStream, Trouble> {
    let stream = match timeout(share, TcpStream::connect(socket)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(unconnected(socket, &error)),
        Err(_) => {
            let late = format!("{socket} did not answer the connection in time; check the firewall");
            return Err(Trouble::new(SendError::ConnectTimeout, late));
        }
    };
    // What was dialled is what was vetted; a transparent proxy that answers in its place is not.
    match stream.peer_addr() {
        Ok(peer) if peer.ip().to_canonical() == socket.ip().to_canonical() => {}
        _ => return Err(Trouble::new(SendError::AddressNotAllowed, format!("another address answered than {socket}"))),
    }
    // A webhook is one small write: it must not wait for the acknowledgement of nothing.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

fn unconnected(socket: SocketAddr, error: &std::io::Error) -> Trouble {
    let (kind, message) = match error.kind() {
        ErrorKind::ConnectionRefused => {
            (SendError::ConnectRefused, format!("nothing listens at {socket}; start the server or correct the port"))
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
            (SendError::ConnectReset, format!("{socket} reset the connection"))
        }
        ErrorKind::TimedOut => {
            (SendError::ConnectTimeout, format!("{socket} did not answer in time; check the firewall"))
        }
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => {
            (SendError::ConnectUnreachable, format!("there is no route to {socket}; check its address records"))
        }
        // Ours, so that it costs the receiver no step.
        kind if is_our_shortage(kind, socket, error.raw_os_error()) => {
            (SendError::OutOfSockets, format!("this server could not open a connection to {socket}: {error}"))
        }
        _ => (SendError::ConnectUnreachable, format!("{socket} can't be reached: {error}")),
    };
    Trouble::new(kind, message)
}

/// Out of descriptors, of memory or of local ports. An IPv6 address that can't be reached from here is no shortage: a machine
/// without IPv6 says "not available" too, and an own fault is retried for days.
fn is_our_shortage(kind: ErrorKind, socket: SocketAddr, code: Option<i32>) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(code, Some(ENFILE | EMFILE))
        || kind == ErrorKind::OutOfMemory
        || (kind == ErrorKind::AddrNotAvailable && socket.is_ipv4())
}

fn unresolved(host: &str, failure: ResolveFailure, deadline: Duration) -> Trouble {
    let (error, message) = match failure {
        ResolveFailure::NotFound => {
            (SendError::DnsNotFound, format!("the name {host} does not exist (NXDOMAIN); correct the URL"))
        }
        ResolveFailure::NoAddress => {
            (SendError::DnsNoAddress, format!("the name {host} has no address record; add one"))
        }
        ResolveFailure::Servfail => {
            (SendError::DnsServfail, format!("the name servers of {host} fail (SERVFAIL); mend its zone"))
        }
        ResolveFailure::Timeout => (
            SendError::DnsTimeout,
            format!("the name {host} was not resolved within {deadline:?}; check its name servers"),
        ),
        ResolveFailure::OutOfSockets => (
            SendError::OutOfSockets,
            format!("this server could not open a socket to ask for the name {host}; raise its limit of open files"),
        ),
        ResolveFailure::ResolverDown => (
            SendError::ResolverDown,
            "no configured resolver answers; the network or /etc/resolv.conf of this server is to mend".to_owned(),
        ),
    };
    Trouble::new(error, message)
}

pub(crate) fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn only_our_own_shortages_are_ours() {
        let (v4, v6) = ("192.0.2.1:443".parse().unwrap(), "[2001:db8::1]:443".parse().unwrap());
        for (code, socket, want) in [
            (24, v4, SendError::OutOfSockets),
            (99, v4, SendError::OutOfSockets),
            (99, v6, SendError::ConnectUnreachable),
            (97, v6, SendError::ConnectUnreachable),
            (101, v6, SendError::ConnectUnreachable),
            (113, v4, SendError::ConnectUnreachable),
            (13, v4, SendError::ConnectUnreachable),
            (111, v4, SendError::ConnectRefused),
            (110, v4, SendError::ConnectTimeout),
            (104, v4, SendError::ConnectReset),
        ] {
            let trouble = unconnected(socket, &std::io::Error::from_raw_os_error(code));
            assert_eq!(trouble.error, want, "{code} {socket}");
        }
    }

    #[test]
    fn each_address_is_tried_once_and_ipv4_first() {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let given = parse(&["2606:4700::1", "8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1", "1.1.1.1"]);
        assert_eq!(in_order(&given), parse(&["8.8.8.8", "1.1.1.1", "2606:4700::1"]));
        let many: Vec<IpAddr> = (0..100u8).map(|i| IpAddr::from([8, 8, 8, i])).collect();
        assert_eq!(in_order(&many), many[..TRIED_MAX]);
    }
}
