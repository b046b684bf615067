//! Who waits for something to happen: for a generation to end, for an event in a feed.
use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio::sync::oneshot;

use crate::world::locked;

/// Waits that one server holds at once; more are answered at once with the current state, which is always a valid answer.
const WAITERS_MAX: usize = 10_000;

/// The waits, by what they are for.
pub(crate) struct Waiters<K> {
    waiting: Mutex<BTreeMap<(K, u64), oneshot::Sender<()>>>,
}

impl<K> Default for Waiters<K> {
    fn default() -> Self {
        Self { waiting: Mutex::default() }
    }
}

impl<K: Ord + Clone> Waiters<K> {
    /// Registers a wait. Register before reading the state, or an end between the two is missed.
    pub(crate) fn register(&self, of: &K) -> Option<Wait<'_, K>> {
        let mut waiting = locked(&self.waiting);
        if waiting.len() >= WAITERS_MAX {
            return None;
        }
        let next = waiting.range(all_of(of)).next_back().map_or(0, |((_, n), _)| n + 1);
        let (tell, told) = oneshot::channel();
        let key = (of.clone(), next);
        waiting.insert(key.clone(), tell);
        Some(Wait { waiters: self, key, told })
    }

    /// Tells everybody who waits for it.
    pub(crate) fn tell(&self, of: &K) {
        let mut waiting = locked(&self.waiting);
        let keys: Vec<_> = waiting.range(all_of(of)).map(|(key, _)| key.clone()).collect();
        for tell in keys.iter().filter_map(|key| waiting.remove(key)) {
            // Who has hung up meanwhile is no loss.
            let _ = tell.send(());
        }
    }
}

fn all_of<K: Clone>(of: &K) -> std::ops::RangeInclusive<(K, u64)> {
    (of.clone(), 0)..=(of.clone(), u64::MAX)
}

/// One wait; dropped, it leaves nothing behind.
pub(crate) struct Wait<'a, K: Ord> {
    waiters: &'a Waiters<K>,
    key: (K, u64),
    told: oneshot::Receiver<()>,
}

impl<K: Ord> Wait<'_, K> {
    pub(crate) async fn told(&mut self) {
        let _ = (&mut self.told).await;
    }
}

impl<K: Ord> Drop for Wait<'_, K> {
    fn drop(&mut self) {
        locked(&self.waiters.waiting).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_wait_leaves_nothing() {
        let waiters = Waiters::default();
        let (a, b, other) = (waiters.register(&"a"), waiters.register(&"a"), waiters.register(&"b"));
        assert_eq!(locked(&waiters.waiting).len(), 3);
        drop(a);
        waiters.tell(&"a");
        assert_eq!(locked(&waiters.waiting).len(), 1);
        drop((b, other));
        assert_eq!(locked(&waiters.waiting).len(), 0);
    }
}
