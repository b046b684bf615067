//! Virtual time. It moves only when the run moves it, so a sleep of a day costs nothing.
//!
//! Two hands: one that only goes forward (sleeps follow it) and the wall clock, which may be set in both directions.
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::BoxFuture;
use postsync_core::time::Timestamp;
use postsync_engine::ports::Clock;

use crate::executor::locked;

/// 2026-11-23: where the wall clock of every run starts.
const WALL_START_MS: i64 = 1_795_420_800_000;

/// The clock of one run. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    mono_ms: i64,
    wall_ahead_ms: i64,
    timers: BTreeMap<(i64, u64), Waker>,
    timers_made: u64,
}

impl VirtualClock {
    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }

    /// Milliseconds since the run began; never falls.
    #[must_use]
    pub fn mono_ms(&self) -> i64 {
        self.state().mono_ms
    }

    /// When the next sleeper wakes, if anybody sleeps.
    #[must_use]
    pub fn next_timer_ms(&self) -> Option<i64> {
        self.state().timers.keys().next().map(|(at, _)| *at)
    }

    /// Moves forward to `mono_ms` and wakes who has slept until then.
    pub fn advance_to(&self, mono_ms: i64) {
        let mut state = self.state();
        state.mono_ms = state.mono_ms.max(mono_ms);
        let from = (state.mono_ms + 1, 0);
        let later = state.timers.split_off(&from);
        let due = std::mem::replace(&mut state.timers, later);
        // Waking may lock what a waker locks: never under our own lock.
        drop(state);
        due.into_values().for_each(Waker::wake);
    }

    /// Moves forward by `ms`.
    pub fn advance(&self, ms: i64) {
        self.advance_to(self.mono_ms() + ms);
    }

    /// Sets the wall clock so far ahead of the other hand (behind it when negative). Gives by how much it stepped.
    pub fn set_wall_ahead_ms(&self, ahead_ms: i64) -> i64 {
        let mut state = self.state();
        let stepped = ahead_ms - state.wall_ahead_ms;
        state.wall_ahead_ms = ahead_ms;
        stepped
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let state = self.state();
        Timestamp(WALL_START_MS + state.mono_ms + state.wall_ahead_ms)
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.mono_ms()).unwrap_or(0))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // Rounded up: a sleep that ends early would be a fault of the clock, not of who sleeps.
        let ms = i64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(i64::MAX / 4);
        let at_ms = self.mono_ms().saturating_add(ms);
        Box::pin(Sleep { clock: self.clone(), at_ms, timer: None })
    }
}

struct Sleep {
    clock: VirtualClock,
    at_ms: i64,
    timer: Option<(i64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut state = clock.state();
        if state.mono_ms >= self.at_ms {
            return Poll::Ready(());
        }
        state.timers_made += 1;
        let made = (self.at_ms, state.timers_made);
        let timer = *self.timer.get_or_insert(made);
        state.timers.insert(timer, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            let forgotten = self.clock.state().timers.remove(&timer);
            drop(forgotten);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn sleeps_follow_the_hand_that_only_goes_forward() {
        let clock = VirtualClock::default();
        let mut sleep = clock.sleep(Duration::from_secs(5));
        assert!((&mut sleep).now_or_never().is_none());
        clock.set_wall_ahead_ms(60_000);
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(4_999);
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(1);
        assert!((&mut sleep).now_or_never().is_some());
        assert_eq!(clock.now(), Timestamp(WALL_START_MS + 65_000));
    }

    #[test]
    fn a_dropped_sleep_leaves_no_timer() {
        let clock = VirtualClock::default();
        let mut sleep = clock.sleep(Duration::from_millis(3));
        assert!((&mut sleep).now_or_never().is_none());
        assert_eq!(clock.next_timer_ms(), Some(3));
        drop(sleep);
        assert_eq!(clock.next_timer_ms(), None);
    }
}
