//! Long polls: who waits for a generation to end.
use std::collections::BTreeMap;
use std::sync::Mutex;

use postsync_core::ids::GenerationId;
use tokio::sync::oneshot;

use crate::world::locked;

/// Waits that one server holds at once; more are answered at once with the current state, which is always a valid answer.
const WAITERS_MAX: usize = 10_000;

#[derive(Default)]
pub(crate) struct Waiters {
    waiting: Mutex<BTreeMap<(GenerationId, u64), oneshot::Sender<()>>>,
}

impl Waiters {
    /// Registers a wait. Register before reading the state, or an end between the two is missed.
    pub(crate) fn register(&self, id: GenerationId) -> Option<Wait<'_>> {
        let mut waiting = locked(&self.waiting);
        if waiting.len() >= WAITERS_MAX {
            return None;
        }
        let next = waiting.range((id, 0)..=(id, u64::MAX)).next_back().map_or(0, |((_, n), _)| n + 1);
        let (tell, told) = oneshot::channel();
        waiting.insert((id, next), tell);
        Some(Wait { waiters: self, key: (id, next), told })
    }

    /// Tells everybody who waits for `id`.
    pub(crate) fn tell(&self, id: GenerationId) {
        let mut waiting = locked(&self.waiting);
        let keys: Vec<_> = waiting.range((id, 0)..=(id, u64::MAX)).map(|(key, _)| *key).collect();
        for tell in keys.iter().filter_map(|key| waiting.remove(key)) {
            // Who has hung up meanwhile is no loss.
            let _ = tell.send(());
        }
    }
}

/// One wait; dropped, it leaves nothing behind.
pub(crate) struct Wait<'a> {
    waiters: &'a Waiters,
    key: (GenerationId, u64),
    told: oneshot::Receiver<()>,
}

impl Wait<'_> {
    pub(crate) async fn told(&mut self) {
        let _ = (&mut self.told).await;
    }
}

impl Drop for Wait<'_> {
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
        let id = GenerationId::new(postsync_core::time::Timestamp(1), [0; 10]);
        let (a, b) = (waiters.register(id), waiters.register(id));
        assert_eq!(locked(&waiters.waiting).len(), 2);
        drop(a);
        waiters.tell(id);
        assert_eq!(locked(&waiters.waiting).len(), 0);
        drop(b);
    }
}
