//! The only source of chance: a seed gives the same throws on every machine, so that a failure can be seen again.
use std::sync::{Arc, Mutex};

use postsync_engine::ports::Entropy;

use crate::executor::locked;

/// Seeded chance, shared by everything of one run. Clones throw the same dice.
#[derive(Clone, Debug)]
pub struct Dice(Arc<Mutex<u64>>);

impl Dice {
    /// Dice of that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// `SplitMix64`: short, and good enough to choose faults by.
    #[must_use]
    pub fn throw(&self) -> u64 {
        let mut state = locked(&self.0);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 up to, and without, `end`; 0 where `end` is 0.
    #[must_use]
    pub fn below(&self, end: usize) -> usize {
        usize::try_from(self.throw() % (end.max(1) as u64)).unwrap_or(0)
    }

    /// From `low` to `high`, both included.
    #[must_use]
    pub fn between(&self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.throw() % u64::try_from(high - low + 1).unwrap_or(1)).unwrap_or(0)
    }

    /// True that often in a thousand.
    #[must_use]
    pub fn per_mille(&self, often: u64) -> bool {
        self.throw() % 1000 < often
    }
}

impl Entropy for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let thrown = self.throw().to_le_bytes();
            chunk.copy_from_slice(&thrown[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same_and_another_does_not() {
        let throws = |seed| {
            let dice = Dice::new(seed);
            (0..8).map(|_| dice.throw()).collect::<Vec<_>>()
        };
        assert_eq!(throws(7), throws(7));
        assert_ne!(throws(7), throws(8));
    }

    #[test]
    fn throws_stay_within_their_bounds() {
        let dice = Dice::new(1);
        assert!((0..1000).all(|_| dice.below(3) < 3 && (-2..=2).contains(&dice.between(-2, 2))));
        assert_eq!(dice.below(0), 0);
    }
}
