//! What the end-to-end tests share: the binary as a child process, an HTTP client, receivers, certificates.
//!
//! Promise: nothing here outlives its test (children are killed when their handle drops), and nothing waits for a time: every
//! wait is for a line, an answer or a process, and gives up after [`PATIENCE`] with what was seen until then.
pub(crate) mod api;
pub(crate) mod certificates;
pub(crate) mod front;
pub(crate) mod growing;
pub(crate) mod node;
pub(crate) mod processes;
pub(crate) mod python;
pub(crate) mod receiver;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod speech;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use api::{Answer, Api};
pub(crate) use certificates::Certificates;
pub(crate) use receiver::{Receiver, Reply};
pub(crate) use script::Script;
pub(crate) use server::{SECRET, Server, Setup};

/// How long anything may take before a test says that it does not happen. Generous: the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at what can't wake us (`/proc`, a state behind HTTP).
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Asks until there is an answer.
pub(crate) async fn poll<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "in vain: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A bundled picture or speech.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    std::fs::read(repository().join("crates/lipsync/samples").join(name)).unwrap()
}
