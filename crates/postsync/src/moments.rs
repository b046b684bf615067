//! In builds for tests: ends this process by SIGKILL at a moment that the test names, so that it dies where no test could hit
//! it from outside. Release builds have none of this.
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use postsync_core::moment;
use rustix::process::{Signal, getpid, kill_process};

/// `post out:7`: at the seventh time.
const VARIABLE: &str = "DIE_AT_MOMENT";

struct Wanted {
    moment: String,
    left: AtomicU32,
}

static WANTED: OnceLock<Wanted> = OnceLock::new();

/// Arms it where the variable is set.
pub(crate) fn arm() -> anyhow::Result<()> {
    let Ok(text) = std::env::var(VARIABLE) else { return Ok(()) };
    let (moment, times) = text.split_once(':').unwrap_or((&text, "1"));
    anyhow::ensure!(moment::ALL.contains(&moment), "{VARIABLE}: there is no moment {moment:?}");
    let _ = WANTED.set(Wanted { moment: moment.to_owned(), left: AtomicU32::new(times.parse()?) });
    moment::install(came_to);
    Ok(())
}

fn came_to(name: &'static str) {
    let Some(wanted) = WANTED.get() else { return };
    if wanted.moment == name && wanted.left.fetch_sub(1, Ordering::SeqCst) == 1 {
        let _ = kill_process(getpid(), Signal::KILL);
        // The signal is on its way; nothing more happens on this thread.
        loop {
            std::thread::park();
        }
    }
}
