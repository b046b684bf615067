//! The server's only outgoing HTTP: webhooks out ([`Sender`](postsync_engine::ports::Sender)), input media in
//! ([`Fetch`](postsync_engine::ports::Fetch)), requests to servers that the operator has configured
//! ([`Exchange`](postsync_engine::ports::Exchange)).
//!
//! Promise: nothing is dialled but addresses that the rules opened, on every hop; every phase has a deadline and a byte cap;
//! whatever the other side does is a typed report, never a panic and never a wait without an end.
//!
//! Deliberately absent: retries and schedules (`core`), the store, redirects of webhooks, decompression.
#![warn(missing_docs)]

mod answer;
mod connection;
mod content;
mod dial;
mod exchange;
mod fetch;
mod io_errors;
mod pool;
mod recent;
mod request;
mod resolve;
mod retry_after;
mod route;
mod sender;
mod tls;
mod trouble;
mod trusted;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postsync_core::egress_rules::EgressRules;

pub use resolve::{Answer, Resolve, ResolveFailure};
pub use tls::authorities;

use dial::Dialler;
use pool::Pool;
use resolve::Cached;
use route::Routes;
use trusted::Trusted;

/// Settings of outgoing HTTP.
#[derive(Clone)]
pub struct EgressSettings {
    /// Where it may go.
    pub rules: EgressRules,
    /// PEM file with authorities that are trusted besides the bundled ones (`egress.ca_file`).
    pub ca_file: Option<PathBuf>,
    /// Idle connections kept, over all destinations (`egress.idle_max`).
    pub idle_max: usize,
    /// Whether names are resolved by the system (getaddrinfo) instead of by us.
    pub system_resolver: bool,
    /// Asked instead of the system's, where there are any, and without a hosts file; for tests.
    pub name_servers: Vec<SocketAddr>,
    /// Resolves names instead of all of them; for tests. Caching and the deadline are put around it too.
    pub resolver: Option<Arc<dyn Resolve>>,
    /// The longest that fetching an input may take (`media.fetch_timeout`).
    pub fetch_timeout: Duration,
    /// Bounds of the phases.
    pub deadlines: Deadlines,
    /// Addresses of servers that the operator has configured: their hosts and ports need not be public, for requests to them and
    /// for what they give us to fetch from them. Nobody else's URL gets there by this.
    pub configured: Vec<String>,
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self {
            rules: EgressRules::default(),
            ca_file: None,
            idle_max: 1_024,
            system_resolver: false,
            name_servers: Vec::new(),
            resolver: None,
            fetch_timeout: Duration::from_secs(600),
            deadlines: Deadlines::default(),
            configured: Vec::new(),
        }
    }
}

/// How long each phase may take. The answer to a webhook is bounded by its own timeout.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Resolving a name.
    pub dns: Duration,
    /// Connecting, over all addresses of the name together.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// Writing a request: head and body.
    pub write: Duration,
    /// The head of a media answer.
    pub media_head: Duration,
    /// Media without a byte.
    pub media_idle: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            dns: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            tls: Duration::from_secs(5),
            write: Duration::from_secs(5),
            media_head: Duration::from_secs(15),
            media_idle: Duration::from_secs(15),
        }
    }
}

/// Why outgoing HTTP can't be set up. Each is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of additional authorities.
    #[error("egress.ca_file (POSTSYNC_EGRESS_CA_FILE): {}: {why}", path.display())]
    CaFile {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// TLS could not be configured.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The resolver can't be set up on the system's configuration.
    #[error("the resolver can't be set up: {0}; check /etc/resolv.conf or set egress.resolver = system")]
    Resolver(String),
}

/// Outgoing HTTP. Cheap to clone.
#[derive(Clone)]
pub struct Egress {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) dialler: Dialler,
    /// For servers that the operator has configured.
    pub(crate) trusted: Trusted,
    pub(crate) routes: Routes,
    pub(crate) pool: Arc<Pool>,
    pub(crate) fetch_timeout: Duration,
}

impl Egress {
    /// Sets up TLS and the resolver; connects nowhere.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn new(settings: EgressSettings) -> Result<Self, Error> {
        let tls = tls::connector(settings.ca_file.as_deref())?;
        let deadlines = settings.deadlines;
        let resolver: Arc<dyn Resolve> = match settings.resolver {
            Some(resolver) => resolver,
            None if settings.system_resolver => Arc::new(resolve::System::new()),
            None if settings.name_servers.is_empty() => Arc::new(resolve::Dns::from_system(deadlines.dns)?),
            None => Arc::new(resolve::Dns::of(&settings.name_servers, deadlines.dns)?),
        };
        let resolver = Arc::new(Cached::new(resolver, deadlines.dns));
        let dialler = Dialler { rules: settings.rules, resolver, tls, deadlines };
        let inner = Inner {
            trusted: Trusted::new(&dialler, &settings.configured),
            dialler,
            routes: Routes::new(),
            pool: Pool::new(settings.idle_max),
            fetch_timeout: settings.fetch_timeout,
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}
