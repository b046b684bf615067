//! Child processes that cannot be forgotten.
//!
//! Promise: a [`Process`] is killed and reaped when its value is dropped; [`Stop::stop`] kills all that were started under it, which
//! also wakes every thread that waits on one of their pipes. What a child writes to stderr is kept up to [`STDERR_MAX`] bytes and drained
//! beyond that, so that it can neither fill the memory nor block.

use std::{
    io::Read,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::Error;

/// Bytes of stderr that are kept.
const STDERR_MAX: u64 = 64 * 1024;

type Shared = Arc<Mutex<Child>>;

/// Ends a job's children at once. Clones share one state.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<State>);

#[derive(Default)]
struct State {
    stopped: AtomicBool,
    pulse: AtomicU64,
    children: Mutex<Vec<Shared>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stop {
    /// Kills all children, and every one that is started later.
    pub(crate) fn stop(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        for child in lock(&self.0.children).iter() {
            // Fails only if the child has ended already.
            let _ = lock(child).kill();
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// A sign of life: something moved.
    pub(crate) fn beat(&self) {
        self.0.pulse.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes whenever something moved.
    pub(crate) fn pulse(&self) -> u64 {
        self.0.pulse.load(Ordering::Relaxed)
    }
}

/// How a child ended.
pub(crate) struct Exit {
    pub(crate) success: bool,
    pub(crate) stderr: String,
}

impl Exit {
    /// The child, or the system on its behalf, ran out of disk.
    pub(crate) fn storage_full(&self) -> bool {
        ["No space left on device", "Disk quota exceeded", "File too large"].iter().any(|s| self.stderr.contains(s))
    }

    /// `StorageFull` if that was it, else what `otherwise` makes of the messages.
    pub(crate) fn error(self, otherwise: impl FnOnce(String) -> Error) -> Error {
        if self.storage_full() { Error::StorageFull { detail: self.stderr } } else { otherwise(self.stderr) }
    }
}

/// See the module.
pub(crate) struct Process {
    child: Shared,
    stop: Stop,
    stderr: Option<JoinHandle<String>>,
}

/// A command for `program` that knows nothing of our environment but where programs are, and works in `dir`.
pub(crate) fn command(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

impl Process {
    /// Starts `command`, made by [`command`].
    pub(crate) fn spawn(mut command: Command, stop: &Stop) -> Result<Self, Error> {
        let mut child = command.spawn().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => {
                Error::ToolsMissing { detail: format!("{}: {e}", command.get_program().display()) }
            }
            _ => e.into(),
        })?;
        let stderr = child.stderr.take().map(|mut pipe| {
            thread::spawn(move || {
                let mut kept = Vec::new();
                // An error here is the pipe's end.
                let _ = pipe.by_ref().take(STDERR_MAX).read_to_end(&mut kept);
                let _ = std::io::copy(&mut pipe, &mut std::io::sink());
                String::from_utf8_lossy(&kept).into_owned()
            })
        });
        let process = Self { child: Arc::new(Mutex::new(child)), stop: stop.clone(), stderr };
        lock(&stop.0.children).push(Arc::clone(&process.child));
        if stop.is_stopped() {
            return Err(Error::Cancelled); // Dropping it kills it: it was started beside `stop`.
        }
        Ok(process)
    }

    /// The pipe from the child, once.
    pub(crate) fn stdout(&self) -> Result<ChildStdout, Error> {
        lock(&self.child).stdout.take().ok_or_else(|| Error::pipeline("a child has no stdout"))
    }

    /// The pipe to the child, once.
    pub(crate) fn stdin(&self) -> Result<ChildStdin, Error> {
        lock(&self.child).stdin.take().ok_or_else(|| Error::pipeline("a child has no stdin"))
    }

    /// Waits for the end of the child, which must have been told to end: its input closed or its output read.
    pub(crate) fn wait(mut self) -> Result<Exit, Error> {
        // The messages end when the child does. Waiting for them first keeps the lock free, so that `stop` can still kill.
        let stderr = self.stderr.take().and_then(|t| t.join().ok()).unwrap_or_default();
        let status = lock(&self.child).wait()?;
        if self.stop.is_stopped() {
            return Err(Error::Cancelled);
        }
        Ok(Exit { success: status.success(), stderr })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        {
            let mut child = lock(&self.child);
            // Both fail only if the child is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
        lock(&self.stop.0.children).retain(|c| !Arc::ptr_eq(c, &self.child));
        if let Some(stderr) = self.stderr.take() {
            let _ = stderr.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_faults() {
        let exit = |stderr: &str| Exit { success: false, stderr: stderr.to_owned() };
        let full = exit("av_interleaved_write_frame(): No space left on device").error(Error::pipeline);
        assert_eq!(full.error_code(), "generation_infra_storage_error");
        let other = exit("Conversion failed!").error(Error::pipeline);
        assert_eq!(other.error_code(), "generation_pipeline_failed");
        let io = Error::from(std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert_eq!(io.error_code(), "generation_infra_storage_error");
    }

    #[test]
    fn stopping_ends_children_and_refuses_new_ones() {
        let stop = Stop::default();
        let spawn = || {
            let mut sleeper = command(Path::new("sleep"), Path::new("/"));
            sleeper.arg("600");
            Process::spawn(sleeper, &stop)
        };
        let running = spawn().unwrap();
        let waiter = thread::spawn(move || running.wait());
        stop.stop();
        assert!(matches!(waiter.join().unwrap(), Err(Error::Cancelled)));
        assert!(matches!(spawn(), Err(Error::Cancelled)));
    }
}
