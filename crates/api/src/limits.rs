//! How often a key may ask, and how often an address may fail to sign in.
//!
//! Promise: a key's two rates are apart (creates; everything else), each with a burst of its figure; a key that works is never
//! held up by what others do from its address. Webhooks that go out are none of this: they are not requests.
//!
//! Rates live in memory and begin anew with the process. What is kept is bounded: keys that work, and a bounded number of
//! addresses.
use std::collections::BTreeMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use postsync_core::ids::KeyId;
use postsync_core::limits::REFUSED_PER_MINUTE;
use postsync_engine::ports::Clock;

use crate::error::ApiError;

/// Keys or addresses of one rate, before those are let go that have asked for nothing lately.
const KNOWN_MAX: usize = 65_536;

/// Between two looks for them.
const SWEPT_EVERY: Duration = Duration::from_secs(1);

/// Where a request comes from; the server puts it into the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The engine's clock, which never steps.
#[derive(Clone)]
struct Steady(Arc<dyn Clock>);

impl std::fmt::Debug for Steady {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Steady")
    }
}

impl governor::clock::Clock for Steady {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.steady()
    }
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, Steady, NoOpMiddleware<Duration>>;

/// One rate for many.
struct Rate<K: Eq + Hash + Clone> {
    limiter: Limiter<K>,
    clock: Steady,
    /// When it was last looked for who may be let go: that walks over all of them.
    swept_at: Mutex<Option<Duration>>,
}

impl<K: Eq + Hash + Clone> Rate<K> {
    fn new(per_minute: NonZeroU32, clock: Steady) -> Self {
        let limiter = RateLimiter::new(Quota::per_minute(per_minute), HashMapStateStore::default(), clock.clone());
        Self { limiter, clock, swept_at: Mutex::default() }
    }

    /// One more. The error says for how many seconds it is too many.
    fn take(&self, key: &K) -> Result<(), u32> {
        use governor::clock::Clock as _;
        if self.is_full() {
            self.sweep();
        }
        self.limiter.check_key(key).map_err(|not_yet| {
            let wait = not_yet.wait_time_from(self.clock.now());
            // Rounded up: who comes back then is let in.
            u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
        })
    }

    fn sweep(&self) {
        use governor::clock::Clock as _;
        let now = self.clock.now();
        {
            let mut swept_at = self.swept_at.lock().unwrap_or_else(PoisonError::into_inner);
            if swept_at.is_some_and(|last| now.saturating_sub(last) < SWEPT_EVERY) {
                return;
            }
            *swept_at = Some(now);
        }
        self.limiter.retain_recent();
    }

    fn is_full(&self) -> bool {
        self.limiter.len() >= KNOWN_MAX
    }
}

/// Rates by their figures: as many as the plans have.
struct Rates {
    clock: Steady,
    by_figure: Mutex<BTreeMap<NonZeroU32, Arc<Rate<KeyId>>>>,
}

impl Rates {
    fn new(clock: Steady) -> Self {
        Self { clock, by_figure: Mutex::default() }
    }

    fn take(&self, per_minute: u32, key: KeyId) -> Result<(), u32> {
        let Some(per_minute) = NonZeroU32::new(per_minute) else { return Ok(()) };
        let rate = {
            let mut rates = self.by_figure.lock().unwrap_or_else(PoisonError::into_inner);
            rates.entry(per_minute).or_insert_with(|| Arc::new(Rate::new(per_minute, self.clock.clone()))).clone()
        };
        rate.take(&key)
    }
}

/// All of them.
pub(crate) struct RequestLimits {
    creates: Rates,
    others: Rates,
    refused: Rate<IpAddr>,
}

/// What a request counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `POST /v2/generate`.
    Create,
    /// Everything else.
    Other,
}

impl RequestLimits {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let clock = Steady(clock);
        let refused = NonZeroU32::new(REFUSED_PER_MINUTE).unwrap_or(NonZeroU32::MIN);
        Self {
            creates: Rates::new(clock.clone()),
            others: Rates::new(clock.clone()),
            refused: Rate::new(refused, clock),
        }
    }

    /// A request with a key that works.
    pub(crate) fn take(&self, kind: Kind, per_minute: u32, key: KeyId) -> Result<(), ApiError> {
        let rates = if kind == Kind::Create { &self.creates } else { &self.others };
        rates.take(per_minute, key).map_err(ApiError::too_many_requests)
    }

    /// A sign-in that has failed. The error takes the place of the 401 where there were too many.
    pub(crate) fn refuse(&self, from: IpAddr) -> Result<(), ApiError> {
        self.count_refused(from).map_err(ApiError::too_many_requests)
    }

    /// The same; the error says for how many seconds there were too many.
    pub(crate) fn count_refused(&self, from: IpAddr) -> Result<(), u32> {
        let from = network(from);
        // A flood of addresses shares one place, and so do those who come while it lasts: they have no key that works.
        let from = if self.refused.is_full() { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { from };
        self.refused.take(&from)
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::future::BoxFuture;
    use postsync_core::time::Timestamp;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }
        fn steady(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::SeqCst))
        }
        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            futures::future::pending().boxed()
        }
    }

    fn limits() -> (RequestLimits, Arc<Hand>) {
        let clock = Arc::new(Hand::default());
        (RequestLimits::new(clock.clone()), clock)
    }

    fn seconds(error: ApiError) -> u32 {
        error.retry_after_s().unwrap()
    }

    #[test]
    fn a_burst_of_the_figure_and_then_as_time_passes() {
        let (limits, clock) = limits();
        let take = |kind, key| limits.take(kind, 6, KeyId(key));
        for _ in 0..6 {
            take(Kind::Create, 1).unwrap();
        }
        assert_eq!(seconds(take(Kind::Create, 1).unwrap_err()), 10, "six a minute are one in ten seconds");
        take(Kind::Other, 1).unwrap();
        take(Kind::Create, 2).unwrap();
        clock.0.store(9_999, Ordering::SeqCst);
        assert_eq!(seconds(take(Kind::Create, 1).unwrap_err()), 1);
        clock.0.store(10_000, Ordering::SeqCst);
        take(Kind::Create, 1).unwrap();
        assert!(take(Kind::Create, 1).is_err());
        clock.0.store(3_600_000, Ordering::SeqCst);
        assert_eq!((0..99).take_while(|_| take(Kind::Create, 1).is_ok()).count(), 6, "nothing is saved up beyond it");
    }

    #[test]
    fn none_is_no_limit() {
        let (limits, _) = limits();
        assert!((0..10_000).all(|_| limits.take(Kind::Other, 0, KeyId(1)).is_ok()));
    }

    #[test]
    fn failed_sign_ins_count_by_address() {
        let (limits, clock) = limits();
        let from = |text: &str| limits.refuse(text.parse().unwrap());
        for _ in 0..REFUSED_PER_MINUTE {
            from("203.0.113.7").unwrap();
        }
        assert!(from("203.0.113.7").is_err() && from("::ffff:203.0.113.7").is_err());
        from("203.0.113.8").unwrap();
        for i in 0..REFUSED_PER_MINUTE {
            from(&format!("2001:db8::{i:x}")).unwrap();
        }
        assert!(from("2001:db8::ffff").is_err() && from("2001:db8:0:1::").is_ok());
        clock.0.store(60_000, Ordering::SeqCst);
        from("203.0.113.7").unwrap();
    }

    #[test]
    fn a_flood_of_addresses_is_bounded() {
        let (limits, clock) = limits();
        let mut refused = 0;
        for i in 0..2 * u32::try_from(KNOWN_MAX).unwrap() {
            refused += u32::from(limits.refuse(IpAddr::V4(i.into())).is_err());
        }
        assert!(refused > 0 && limits.refused.limiter.len() <= KNOWN_MAX + 1);
        clock.0.store(120_000, Ordering::SeqCst);
        limits.refuse("203.0.113.9".parse().unwrap()).unwrap();
        assert!(limits.refused.limiter.len() < 10, "who has gone is let go");
    }
}
