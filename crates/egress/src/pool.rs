//! Idle connections: one pool over all destinations. A server with ten thousand receivers keeps the busiest thousand.
//!
//! Promise: never more than `idle_max`, none longer than it is good for, and no work while there are none.
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::Connection;

/// Longer idle than this and the other side, or a firewall between, has likely forgotten it.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(60);

/// In which order they end, and then in which they came.
type Place = (Instant, u64);

#[derive(Default)]
struct Kept {
    /// The first is the next to end, and the one to go where there are too many.
    by_end: BTreeMap<Place, (Arc<str>, Connection)>,
    by_key: HashMap<Arc<str>, Vec<Place>>,
    next: u64,
    sweeping: bool,
}

pub(crate) struct Pool {
    kept: Mutex<Kept>,
    idle_max: usize,
}

impl Pool {
    pub(crate) fn new(idle_max: usize) -> Arc<Self> {
        Arc::new(Self { kept: Mutex::default(), idle_max })
    }

    /// The connection to `key` that was used last, if one is left that works.
    pub(crate) fn take(&self, key: &str) -> Option<Connection> {
        loop {
            let (place, mut connection) = self.locked().pop_newest(key)?;
            if place.0 > Instant::now() && connection.is_usable() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next request, for at most `idle_for`.
    pub(crate) fn put(self: &Arc<Self>, key: Arc<str>, mut connection: Connection, idle_for: Duration) {
        if self.idle_max == 0 || idle_for.is_zero() || !connection.is_usable() {
            return;
        }
        let mut kept = self.locked();
        let surplus = if kept.by_end.len() >= self.idle_max { kept.pop_first() } else { None };
        kept.push(key, connection, Instant::now() + idle_for.min(IDLE_MAX));
        let sweeps = std::mem::replace(&mut kept.sweeping, true);
        drop(kept);
        // Closing is a system call: not under the lock.
        drop(surplus);
        if !sweeps {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Takes out what has ended, and says when the next one will; `None` when none is left, which ends the sweeping too.
    fn sweep(&self) -> (Vec<Connection>, Option<Instant>) {
        let mut kept = self.locked();
        let (mut ended, now) = (Vec::new(), Instant::now());
        loop {
            match kept.by_end.first_key_value().map(|((end, _), _)| *end) {
                Some(end) if end <= now => ended.extend(kept.pop_first()),
                Some(end) => return (ended, Some(end)),
                None => {
                    kept.sweeping = false;
                    return (ended, None);
                }
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs while there is something to sweep, and holds nothing alive meanwhile.
async fn sweep(pool: Weak<Pool>) {
    while let Some(next) = pool.upgrade().and_then(|pool| pool.sweep().1) {
        tokio::time::sleep_until(next).await;
    }
}

impl Kept {
    fn push(&mut self, key: Arc<str>, connection: Connection, end: Instant) {
        let place = (end, self.next);
        self.next += 1;
        self.by_key.entry(key.clone()).or_default().push(place);
        self.by_end.insert(place, (key, connection));
    }

    fn pop_newest(&mut self, key: &str) -> Option<(Place, Connection)> {
        let place = self.by_key.get_mut(key)?.pop()?;
        self.forget_if_empty(key);
        let (_, connection) = self.by_end.remove(&place)?;
        Some((place, connection))
    }

    fn pop_first(&mut self) -> Option<Connection> {
        let (place, (key, connection)) = self.by_end.pop_first()?;
        if let Some(places) = self.by_key.get_mut(&key) {
            places.retain(|other| *other != place);
        }
        self.forget_if_empty(&key);
        Some(connection)
    }

    fn forget_if_empty(&mut self, key: &str) {
        if self.by_key.get(key).is_some_and(Vec::is_empty) {
            self.by_key.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::*;
    use crate::dial::Dialled;
    use crate::wire::Stream;

    const SOON: Duration = Duration::from_secs(10);

    /// A connection and the server's end of it.
    async fn pair(listener: &TcpListener) -> (Connection, TcpStream) {
        let address = listener.local_addr().unwrap();
        let (ours, theirs) = futures::join!(TcpStream::connect(address), listener.accept());
        let dialled = Dialled { stream: Stream::Plain(ours.unwrap()), address, tls: None };
        (Connection::open(dialled).await.unwrap(), theirs.unwrap().0)
    }

    async fn sees_the_close(mut server: TcpStream) {
        let read = timeout(SOON, server.read(&mut [0])).await.expect("closed in time");
        assert_eq!(read.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_has_been_idle_too_long_is_closed_without_being_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Pool::new(8);
        for _ in 0..2 {
            let (connection, server) = pair(&listener).await;
            pool.put("a".into(), connection, Duration::from_millis(20));
            sees_the_close(server).await;
            assert!(pool.take("a").is_none());
        }
    }

    #[tokio::test]
    async fn the_first_to_end_makes_room_and_the_last_used_is_taken_first() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Pool::new(2);
        let (mut servers, mut meters) = (Vec::new(), Vec::new());
        for (key, secs) in [("a", 50), ("b", 40), ("a", 60)] {
            let (connection, server) = pair(&listener).await;
            meters.push(connection.meter.clone());
            servers.push(server);
            pool.put(key.into(), connection, Duration::from_secs(secs));
        }
        sees_the_close(servers.remove(1)).await;
        assert!(pool.take("b").is_none());
        for expected in [2, 0] {
            assert!(Arc::ptr_eq(&pool.take("a").unwrap().meter, &meters[expected]));
        }
        assert!(pool.take("a").is_none() && pool.locked().by_key.is_empty());
    }

    #[tokio::test]
    async fn closes_all_when_it_goes_and_keeps_none_where_none_are_wanted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (idle_max, idle_for) in [(8, 60), (8, 0), (0, 60)] {
            let pool = Pool::new(idle_max);
            let (connection, server) = pair(&listener).await;
            pool.put("a".into(), connection, Duration::from_secs(idle_for));
            drop(pool);
            sees_the_close(server).await;
        }
    }
}
