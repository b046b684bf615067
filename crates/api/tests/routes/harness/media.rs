//! Files in a folder of the test's own, on a disk that can be full.
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use postsync_core::ids::{GenerationId, MediaId};
use postsync_core::space::Space;
use postsync_engine::ports::{MediaError, MediaKind, MediaStore, Resolved};
use tempfile::TempDir;

pub(crate) struct TestMedia {
    pub(crate) root: TempDir,
    /// Nothing can be kept.
    pub(crate) full: AtomicBool,
    /// The folder that uploads are written to has vanished.
    pub(crate) vanished: AtomicBool,
    /// How much room there is; nobody looks again where it is not known at the start.
    pub(crate) space: Mutex<Option<Space>>,
    /// There are folders to work in, so what comes is looked at.
    pub(crate) looks: AtomicBool,
    work: TempDir,
    uploads: AtomicU32,
}

impl TestMedia {
    pub(crate) fn new() -> Self {
        Self {
            root: TempDir::new().unwrap(),
            full: AtomicBool::new(false),
            vanished: AtomicBool::new(false),
            space: Mutex::default(),
            looks: AtomicBool::new(false),
            work: TempDir::new().unwrap(),
            uploads: AtomicU32::new(0),
        }
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.root.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    fn path(&self, id: MediaId) -> PathBuf {
        self.root.path().join(id.to_string())
    }

    fn token(media: MediaId) -> String {
        media.to_string().chars().rev().collect()
    }
}

#[async_trait]
impl MediaStore for TestMedia {
    async fn job_folder(&self, _: GenerationId) -> Result<PathBuf, MediaError> {
        if !self.looks.load(Ordering::SeqCst) {
            return Err(MediaError::Full);
        }
        Ok(self.work.path().to_owned())
    }

    async fn drop_job_folder(&self, _: GenerationId) -> Result<(), MediaError> {
        Ok(())
    }

    async fn sweep_job_folders(&self) -> Result<usize, MediaError> {
        Ok(0)
    }

    async fn upload_path(&self) -> Result<PathBuf, MediaError> {
        let folder = if self.vanished.load(Ordering::SeqCst) {
            self.root.path().join("gone")
        } else {
            self.root.path().to_owned()
        };
        Ok(folder.join(format!("upload-{}", self.uploads.fetch_add(1, Ordering::SeqCst))))
    }

    async fn keep(&self, id: MediaId, _: MediaKind, path: &Path) -> Result<(), MediaError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(MediaError::Full);
        }
        // Not a rename: the folder of a look may be on another disk.
        std::fs::copy(path, self.path(id))?;
        Ok(std::fs::remove_file(path)?)
    }

    async fn resolve(&self, id: MediaId) -> Result<Resolved, MediaError> {
        let path = self.path(id);
        if path.exists() { Ok(Resolved::File(path)) } else { Err(MediaError::Missing) }
    }

    async fn copy_to(&self, id: MediaId, to: &Path) -> Result<(), MediaError> {
        std::fs::copy(self.path(id), to)?;
        Ok(())
    }

    async fn remove(&self, id: MediaId) -> Result<bool, MediaError> {
        Ok(std::fs::remove_file(self.path(id)).is_ok())
    }

    async fn list_kept(&self, _: Option<MediaId>, _: usize) -> Result<Vec<MediaId>, MediaError> {
        Ok(Vec::new())
    }

    async fn space(&self) -> Result<Option<Space>, MediaError> {
        Ok(*self.space.lock().unwrap())
    }

    fn result_path(&self, generation: GenerationId, media: MediaId) -> String {
        format!("/v2/generations/{generation}/result?token={}", Self::token(media))
    }

    fn seal(&self, text: &str) -> String {
        let sum = text.bytes().fold(7u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        format!("seal-{sum:x}")
    }

    fn seal_fits(&self, text: &str, seal: &str) -> bool {
        self.seal(text) == seal
    }

    fn token_fits(&self, _: GenerationId, media: MediaId, token: &str) -> bool {
        token == Self::token(media)
    }
}
