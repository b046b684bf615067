//! What is seen of the work: a bar on a terminal, a line now and then elsewhere, and nothing where a program reads.
use std::cell::{Cell, RefCell};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::commands::lipsync;

/// Between two lines about it, where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Of a file's name before a bar.
const NAME_CHARS_MAX: usize = 20;

pub(super) struct Sight {
    is_terminal: bool,
    has_lines: bool,
    /// What a line must not be written into.
    bar: RefCell<ProgressBar>,
}

/// One thing that goes on.
pub(super) struct Meter<'a> {
    sight: &'a Sight,
    bar: ProgressBar,
    what: String,
    line_at: Cell<Instant>,
}

impl Sight {
    pub(super) fn new(is_json: bool) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self { is_terminal, has_lines: !is_terminal && !is_json, bar: RefCell::new(ProgressBar::hidden()) }
    }

    /// A line about what happens otherwise than it should: always.
    pub(super) fn say(&self, text: &str) {
        self.bar.borrow().suspend(|| eprintln!("{text}"));
    }

    /// A line for people.
    pub(super) fn tell(&self, text: &str) {
        if self.is_terminal || self.has_lines {
            self.say(text);
        }
    }

    /// Bytes that come or go, with their rate and what is left.
    pub(super) fn bytes(&self, doing: &str, name: &str, of: u64) -> Meter<'_> {
        let short: String = name.chars().take(NAME_CHARS_MAX).collect();
        let template = "{msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = if self.is_terminal { ProgressBar::new(of) } else { ProgressBar::hidden() };
        let bar = bar.with_style(style.progress_chars("=> ")).with_message(format!("{doing} {short}"));
        // Seen before the first byte has gone: a server may be slow to take it.
        bar.tick();
        self.meter(bar, format!("{doing} {name}"))
    }

    /// A generation on its way.
    pub(super) fn making(&self) -> Meter<'_> {
        self.meter(lipsync::bar("waiting its turn"), String::new())
    }

    fn meter(&self, bar: ProgressBar, what: String) -> Meter<'_> {
        *self.bar.borrow_mut() = bar.clone();
        Meter { sight: self, bar, what, line_at: Cell::new(Instant::now()) }
    }
}

impl Meter<'_> {
    /// So many of so many bytes.
    pub(super) fn bytes(&self, done: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(done);
        if self.is_due() && of > 0 {
            self.line(&format!("{}: {}% of {}", self.what, u128::from(done) * 100 / u128::from(of), HumanBytes(of)));
        }
    }

    /// How far the generation is.
    pub(super) fn stands(&self, status: &str, percent: u64) {
        let has_begun = status == "PROCESSING" && self.bar.message() != "making the video";
        if has_begun {
            self.bar.set_message("making the video");
            // What was waited says nothing of how long it takes.
            self.bar.reset_elapsed();
            self.bar.reset_eta();
        }
        self.bar.set_position(percent);
        if has_begun || self.is_due() {
            self.line(&format!("{status} {percent}%"));
        }
    }

    /// Takes it away; a line stays of it.
    pub(super) fn done(self, text: &str) {
        self.bar.finish_and_clear();
        self.sight.tell(text);
    }

    fn is_due(&self) -> bool {
        self.line_at.get().elapsed() >= LINE_EVERY
    }

    fn line(&self, text: &str) {
        self.line_at.set(Instant::now());
        if self.sight.has_lines {
            eprintln!("{text}");
        }
    }
}

/// No bar stays behind where the work ended early.
impl Drop for Meter<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
