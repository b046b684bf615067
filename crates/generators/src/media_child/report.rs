//! What the child says to the server, and how often.
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use postsync_lipsync::{Observer, Progress};

use crate::order::Said;

/// Between two reports of progress: ten a second look fluent, and one per frame would be work for nothing.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// A report even if nothing moved: the sign of life that the server's patience is measured by.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(1);

/// One line to the server.
pub(super) fn say(said: &Said) -> io::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

/// A line for the operator's log.
pub(super) fn complain(text: &str) {
    // Who would be told that it can't be told?
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Seconds as whole milliseconds, at least one: an output that exists is not empty.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
pub(super) fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1_000.0).round().clamp(1.0, 1e12) as u64
}

/// Reports progress at a measured rate.
#[derive(Default)]
pub(super) struct Reporter {
    last: Option<(Instant, f32)>,
}

impl Reporter {
    fn is_due(&self, now: Instant, fraction: f32) -> bool {
        self.last.is_none_or(|(at, reported)| {
            let waited = now.saturating_duration_since(at);
            waited >= SIGN_OF_LIFE_EVERY || (waited >= REPORT_EVERY && fraction > reported)
        })
    }
}

impl Observer for Reporter {
    fn progress(&mut self, progress: Progress) -> ControlFlow<()> {
        let now = Instant::now();
        if !self.is_due(now, progress.fraction) {
            return ControlFlow::Continue(());
        }
        self.last = Some((now, progress.fraction));
        // If nobody listens, nobody wants the video.
        match say(&Said::Progress(f64::from(progress.fraction.clamp(0.0, 1.0)))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_ten_times_a_second_and_shows_life_once_a_second() {
        let start = Instant::now();
        let mut reporter = Reporter::default();
        assert!(reporter.is_due(start, 0.0), "the first one at once");
        reporter.last = Some((start, 0.5));
        for (after_ms, fraction, due) in
            [(99, 0.6, false), (100, 0.6, true), (100, 0.5, false), (999, 0.5, false), (1_000, 0.5, true)]
        {
            let now = start + Duration::from_millis(after_ms);
            assert_eq!(reporter.is_due(now, fraction), due, "{after_ms} ms, {fraction}");
        }
    }

    #[test]
    fn durations_are_whole_and_never_nothing() {
        assert_eq!([0.0, 0.0004, 1.0006, f64::INFINITY].map(milliseconds), [1, 1, 1_001, 1_000_000_000_000]);
    }
}
