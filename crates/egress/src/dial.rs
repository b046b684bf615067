//! From a URL to a connection: judged, resolved, judged again, dialled, checked, secured. The only place that connects.
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postsync_core::egress_rules::{EgressRules, Scheme, Target};
use postsync_core::outcome::{Phases, SendError};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::Deadlines;
use crate::resolve::{Resolve, ResolveFailure};
use crate::trouble::Trouble;

pub(crate) struct Dialler {
    pub(crate) rules: EgressRules,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) tls: TlsConnector,
    pub(crate) deadlines: Deadlines,
}

/// A byte stream to the other side.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, with what is known of how it came to be.
pub(crate) struct Dialled {
    pub(crate) stream: Pin<Box<dyn Stream>>,
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
    /// Judges a URL by the rules in force now: they may have changed since it was taken.
    pub(crate) fn target(&self, url: &str) -> Result<Target, Trouble> {
        self.rules.judge_url(url).map_err(|why| Trouble::new(SendError::AddressNotAllowed, format!("the URL {why}")))
    }

    /// Connects to `target`. Phase times go into `phases` as far as it got.
    pub(crate) async fn dial(&self, target: &Target, phases: &mut Phases) -> Result<Dialled, Undialled> {
        let addresses = self.addresses(target, phases).await?;
        let start = Instant::now();
        let (tcp, address) = self.connect(target, &addresses).await?;
        phases.connect_us = Some(micros(start));
        if target.scheme == Scheme::Http {
            return Ok(Dialled { stream: Box::pin(tcp), address, tls: None });
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
            return Ok(literal.clone());
        }
        let start = Instant::now();
        let found = timeout(self.deadlines.dns, self.resolver.resolve(&target.host)).await;
        phases.dns_us = Some(micros(start));
        let addresses =
            found.unwrap_or(Err(ResolveFailure::Timeout)).map_err(|failure| unresolved(&target.host, failure))?;
        self.rules
            .judge_addresses(target, &addresses)
            .map_err(|why| Trouble::new(SendError::AddressNotAllowed, format!("{} {why}", target.host)))?;
        Ok(addresses)
    }

    /// Tries each address, within one deadline for all: one that swallows packets leaves a fair share to the next.
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
                Err(trouble) => last = Undialled { trouble, address: Some(socket) },
            }
        }
        Err(last)
    }

    async fn secure(
        &self,
        target: &Target,
        tcp: TcpStream,
    ) -> Result<(Pin<Box<dyn Stream>>, Option<&'static str>), Trouble> {
        let host = target.host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            Trouble::new(SendError::TlsNameMismatch, format!("{host} can't be the name of a certificate"))
        })?;
        let stream = match timeout(self.deadlines.tls, self.tls.connect(name, tcp)).await {
            Ok(done) => done.map_err(|error| crate::tls::trouble(host, &error))?,
            Err(_) => {
                let late =
                    format!("{host} did not finish the TLS handshake within {} s", self.deadlines.tls.as_secs_f64());
                return Err(Trouble::new(SendError::TlsTimeout, late));
            }
        };
        let version = match stream.get_ref().1.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
            Some(rustls::ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
            _ => None,
        };
        Ok((Box::pin(stream), version))
    }
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
    match error.kind() {
        ErrorKind::ConnectionRefused => Trouble::new(
            SendError::ConnectRefused,
            format!("nothing listens at {socket}; start the receiver or correct the port"),
        ),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
            Trouble::new(SendError::ConnectReset, format!("{socket} reset the connection"))
        }
        ErrorKind::TimedOut => {
            Trouble::new(SendError::ConnectTimeout, format!("{socket} did not answer in time; check the firewall"))
        }
        _ => Trouble::new(SendError::ConnectUnreachable, format!("{socket} can't be reached: {error}")),
    }
}

fn unresolved(host: &str, failure: ResolveFailure) -> Trouble {
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
        ResolveFailure::Timeout => (SendError::DnsTimeout, format!("the name {host} was not resolved in time")),
        ResolveFailure::ResolverDown => (
            SendError::ResolverDown,
            "no configured resolver answers; this server's network or /etc/resolv.conf is to mend".to_owned(),
        ),
    };
    Trouble::new(error, message)
}

pub(crate) fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
