//! A file that exists whole or not at all.
use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

/// Pieces are gathered up to here: each write is a trip to another thread.
const GATHERED_BYTES: usize = 256 * 1024;

/// Made anew, readable by us only; removed when it is dropped before [`NewFile::keep`], whatever the reason.
pub(crate) struct NewFile {
    file: File,
    gathered: Vec<u8>,
    path: PathBuf,
    kept: bool,
}

impl NewFile {
    pub(crate) async fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await?;
        Ok(Self { file, gathered: Vec::new(), path: path.to_owned(), kept: false })
    }

    pub(crate) async fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.gathered.extend_from_slice(data);
        if self.gathered.len() >= GATHERED_BYTES { self.flush().await } else { Ok(()) }
    }

    /// The file is whole.
    pub(crate) async fn keep(mut self) -> io::Result<()> {
        self.flush().await?;
        self.file.flush().await?;
        self.kept = true;
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.gathered).await?;
        self.gathered.clear();
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Also where a deadline dropped the writing: no half file may look like a whole one.
        if !self.kept
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, "a half-fetched file could not be removed");
        }
    }
}
