//! Our own resolver on the system's configuration: asynchronous, and it tells apart why there is no answer.
//!
//! Whose fault a failure is decides whether an attempt uses a step: a resolver that lately knew anything, or knows the root now,
//! is up, and a name without an answer is its owner's to mend. One that does not is ours: it is silent, or it answers SERVFAIL or
//! REFUSED for all names, as local forwarders do while the network behind them is down.
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use tokio::time::{Instant, timeout};

use super::hosts::HostsFile;
use super::{Answer, Resolve, ResolveFailure};
use crate::Error;

/// Knowing anything within this time says that the resolver is up.
const HEARD_LATELY: Duration = Duration::from_secs(10);

/// What a name from the hosts file is worth: the cache's least.
const HOSTS_TTL: Duration = Duration::ZERO;

pub(crate) struct Dns {
    resolver: TokioResolver,
    hosts: HostsFile,
    heard_at: Mutex<Option<Instant>>,
    lookup_max: Duration,
    probe_max: Duration,
    /// Whether this process can open a socket now.
    has_sockets: fn() -> bool,
}

impl Dns {
    /// On `/etc/resolv.conf`; without one on this machine, as the C library does.
    pub(crate) fn from_system(deadline: Duration) -> Result<Self, Error> {
        let config = match hickory_resolver::system_conf::read_system_conf() {
            Ok((config, _)) if !config.name_servers().is_empty() => config,
            other => {
                tracing::warn!(
                    error = other.err().map(|error| error.to_string()),
                    "no resolver is configured; 127.0.0.1 is asked"
                );
                let local = NameServerConfig::udp_and_tcp(IpAddr::V4(Ipv4Addr::LOCALHOST));
                ResolverConfig::from_name_servers(vec![local])
            }
        };
        Self::new(config, HostsFile::new("/etc/hosts"), deadline)
    }

    /// On these, over UDP, and nothing that this machine knows.
    pub(crate) fn of(name_servers: &[SocketAddr], deadline: Duration) -> Result<Self, Error> {
        let servers = name_servers.iter().map(|server| {
            let mut udp = ConnectionConfig::udp();
            udp.port = server.port();
            NameServerConfig::new(server.ip(), true, vec![udp])
        });
        Self::new(ResolverConfig::from_name_servers(servers.collect()), HostsFile::new("/nonexistent/hosts"), deadline)
    }

    fn new(config: ResolverConfig, hosts: HostsFile, deadline: Duration) -> Result<Self, Error> {
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        // Ours knows single flight and our bounds; two caches would add up their TTLs.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.timeout = deadline.mul_f32(0.3);
        options.attempts = 1;
        let resolver = builder.build().map_err(|error| Error::Resolver(error.to_string()))?;
        let heard_at = Mutex::new(None);
        let (lookup_max, probe_max) = (deadline.mul_f32(0.75), deadline.mul_f32(0.2));
        Ok(Self { resolver, hosts, heard_at, lookup_max, probe_max, has_sockets })
    }

    fn heard(&self) {
        *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn heard_lately(&self) -> bool {
        let heard_at = *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner);
        heard_at.is_some_and(|at| at.elapsed() < HEARD_LATELY)
    }

    /// What it means that one name has no answer: `failure` where the resolver is up.
    async fn judged(&self, failure: ResolveFailure) -> ResolveFailure {
        // Nobody was asked then, and it would read as nobody's answer.
        if !(self.has_sockets)() {
            return ResolveFailure::OutOfSockets;
        }
        if self.heard_lately() {
            return failure;
        }
        match timeout(self.probe_max, self.resolver.lookup(".", RecordType::NS)).await {
            Ok(answer) if answer.as_ref().map_or_else(|error| verdict(error).is_ok(), |_| true) => {
                self.heard();
                failure
            }
            _ => ResolveFailure::ResolverDown,
        }
    }
}

#[async_trait]
impl Resolve for Dns {
    async fn resolve(&self, name: &str) -> Result<Answer, ResolveFailure> {
        let addresses = self.hosts.lookup(name);
        if !addresses.is_empty() {
            return Ok(Answer { addresses, ttl: HOSTS_TTL });
        }
        // The final dot says that the name is whole: search domains would turn a typo into a name of our own network.
        // What is no name (an empty label, one that is too long) can't exist.
        let name = Name::from_ascii(format!("{name}.")).map_err(|_| ResolveFailure::NotFound)?;
        let Ok(looked_up) = timeout(self.lookup_max, self.resolver.lookup_ip(name)).await else {
            return Err(self.judged(ResolveFailure::Timeout).await);
        };
        match looked_up {
            Ok(found) => {
                self.heard();
                let ttl = found.valid_until().saturating_duration_since(std::time::Instant::now());
                Ok(Answer { addresses: found.iter().collect(), ttl })
            }
            Err(error) => match verdict(&error) {
                Ok(known) => {
                    self.heard();
                    Err(known)
                }
                Err(unknown) => Err(self.judged(unknown).await),
            },
        }
    }
}

fn has_sockets() -> bool {
    std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).is_ok()
}

/// `Ok` is what a resolver knows of a name; `Err` that it knows nothing, which may be its own fault.
fn verdict(error: &NetError) -> Result<ResolveFailure, ResolveFailure> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Ok(ResolveFailure::NotFound),
            ResponseCode::NoError => Ok(ResolveFailure::NoAddress),
            _ => Err(ResolveFailure::Servfail),
        },
        // SERVFAIL, REFUSED and the like, or an answer that can't be read.
        NetError::Dns(_) | NetError::Proto(_) | NetError::Msg(_) | NetError::Message(_) | NetError::Truncated => {
            Err(ResolveFailure::Servfail)
        }
        _ => Err(ResolveFailure::Timeout),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    /// How a name server answers for the root.
    #[derive(Clone, Copy)]
    enum Root {
        Known,
        Servfail,
        Silent,
    }

    /// A name server with a zone of five names: `a` has an address, `empty` none, `broken` fails, `closed` is refused, `silent`
    /// says nothing.
    async fn name_server(root: Root) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0u8; 1500];
            while let Ok((_, from)) = socket.recv_from(&mut buffer).await {
                if let Some(answer) = reply(&buffer, root) {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        address
    }

    fn reply(query: &[u8], root: Root) -> Option<Vec<u8>> {
        let end = 12 + query[12..].iter().position(|&byte| byte == 0).unwrap() + 5;
        let first = query[13..13 + usize::from(query[12])].to_ascii_lowercase();
        let is_a = query[end - 3] == 1;
        let (code, has_answer) = match first.as_slice() {
            b"a" => (0, is_a),
            b"empty" => (0, false),
            b"broken" => (2, false),
            b"silent" => return None,
            b"closed" => (5, false),
            b"" => match root {
                Root::Known => (0, false),
                Root::Servfail => (2, false),
                Root::Silent => return None,
            },
            _ => (3, false),
        };
        let mut answer = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, u8::from(has_answer), 0, 0, 0, 0];
        answer.extend_from_slice(&query[12..end]);
        if has_answer {
            answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 77, 0, 4, 192, 0, 2, 7]);
        }
        Some(answer)
    }

    fn dns(server: SocketAddr, deadline_ms: u64) -> Dns {
        Dns::of(&[server], Duration::from_millis(deadline_ms)).unwrap()
    }

    #[tokio::test]
    async fn tells_apart_why_there_is_no_answer() {
        let dns = dns(name_server(Root::Known).await, 5_000);
        let found = dns.resolve("a.example").await.unwrap();
        assert_eq!(found.addresses, [IpAddr::from([192, 0, 2, 7])]);
        assert!(found.ttl > Duration::from_secs(70) && found.ttl <= Duration::from_secs(77), "{:?}", found.ttl);
        for (name, want) in [
            ("nowhere.example", ResolveFailure::NotFound),
            ("empty.example", ResolveFailure::NoAddress),
            ("broken.example", ResolveFailure::Servfail),
            ("closed.example", ResolveFailure::Servfail),
            ("a..b", ResolveFailure::NotFound),
        ] {
            assert_eq!(dns.resolve(name).await, Err(want), "{name}");
        }
    }

    #[tokio::test]
    async fn silence_for_one_name_is_its_owners_and_for_all_is_ours() {
        // Long enough for the probe to be answered on a busy machine.
        let up = dns(name_server(Root::Known).await, 3_000);
        assert_eq!(up.resolve("silent.example").await, Err(ResolveFailure::Timeout));
        let down = dns(name_server(Root::Silent).await, 500);
        assert_eq!(down.resolve("silent.example").await, Err(ResolveFailure::ResolverDown));
        let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(dns(closed, 500).resolve("a.example").await, Err(ResolveFailure::ResolverDown));
    }

    #[tokio::test]
    async fn a_process_without_sockets_blames_no_name() {
        let up = dns(name_server(Root::Known).await, 3_000);
        assert!((up.has_sockets)());
        up.resolve("a.example").await.unwrap();
        let without = Dns { has_sockets: || false, ..up };
        assert_eq!(without.resolve("silent.example").await, Err(ResolveFailure::OutOfSockets));
        assert_eq!(without.resolve("nowhere.example").await, Err(ResolveFailure::NotFound), "somebody was asked");
    }

    #[tokio::test]
    async fn a_failure_for_one_name_is_its_owners_and_for_all_is_ours() {
        for name in ["broken.example", "closed.example"] {
            let up = dns(name_server(Root::Known).await, 5_000);
            assert_eq!(up.resolve(name).await, Err(ResolveFailure::Servfail), "{name}");
            let cut_off = dns(name_server(Root::Servfail).await, 5_000);
            assert_eq!(cut_off.resolve(name).await, Err(ResolveFailure::ResolverDown), "{name}");
            // It knows another name: so it is up.
            assert_eq!(cut_off.resolve("nowhere.example").await, Err(ResolveFailure::NotFound));
            assert_eq!(cut_off.resolve(name).await, Err(ResolveFailure::Servfail), "{name}");
        }
    }
}
