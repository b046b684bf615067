//! The cache before a resolver, with its deadline. A thousand webhooks to one name are one query, also while it is under way.
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::time::{Instant, timeout};

use super::{Answer, Resolve, ResolveFailure};
use crate::recent::Recent;

/// A TTL is kept between these: a name with TTL 0 must not cost a query per webhook, one with a week must not outlive a move.
const TTL_MIN: Duration = Duration::from_secs(5);
const TTL_MAX: Duration = Duration::from_secs(300);

/// That a name does not exist is believed for so long: whoever has just made it does not wait longer.
const ABSENT_TTL: Duration = Duration::from_secs(5);

/// A failure of the way there spares the resolver a burst, and no more.
const FAILED_TTL: Duration = Duration::from_secs(1);

/// Names kept.
const NAMES_MAX: usize = 4_096;

type Found = Result<Arc<[IpAddr]>, ResolveFailure>;
type Flight = Shared<BoxFuture<'static, (Found, Duration)>>;

enum Entry {
    /// Under way; whoever asks joins. `since` bounds how long one that all have left is joined again.
    Flying {
        flight: Flight,
        since: Instant,
    },
    Known {
        found: Found,
        until: Instant,
    },
}

pub(crate) struct Cached {
    inner: Arc<dyn Resolve>,
    deadline: Duration,
    entries: Mutex<Recent<Entry>>,
}

impl Cached {
    pub(crate) fn new(inner: Arc<dyn Resolve>, deadline: Duration) -> Self {
        Self { inner, deadline, entries: Mutex::new(Recent::new(NAMES_MAX)) }
    }

    pub(crate) async fn resolve(&self, name: &str) -> Found {
        let flight = match self.known_or_flight(name) {
            Ok(found) => return found,
            Err(flight) => flight,
        };
        let (found, ttl) = flight.clone().await;
        self.land(name, &flight, &found, ttl);
        found
    }

    fn known_or_flight(&self, name: &str) -> Result<Found, Flight> {
        let now = Instant::now();
        let mut entries = self.locked();
        match entries.get(name) {
            Some(Entry::Known { found, until }) if now < *until => return Ok(found.clone()),
            Some(Entry::Flying { flight, since }) if now < *since + self.deadline => return Err(flight.clone()),
            _ => {}
        }
        let flight = self.take_off(name);
        entries.insert(name.into(), Entry::Flying { flight: flight.clone(), since: now });
        Err(flight)
    }

    fn take_off(&self, name: &str) -> Flight {
        let (inner, name, deadline) = (self.inner.clone(), name.to_owned(), self.deadline);
        let query = async move {
            match timeout(deadline, inner.resolve(&name)).await {
                Ok(answer) => kept(answer),
                Err(_) => (Err(ResolveFailure::Timeout), FAILED_TTL),
            }
        };
        query.boxed().shared()
    }

    /// The first of those who waited writes it down; the others find it there.
    fn land(&self, name: &str, flight: &Flight, found: &Found, ttl: Duration) {
        let mut entries = self.locked();
        if let Some(entry) = entries.get(name)
            && matches!(entry, Entry::Flying { flight: own, .. } if own.ptr_eq(flight))
        {
            *entry = Entry::Known { found: found.clone(), until: Instant::now() + ttl };
        }
    }

    fn locked(&self) -> MutexGuard<'_, Recent<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kept(answer: Result<Answer, ResolveFailure>) -> (Found, Duration) {
    match answer {
        Ok(answer) if answer.addresses.is_empty() => (Err(ResolveFailure::NoAddress), ABSENT_TTL),
        Ok(answer) => (Ok(answer.addresses.into()), answer.ttl.clamp(TTL_MIN, TTL_MAX)),
        Err(failure @ (ResolveFailure::NotFound | ResolveFailure::NoAddress)) => (Err(failure), ABSENT_TTL),
        Err(failure) => (Err(failure), FAILED_TTL),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use tokio::sync::Semaphore;

    use super::*;

    /// Answers as its name says, once the gate lets it, and counts the questions.
    struct Gated {
        gate: Semaphore,
        asked: AtomicUsize,
    }

    #[async_trait]
    impl Resolve for Gated {
        async fn resolve(&self, name: &str) -> Result<Answer, ResolveFailure> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.gate.acquire().await.unwrap().forget();
            let ttl = |text: &str| Duration::from_secs(text.parse().unwrap());
            match name.split_once('.') {
                Some(("ttl", secs)) => Ok(Answer { addresses: vec![[192, 0, 2, 1].into()], ttl: ttl(secs) }),
                Some(("servfail", _)) => Err(ResolveFailure::Servfail),
                Some(("empty", _)) => Ok(Answer { addresses: vec![], ttl: Duration::ZERO }),
                _ => Err(ResolveFailure::NotFound),
            }
        }
    }

    fn cached(gates: usize) -> (Arc<Gated>, Arc<Cached>) {
        let gated = Arc::new(Gated { gate: Semaphore::new(gates), asked: AtomicUsize::new(0) });
        (gated.clone(), Arc::new(Cached::new(gated, Duration::from_secs(5))))
    }

    #[tokio::test(start_paused = true)]
    async fn many_askers_are_one_query() {
        let (gated, cached) = cached(0);
        let asking = futures::future::join_all((0..100).map(|_| cached.resolve("ttl.60")));
        let (all, ()) = futures::join!(asking, async { gated.gate.add_permits(1) });
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(gated.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_lasts_between_5_and_300_s() {
        for (name, secs) in [
            ("ttl.0", 5),
            ("ttl.5", 5),
            ("ttl.60", 60),
            ("ttl.604800", 300),
            ("servfail.x", 1),
            ("nowhere", 5),
            ("empty.x", 5),
        ] {
            let (gated, cached) = cached(100);
            let asked = || gated.asked.load(Ordering::SeqCst);
            let first = cached.resolve(name).await;
            tokio::time::advance(Duration::from_secs(secs) - Duration::from_millis(1)).await;
            assert_eq!((cached.resolve(name).await, asked()), (first, 1), "{name}");
            tokio::time::advance(Duration::from_millis(1)).await;
            let _ = cached.resolve(name).await;
            assert_eq!(asked(), 2, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_with_the_deadline_and_a_query_left_by_all_is_not_joined_for_ever() {
        let (gated, cached) = cached(0);
        assert_eq!(cached.resolve("ttl.60").await, Err(ResolveFailure::Timeout));
        tokio::time::advance(FAILED_TTL).await;
        // Polled once and dropped: nobody drives it any more.
        assert!(cached.resolve("ttl.60").now_or_never().is_none());
        tokio::time::advance(Duration::from_secs(6)).await;
        gated.gate.add_permits(1);
        assert!(cached.resolve("ttl.60").await.is_ok());
        assert_eq!(gated.asked.load(Ordering::SeqCst), 3);
    }
}
