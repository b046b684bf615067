//! Where files live: outputs, uploads, and the folders of jobs at work.
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use postsync_core::ids::{GenerationId, MediaId};
use postsync_core::space::Space;

/// What a stored file is for; retention differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// A generation's video.
    Output,
    /// A user's file.
    Upload,
}

/// Where a stored file can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Here.
    File(PathBuf),
    /// Behind a URL that works for a while.
    Redirect(String),
}

/// Why the media store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// No space left: the operator must act; nothing was kept.
    #[error("the disk that holds the media is full")]
    Full,
    /// It is not there (any more).
    #[error("the file is not there any more")]
    Missing,
    /// Anything else the disk said.
    #[error("the media store failed: {0}")]
    Io(std::io::Error),
}

impl From<std::io::Error> for MediaError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            std::io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Io(error),
        }
    }
}

/// Keeps media files and the folders of jobs.
#[async_trait]
pub trait MediaStore: Send + Sync {
    /// Makes the (empty) folder of a job at work.
    ///
    /// # Errors
    /// See [`MediaError`].
    async fn job_folder(&self, id: GenerationId) -> Result<PathBuf, MediaError>;

    /// Removes a job's folder and all in it. A missing one is fine.
    ///
    /// # Errors
    /// See [`MediaError`].
    async fn drop_job_folder(&self, id: GenerationId) -> Result<(), MediaError>;

    /// Removes every job folder: at start, before any work. Gives how many there were.
    ///
    /// # Errors
    /// See [`MediaError`].
    async fn sweep_job_folders(&self) -> Result<usize, MediaError>;

    /// Where an upload may be written before it is kept: same disk, neutral name, swept at start.
    ///
    /// # Errors
    /// See [`MediaError`].
    async fn upload_path(&self) -> Result<PathBuf, MediaError>;

    /// Takes the file at `path` into the store (moved, synced) under `id`.
    ///
    /// # Errors
    /// See [`MediaError`].
    async fn keep(&self, id: MediaId, kind: MediaKind, path: &Path) -> Result<(), MediaError>;

    /// Where the file of `id` can be read.
    ///
    /// # Errors
    /// See [`MediaError`].
    async fn resolve(&self, id: MediaId) -> Result<Resolved, MediaError>;

    /// Puts the file of `id` at `to`, for a generator (linked where possible, else copied).
    ///
    /// # Errors
    /// See [`MediaError`].
    async fn copy_to(&self, id: MediaId, to: &Path) -> Result<(), MediaError>;

    /// Removes a file, and says whether it was there. A missing one is fine.
    ///
    /// # Errors
    /// See [`MediaError`].
    async fn remove(&self, id: MediaId) -> Result<bool, MediaError>;

    /// What is kept, in an order of the store's own, behind `after`; fewer than `limit` only where that is all.
    ///
    /// # Errors
    /// See [`MediaError`].
    async fn list_kept(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<MediaId>, MediaError>;

    /// How much room there is; `None` where that can't be known.
    ///
    /// # Errors
    /// See [`MediaError`].
    async fn space(&self) -> Result<Option<Space>, MediaError>;

    /// The path, below the public URL, of a generation's result: it needs no key, and only who was told it can know it.
    fn result_path(&self, generation: GenerationId, media: MediaId) -> String;

    /// What vouches for a text that was given out: nobody else can make it.
    fn seal(&self, text: &str) -> String;

    /// Whether `seal` is the one that [`MediaStore::seal`] gave.
    fn seal_fits(&self, text: &str, seal: &str) -> bool;

    /// Whether `token` is the one that [`MediaStore::result_path`] gave.
    fn token_fits(&self, generation: GenerationId, media: MediaId, token: &str) -> bool;
}
