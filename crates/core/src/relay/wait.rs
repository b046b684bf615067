//! How long to wait before the upstream is asked again. Always bounded, always spread: a restart must not ask for a thousand
//! generations in one second.
use std::time::Duration;

use crate::outcome::RetryAfter;
use crate::time::Timestamp;

/// The first look comes so long after the submit.
const FIRST_MS: f64 = 1_000.0;

/// Each wait is so much longer than the one before.
const GROWTH: f64 = 1.6;

/// The longest between two looks where nobody tells us, as Sync's docs advise.
const LOOK_MAX_MS: f64 = 10_000.0;

/// The same where the upstream tells us by webhook: looks are only for those that get lost.
const LOOK_MAX_TOLD_MS: f64 = 30_000.0;

/// The longest between two tries while the upstream is not there.
const FAULT_MAX_MS: f64 = 30_000.0;

/// An upstream that asks for more patience is asked again all the same: it may be its mistake.
const RETRY_AFTER_MAX_MS: i64 = 5 * 60_000;

/// The share of a wait that jitter moves, in both directions.
const SPREAD: f64 = 0.2;

/// Before look number `looks` (from 0) at work that goes on. `jitter` in -1.0..=1.0.
#[must_use]
pub fn look_wait(looks: u32, is_told: bool, jitter: f64) -> Duration {
    grown(looks, if is_told { LOOK_MAX_TOLD_MS } else { LOOK_MAX_MS }, jitter)
}

/// After so many faults in a row (from 1); not sooner than the upstream asks for.
#[must_use]
pub fn fault_wait(faults: u32, retry_after: Option<RetryAfter>, now: Timestamp, jitter: f64) -> Duration {
    let asked_ms = match retry_after {
        None => 0,
        Some(RetryAfter::Ms(ms)) => ms,
        Some(RetryAfter::At(at)) => at.0.saturating_sub(now.0),
    };
    let asked_ms = asked_ms.clamp(0, RETRY_AFTER_MAX_MS);
    // Spread upwards only: nobody comes before the time that was asked for.
    let spread_ms = asked_ms as f64 * (1.0 + SPREAD * jitter.abs());
    grown(faults.saturating_sub(1), FAULT_MAX_MS, jitter).max(Duration::from_secs_f64(spread_ms / 1_000.0))
}

fn grown(times: u32, max_ms: f64, jitter: f64) -> Duration {
    let ms = (FIRST_MS * GROWTH.powi(i32::try_from(times.min(64)).unwrap_or(64))).min(max_ms);
    Duration::from_secs_f64(ms * (1.0 + SPREAD * jitter.clamp(-1.0, 1.0)) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(wait: Duration) -> u128 {
        wait.as_millis()
    }

    #[test]
    fn waits_grow_to_their_bound() {
        let looks: Vec<u128> = (0..7).map(|n| ms(look_wait(n, false, 0.0))).collect();
        assert_eq!(looks, [1_000, 1_600, 2_560, 4_096, 6_553, 10_000, 10_000]);
        assert_eq!(ms(look_wait(u32::MAX, false, 1.0)), 12_000);
        assert_eq!(ms(look_wait(u32::MAX, true, -1.0)), 24_000);
        assert_eq!(ms(fault_wait(1, None, Timestamp(0), 0.0)), 1_000);
        assert_eq!(ms(fault_wait(u32::MAX, None, Timestamp(0), 0.0)), 30_000);
    }

    #[test]
    fn retry_after_is_honoured_within_reason() {
        let wait = |asked| ms(fault_wait(1, Some(asked), Timestamp(1_000), 0.0));
        assert_eq!(wait(RetryAfter::Ms(120_000)), 120_000);
        assert_eq!(wait(RetryAfter::At(Timestamp(61_000))), 60_000);
        assert_eq!(wait(RetryAfter::Ms(0)), 1_000);
        assert_eq!(wait(RetryAfter::At(Timestamp(0))), 1_000);
        assert_eq!(wait(RetryAfter::Ms(i64::MAX)), 300_000);
        assert_eq!(ms(fault_wait(1, Some(RetryAfter::Ms(10_000)), Timestamp(0), -1.0)), 12_000, "never sooner");
    }
}
