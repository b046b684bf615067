//! Who waits for something to happen: for a generation to begin and to end, for an event in a feed.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::world::locked;

/// Waits that one server holds at once; more are answered at once with the current state, which is always a valid answer.
const WAITERS_MAX: usize = 10_000;

/// The waits, by what they are for.
pub(crate) struct Waiters<K> {
    waiting: Arc<Mutex<Waiting<K>>>,
}

struct Waiting<K> {
    /// No number is given twice: who leaves takes away its own wait, and never that of one who came after.
    next: u64,
    waits: BTreeMap<(K, u64), oneshot::Sender<()>>,
}

impl<K> Default for Waiters<K> {
    fn default() -> Self {
        Self { waiting: Arc::new(Mutex::new(Waiting { next: 0, waits: BTreeMap::new() })) }
    }
}

impl<K: Ord + Clone> Waiters<K> {
    /// Registers a wait. Register before reading the state, or an end between the two is missed.
    pub(crate) fn register(&self, of: &K) -> Option<Wait<K>> {
        let mut waiting = locked(&self.waiting);
        if waiting.waits.len() >= WAITERS_MAX {
            return None;
        }
        let (tell, told) = oneshot::channel();
        let key = (of.clone(), waiting.next);
        waiting.next += 1;
        waiting.waits.insert(key.clone(), tell);
        Some(Wait { waiting: self.waiting.clone(), key, told })
    }

    /// Tells everybody who waits for it.
    pub(crate) fn tell(&self, of: &K) {
        let waits = &mut locked(&self.waiting).waits;
        let keys: Vec<_> = waits.range(all_of(of)).map(|(key, _)| key.clone()).collect();
        for tell in keys.iter().filter_map(|key| waits.remove(key)) {
            // Who has hung up meanwhile is no loss.
            let _ = tell.send(());
        }
    }
}

fn all_of<K: Clone>(of: &K) -> std::ops::RangeInclusive<(K, u64)> {
    (of.clone(), 0)..=(of.clone(), u64::MAX)
}

/// One wait; dropped, it leaves nothing behind.
pub(crate) struct Wait<K: Ord> {
    waiting: Arc<Mutex<Waiting<K>>>,
    key: (K, u64),
    told: oneshot::Receiver<()>,
}

impl<K: Ord> Wait<K> {
    pub(crate) async fn told(&mut self) {
        let _ = (&mut self.told).await;
    }
}

impl<K: Ord> Drop for Wait<K> {
    fn drop(&mut self) {
        locked(&self.waiting).waits.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_dropped_wait_leaves_nothing() {
        let waiters = Waiters::default();
        let (a, b, other) = (waiters.register(&"a"), waiters.register(&"a"), waiters.register(&"b"));
        assert_eq!(locked(&waiters.waiting).waits.len(), 3);
        drop(a);
        waiters.tell(&"a");
        assert_eq!(locked(&waiters.waiting).waits.len(), 1);
        drop((b, other));
        assert_eq!(locked(&waiters.waiting).waits.len(), 0);
    }

    #[test]
    fn who_was_told_takes_nobody_else_along() {
        let waiters = Waiters::default();
        let told = waiters.register(&"a");
        waiters.tell(&"a");
        let mut after = waiters.register(&"a");
        drop(told);
        assert_eq!(locked(&waiters.waiting).waits.len(), 1, "the later wait is still there");
        let mut late = after.as_mut().expect("a wait").told().boxed();
        assert!(late.as_mut().now_or_never().is_none(), "and nothing has ended it");
        waiters.tell(&"a");
        assert!(late.now_or_never().is_some());
    }
}
