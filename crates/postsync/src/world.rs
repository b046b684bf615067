//! The real world behind the engine's ports: the system's clock, its randomness, tokio's tasks.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{Clock, Entropy, Spawn};

/// The system's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The system's randomness.
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness there are no ids and no secrets: nothing that the process could still do right.
        aws_lc_rs::rand::fill(bytes).unwrap_or_else(|_| std::process::abort());
    }
}

/// Tasks on the runtime that this was made in.
pub(crate) struct TokioTasks(pub(crate) tokio::runtime::Handle);

impl Spawn for TokioTasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
}
