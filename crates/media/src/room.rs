//! How much room the media folder takes and has.
//!
//! Promise: what is kept is counted once, file by file, and from then on by what comes and goes. A file that comes while it
//! is being counted may be counted twice: rather too much than too little.
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use postsync_core::space::Space;

use crate::files;

/// What is kept, in bytes; not counted unless somebody wants to know.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    counted: OnceLock<i64>,
    since: AtomicI64,
}

impl Kept {
    /// A file has come, or has gone when negative.
    pub(crate) fn moved(&self, bytes: i64) {
        self.since.fetch_add(bytes, Ordering::Relaxed);
    }

    /// All of it. The first time that is a walk through the folder.
    fn bytes(&self, media: &Path) -> io::Result<u64> {
        let counted = match self.counted.get() {
            Some(counted) => *counted,
            None => {
                let walked = files::bytes_below(media)?;
                *self.counted.get_or_init(|| i64::try_from(walked).unwrap_or(i64::MAX))
            }
        };
        Ok(u64::try_from(counted.saturating_add(self.since.load(Ordering::Relaxed))).unwrap_or(0))
    }
}

/// What the system says of the disk that `root` is on, and what is kept, if that is counted.
pub(crate) fn space(root: &Path, media: &Path, kept: Option<&Kept>) -> io::Result<Space> {
    let disk = rustix::fs::statvfs(root)?;
    let media_bytes = kept.map(|kept| kept.bytes(media)).transpose()?;
    Ok(Space { free_bytes: disk.f_bavail * disk.f_frsize, disk_bytes: disk.f_blocks * disk.f_frsize, media_bytes })
}
