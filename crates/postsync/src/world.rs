//! The real world behind the engine's ports: the system's clock, its randomness, tokio's tasks.
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::FutureExt as _;
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

    fn steady(&self) -> Duration {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGAN.elapsed()
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

    /// Asked twice for each delivery, and nobody gains by foreseeing it.
    fn jitter(&self) -> f64 {
        fastrand::f64() * 2.0 - 1.0
    }
}

/// Tasks on the runtime that this was made in. One that panics ends the process: a server whose loop is gone takes work and
/// never does it, while a start that follows recovers all of it.
pub(crate) struct TokioTasks(pub(crate) tokio::runtime::Handle);

impl Spawn for TokioTasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(async move {
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                end_process(&*panic);
            }
        });
    }
}

fn end_process(panic: &(dyn Any + Send)) -> ! {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let panic = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it did not say why");
    tracing::error!(
        panic,
        "a task of the engine panicked; the process ends here, the next start takes up what it left"
    );
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// Names the child among the runs of this test: an abort can only be watched from another process.
    const CHILD: &str = "POSTSYNC_TEST_PANICS";

    const SIGABRT: i32 = 6;

    #[test]
    fn a_task_that_panics_ends_the_process() {
        if std::env::var_os(CHILD).is_some() {
            return run_a_task_that_panics();
        }
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "world::tests::a_task_that_panics_ends_the_process"])
            .env(CHILD, "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert_eq!(child.unwrap().signal(), Some(SIGABRT));
    }

    fn run_a_task_that_panics() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        TokioTasks(runtime.handle().clone()).spawn(Box::pin(async { panic!("a bug") }));
        // A process that lives on must fail the test and not hang it.
        runtime.block_on(async { tokio::time::sleep(Duration::from_secs(10)).await });
    }
}
