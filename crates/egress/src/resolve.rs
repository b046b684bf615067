//! Names to addresses. Judging them is the dialler's.
mod cached;
mod dns;
mod hosts;
mod system;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

pub(crate) use cached::Cached;
pub(crate) use dns::Dns;
pub(crate) use system::System;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// At least one.
    pub addresses: Vec<IpAddr>,
    /// For how long. The cache keeps it between 5 and 300 s.
    pub ttl: Duration,
}

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveFailure {
    /// The name does not exist.
    NotFound,
    /// It exists and has no address.
    NoAddress,
    /// The name's own servers failed.
    Servfail,
    /// No answer in time, from a resolver that answers other names.
    Timeout,
    /// No resolver answers any name: ours to mend.
    ResolverDown,
    /// This process could not open a socket to ask with: ours to mend.
    OutOfSockets,
}

/// Resolves names. Caching and the deadline are put around it.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of `name`, which has no final dot and is whole: search domains do not apply.
    ///
    /// # Errors
    /// See [`ResolveFailure`].
    async fn resolve(&self, name: &str) -> Result<Answer, ResolveFailure>;
}
