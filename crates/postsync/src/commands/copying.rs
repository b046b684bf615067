//! What `backup` and `restore` share: a bar, Ctrl-C, and what is on disk when they say so.
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use indicatif::ProgressBar;
use postsync_store::sqlite::{CopyProgress, Watch};

use super::interrupt::Flag;
use super::lipsync::{bar, percent};

/// A copy on its way, as a person sees it.
pub(super) struct Copying {
    bar: ProgressBar,
    signal: Flag,
    show: Box<dyn FnMut(CopyProgress)>,
}

impl Copying {
    /// From now on Ctrl-C ends the copy in good order.
    ///
    /// # Errors
    /// When the system does not let us listen.
    pub(super) fn begin(doing: &'static str) -> anyhow::Result<Self> {
        let (bar, signal) = (bar(doing), Flag::on_signal()?);
        let shown = bar.clone();
        let show = Box::new(move |progress| match progress {
            CopyProgress::Copying(done, total) => shown.set_position(percent(fraction(done, total))),
            CopyProgress::Checking => shown.set_message("checking"),
        });
        Ok(Self { bar, signal, show })
    }

    pub(super) fn watch(&mut self) -> Watch<'_> {
        let signal = self.signal.clone();
        Watch { stop: Arc::new(move || signal.came().is_some()), progress: &mut *self.show }
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// The exit code of a copy that a signal has ended.
    ///
    /// # Errors
    /// When none has come after all.
    pub(super) fn stopped(&self) -> anyhow::Result<ExitCode> {
        self.end();
        self.signal.came().map(super::interrupt::Came::ended).context("the copy stopped by itself")
    }
}

#[expect(clippy::cast_precision_loss, reason = "for a bar of 40 characters")]
fn fraction(done: u64, total: u64) -> f64 {
    if total == 0 { 0.0 } else { done as f64 / total as f64 }
}

/// The folder that a file is in.
pub(super) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name that was given is on disk when this returns.
///
/// # Errors
/// When the disk does not take it.
pub(super) fn sync_folder_of(file: &Path) -> anyhow::Result<()> {
    let folder = folder_of(file);
    File::open(folder).and_then(|it| it.sync_all()).with_context(|| format!("the folder {}", folder.display()))
}

/// `12.3 MB`
pub(super) fn size(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}
