//! Runs work on a thread of its own while the caller's thread watches it: cancels it on request, ends it when it hangs.
//!
//! Promise: within [`TICK`] of a request, or after `stall_max_s` without a sign of life, all children of the work are killed. The work
//! itself ends because its pipes do; it is not abandoned.

use std::{
    ops::ControlFlow,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use crate::{Error, media::process::Stop};

/// How often the watcher looks.
const TICK: Duration = Duration::from_millis(50);

/// Runs `work`; `tick` is called on this thread every 50 ms and may break.
pub(crate) fn supervise<T: Send>(
    stop: &Stop,
    stall_max_s: f64,
    mut tick: impl FnMut() -> ControlFlow<()>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<T, Error> {
    let stall_max = Duration::from_secs_f64(stall_max_s.clamp(0.1, 1e6));
    thread::scope(|scope| {
        let (done, ended) = mpsc::channel();
        let worker = scope.spawn(move || {
            let result = work();
            // The receiver lives as long as the scope.
            let _ = done.send(());
            result
        });
        let (mut pulse, mut moved, mut cancelled, mut stalled) = (stop.pulse(), Instant::now(), false, false);
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
            if stop.pulse() != pulse {
                (pulse, moved) = (stop.pulse(), Instant::now());
            }
            cancelled = cancelled || tick().is_break();
            stalled = stalled || moved.elapsed() > stall_max;
            if cancelled || stalled {
                stop.stop();
            }
        }
        let result = worker.join().unwrap_or_else(|_| Err(Error::pipeline("a worker thread panicked")));
        match result {
            // Asked once more: Ctrl-C reaches the children and whoever cancels at the same time, and theirs may be the sooner end.
            Err(_) if cancelled || tick().is_break() => Err(Error::Cancelled),
            Err(_) if stalled => Err(Error::pipeline(format!("no progress for {stall_max:?}"))),
            result => result,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_that_die_of_what_cancels_are_no_fault() {
        let died = || Err::<(), _>(Error::pipeline("ffmpeg was ended by signal 2"));
        let ended = |asked: ControlFlow<()>| supervise(&Stop::default(), 60.0, move || asked, died);
        assert!(matches!(ended(ControlFlow::Break(())), Err(Error::Cancelled)));
        assert!(matches!(ended(ControlFlow::Continue(())), Err(Error::Pipeline { .. })));
    }
}
