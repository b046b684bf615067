//! What an endpoint's owner has set for it: how fast, how many at once, and whether at all just now.
//!
//! Promise: in any second no more than `per_second` and a tenth leave, and a clock that is set back holds nothing up for
//! longer than one turn.
use crate::time::Timestamp;

/// How much an endpoint is sent. `None` of either: what its receiver bears, as its answers show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointLimits {
    /// POSTs that may begin in a second. 0 counts as 1.
    pub per_second: Option<u32>,
    /// POSTs that may be under way at once. 0 counts as 1.
    pub concurrency: Option<u32>,
}

/// What holds for one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointRules {
    /// How much it is sent.
    pub limits: EndpointLimits,
    /// Nothing is sent until it is resumed: what is due waits, and keeps its steps.
    pub is_paused: bool,
}

const SECOND_US: i64 = 1_000_000;

/// The part of a second's worth that may leave together.
const BURST_SHARE: u32 = 10;

/// Counts what an endpoint is sent against its limit: each POST takes its turn, a share of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When all that was taken will have had its turn, in microseconds since 1970.
    spent_until_us: i64,
}

impl Bucket {
    /// When the next POST may begin; `now` where it may at once.
    #[must_use]
    pub fn free_at(&self, per_second: u32, now: Timestamp) -> Timestamp {
        let (turn_us, burst_us) = turn_and_burst(per_second);
        let free_us = self.spent_at(now, turn_us, burst_us) - burst_us;
        Timestamp(free_us.max(us(now)).saturating_add(999) / 1_000)
    }

    /// A POST begins.
    pub fn take(&mut self, per_second: u32, now: Timestamp) {
        let (turn_us, burst_us) = turn_and_burst(per_second);
        self.spent_until_us = self.spent_at(now, turn_us, burst_us).max(us(now)) + turn_us;
    }

    /// No further ahead than a full bucket is: what lies beyond was set before the clock was put back.
    fn spent_at(&self, now: Timestamp, turn_us: i64, burst_us: i64) -> i64 {
        self.spent_until_us.min(us(now) + burst_us + turn_us)
    }
}

/// How long the turn of one is, and how far ahead of them a burst may run.
fn turn_and_burst(per_second: u32) -> (i64, i64) {
    let per_second = per_second.max(1);
    let turn_us = (SECOND_US / i64::from(per_second)).max(1);
    (turn_us, turn_us * i64::from((per_second / BURST_SHARE).max(1) - 1))
}

fn us(at: Timestamp) -> i64 {
    at.0.saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_420_800_000);

    /// When each of `count` may begin, in ms from now, where each begins as soon as it may.
    fn begun(per_second: u32, count: usize) -> Vec<i64> {
        let (mut bucket, mut now) = (Bucket::default(), NOW);
        let mut next = || {
            now = bucket.free_at(per_second, now);
            bucket.take(per_second, now);
            now.0 - NOW.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn each_takes_its_turn() {
        for (per_second, want) in [
            (1, vec![0, 1_000, 2_000]),
            (0, vec![0, 1_000]),
            (2, vec![0, 500, 1_000, 1_500]),
            (10, vec![0, 100, 200]),
            // A tenth of a second's worth leaves together.
            (30, vec![0, 0, 0, 34, 67, 100]),
            (u32::MAX, vec![0, 0, 0]),
        ] {
            assert_eq!(begun(per_second, want.len()), want, "{per_second}");
        }
    }

    #[test]
    fn no_second_has_more_than_its_share_and_a_tenth() {
        for per_second in [1u32, 3, 7, 10, 50, 100, 333, 1_000] {
            let times = begun(per_second, 5_000);
            let max = per_second as usize + (per_second / 10).max(1) as usize;
            for (n, at) in times.iter().enumerate() {
                let in_second = times[n..].iter().take_while(|other| **other < at + 1_000).count();
                assert!(in_second <= max, "{in_second} in a second at {per_second}");
            }
        }
    }

    #[test]
    fn what_was_not_used_is_not_saved_up() {
        let mut bucket = Bucket::default();
        bucket.take(1, NOW);
        let later = NOW.plus_ms(3_600_000);
        assert_eq!(bucket.free_at(1, later), later);
        bucket.take(1, later);
        assert_eq!(bucket.free_at(1, later), later.plus_ms(1_000));
    }

    #[test]
    fn a_clock_that_is_put_back_holds_it_up_for_one_turn_at_most() {
        let mut bucket = Bucket::default();
        (0..5).for_each(|_| bucket.take(2, NOW));
        let before = NOW.plus_ms(-86_400_000);
        assert_eq!(bucket.free_at(2, before), before.plus_ms(500));
        bucket.take(2, before.plus_ms(500));
        assert_eq!(bucket.free_at(2, before.plus_ms(500)), before.plus_ms(1_000));
    }
}
