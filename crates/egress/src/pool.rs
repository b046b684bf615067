//! Idle connections: one LRU over all destinations. A server with ten thousand receivers keeps the busiest thousand.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use postsync_core::egress_rules::{Scheme, Target};

/// Longer idle than this and the other side, or a firewall between, has likely forgotten it.
const IDLE: Duration = Duration::from_secs(60);

/// What connections are shared by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl From<&Target> for Key {
    fn from(target: &Target) -> Self {
        Self { scheme: target.scheme, host: target.host.clone(), port: target.port }
    }
}

/// A connection that can take a request. Its task ends when this is dropped.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Full<Bytes>>,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<&'static str>,
}

struct Idle {
    key: Key,
    connection: Connection,
    since: Instant,
}

#[derive(Default)]
struct Kept {
    /// By the order in which they became idle: the first is the one to go.
    by_age: BTreeMap<u64, Idle>,
    by_key: HashMap<Key, VecDeque<u64>>,
    next: u64,
}

pub(crate) struct Pool {
    kept: Mutex<Kept>,
    idle_max: usize,
}

impl Pool {
    pub(crate) fn new(idle_max: usize) -> Self {
        Self { kept: Mutex::default(), idle_max }
    }

    /// The connection to `key` that was used last, if one is left that works.
    pub(crate) fn take(&self, key: &Key) -> Option<Connection> {
        let mut kept = self.locked();
        while let Some(place) = kept.by_key.get_mut(key).and_then(VecDeque::pop_back) {
            let idle = kept.by_age.remove(&place);
            kept.forget_if_empty(key);
            if let Some(idle) = idle.filter(|idle| idle.since.elapsed() < IDLE && !idle.connection.sender.is_closed()) {
                return Some(idle.connection);
            }
        }
        None
    }

    /// Keeps a connection for the next request. The one that has been idle longest goes where there are too many.
    pub(crate) fn put(&self, key: Key, connection: Connection) {
        if self.idle_max == 0 || connection.sender.is_closed() {
            return;
        }
        let mut kept = self.locked();
        while kept.by_age.len() >= self.idle_max || kept.oldest_is_stale() {
            kept.drop_oldest();
        }
        let place = kept.next;
        kept.next += 1;
        kept.by_key.entry(key.clone()).or_default().push_back(place);
        kept.by_age.insert(place, Idle { key, connection, since: Instant::now() });
    }

    fn locked(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn oldest_is_stale(&self) -> bool {
        self.by_age.first_key_value().is_some_and(|(_, idle)| idle.since.elapsed() >= IDLE)
    }

    fn drop_oldest(&mut self) {
        if let Some((place, idle)) = self.by_age.pop_first() {
            if let Some(places) = self.by_key.get_mut(&idle.key) {
                places.retain(|p| *p != place);
            }
            self.forget_if_empty(&idle.key);
        }
    }

    fn forget_if_empty(&mut self, key: &Key) {
        if self.by_key.get(key).is_some_and(VecDeque::is_empty) {
            self.by_key.remove(key);
        }
    }
}
