//! The folder for a job's temporary files: made inside the caller's work folder, gone with the value.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// See the module.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(work_dir: &Path) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let work_dir = std::path::absolute(work_dir)?;
        loop {
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let dir = work_dir.join(format!("mesh1-{}-{n}", std::process::id()));
            match fs::create_dir(&dir) {
                // Left by a process of the same number that was killed.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Self(dir)),
            }
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing can be done about a failure here; whoever owns the work folder sweeps it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether [`deliver`] could put a file at `to`: asked before minutes of work, not after. Leaves nothing there.
pub(crate) fn try_output(to: &Path) -> io::Result<()> {
    if to.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let trial = Scratch::new(folder);
    match trial {
        // Not a new name, but the old file can be filled anew.
        Err(_) if to.is_file() => fs::OpenOptions::new().write(true).open(to).map(drop),
        trial => trial.map(drop),
    }
}

/// Moves a finished file to where the caller wants it, also across file systems.
pub(crate) fn deliver(from: &Path, to: &Path) -> io::Result<()> {
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    let copied = fs::copy(from, to).map(|_| ());
    if copied.is_err() {
        let _ = fs::remove_file(to);
    }
    copied
}
