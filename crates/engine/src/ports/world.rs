//! Time, randomness, tasks.
use std::time::Duration;

use futures::future::BoxFuture;
use postsync_core::time::Timestamp;

/// The only source of time.
pub trait Clock: Send + Sync {
    /// Now, by the wall clock: it may step in both directions.
    fn now(&self) -> Timestamp;

    /// How long this clock has run: it never steps, whatever the wall clock does. Only the span between two looks means
    /// anything.
    fn steady(&self) -> Duration;

    /// Resolves once `duration` has passed, whatever the wall clock does meanwhile.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The only source of randomness.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with bytes fit for secrets.
    fn fill(&self, bytes: &mut [u8]);

    /// Uniform in -1.0..=1.0.
    fn jitter(&self) -> f64 {
        let mut bytes = [0u8; 4];
        self.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX) * 2.0 - 1.0
    }
}

/// Where the engine's tasks run: a runtime, or the simulation's own list, which a crash drops whole.
pub trait Spawn: Send + Sync {
    /// Runs `task` until it ends or the process does.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}
