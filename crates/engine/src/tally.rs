//! How much is under way: a stop waits until it is none.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Inner>);

#[derive(Default)]
struct Inner {
    count: AtomicUsize,
    fell: Notify,
}

/// One piece of work under way; counted until it is dropped.
pub(crate) struct Entry(Tally);

/// A connection that says goodbye before the process ends; a stop waits for it as for work, within the same grace.
pub struct Farewell {
    _entry: Entry,
}

impl Farewell {
    pub(crate) fn new(tally: &Tally) -> Self {
        Self { _entry: tally.enter() }
    }
}

impl Tally {
    pub(crate) fn enter(&self) -> Entry {
        self.0.count.fetch_add(1, Ordering::SeqCst);
        Entry(self.clone())
    }

    /// Resolves once nothing is under way.
    pub(crate) async fn none(&self) {
        loop {
            let fell = self.0.fell.notified();
            tokio::pin!(fell);
            // Registered before the count is read, or the last leaver between the two would be missed.
            fell.as_mut().enable();
            if self.0.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            fell.await;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.0.0.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.0.fell.notify_waiters();
        }
    }
}
