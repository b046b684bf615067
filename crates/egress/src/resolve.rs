//! Names to addresses. Judging them is the dialler's.
use std::net::{IpAddr, ToSocketAddrs as _};
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;

use crate::Error;

/// A TTL is kept between these: a name with TTL 0 must not cost a query per webhook, one with a week must not outlive a move.
const TTL_MIN: Duration = Duration::from_secs(5);
const TTL_MAX: Duration = Duration::from_secs(300);

/// Names kept in the cache.
const CACHE_MAX: u64 = 4_096;

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveFailure {
    /// The name does not exist.
    NotFound,
    /// It exists and has no address.
    NoAddress,
    /// The name's own servers failed.
    Servfail,
    /// No answer in time.
    Timeout,
    /// No resolver can be reached at all: ours to mend.
    ResolverDown,
}

/// Resolves names.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of `name`, at least one.
    ///
    /// # Errors
    /// See [`ResolveFailure`].
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveFailure>;
}

/// Our own resolver on the system's configuration: asynchronous, with a cache, and it tells apart why there is no answer.
pub(crate) struct Builtin(TokioResolver);

impl Builtin {
    pub(crate) fn new() -> Result<Self, Error> {
        let mut builder = TokioResolver::builder_tokio().map_err(|error| Error::Resolver(error.to_string()))?;
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.cache_size = CACHE_MAX;
        options.use_hosts_file = ResolveHosts::Always;
        options.positive_min_ttl = Some(TTL_MIN);
        options.positive_max_ttl = Some(TTL_MAX);
        options.negative_min_ttl = Some(TTL_MIN);
        options.negative_max_ttl = Some(TTL_MAX);
        // Search domains would turn a typo of a user into a name inside our own network.
        options.ndots = 0;
        Ok(Self(builder.build().map_err(|error| Error::Resolver(error.to_string()))?))
    }
}

#[async_trait]
impl Resolve for Builtin {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveFailure> {
        // The final dot says that the name is whole.
        let found = self.0.lookup_ip(format!("{name}.")).await.map_err(|error| failure(&error))?;
        let addresses: Vec<IpAddr> = found.iter().collect();
        if addresses.is_empty() { Err(ResolveFailure::NoAddress) } else { Ok(addresses) }
    }
}

fn failure(error: &NetError) -> ResolveFailure {
    match error {
        error if error.is_nx_domain() => ResolveFailure::NotFound,
        NetError::Dns(DnsError::NoRecordsFound(none)) if none.response_code == ResponseCode::NoError => {
            ResolveFailure::NoAddress
        }
        NetError::Dns(_) | NetError::Proto(_) | NetError::Msg(_) | NetError::Message(_) | NetError::Truncated => {
            ResolveFailure::Servfail
        }
        NetError::Timeout => ResolveFailure::Timeout,
        NetError::Io(_) | NetError::NoConnections | NetError::Busy => ResolveFailure::ResolverDown,
        _ => ResolveFailure::Servfail,
    }
}

/// The system's getaddrinfo, on a thread: for names that only the system knows. It does not tell apart why.
pub(crate) struct System;

#[async_trait]
impl Resolve for System {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveFailure> {
        let name = name.to_owned();
        let found = tokio::task::spawn_blocking(move || (name.as_str(), 0).to_socket_addrs()).await;
        let addresses: Vec<IpAddr> = match found {
            Ok(Ok(found)) => found.map(|socket| socket.ip()).collect(),
            Ok(Err(_)) => return Err(ResolveFailure::NotFound),
            Err(_) => return Err(ResolveFailure::ResolverDown),
        };
        if addresses.is_empty() { Err(ResolveFailure::NoAddress) } else { Ok(addresses) }
    }
}
