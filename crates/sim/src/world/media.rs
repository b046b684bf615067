//! Files, and where inputs come from. Nothing touches a real disk.
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use postsync_core::ids::{GenerationId, MediaId};
use postsync_core::outcome::SendError;
use postsync_core::space::Space;
use postsync_engine::ports::{
    Clock as _, Contents, Fetch, FetchError, FetchFailure, FetchRequest, Fetched, MediaError, MediaKind, MediaStore,
    ProbeError, Prober, Resolved,
};

use super::Yield;
use crate::clock::VirtualClock;
use crate::dice::Dice;
use crate::executor::locked;
use crate::facts::Fact;
use crate::witness::Witness;

/// A media store in memory; it survives crashes as a disk does.
pub struct SimMedia {
    clock: VirtualClock,
    dice: Dice,
    witness: Witness,
    state: Mutex<Files>,
}

#[derive(Default)]
struct Files {
    folders: BTreeSet<GenerationId>,
    kept: BTreeSet<MediaId>,
    stuck: BTreeSet<MediaId>,
    unreadable: BTreeSet<MediaId>,
    full: bool,
    removal_ms: u64,
    faulty: bool,
    space: Option<Space>,
}

impl SimMedia {
    /// An empty one that works.
    #[must_use]
    pub fn new(clock: VirtualClock, dice: Dice, witness: Witness) -> Arc<Self> {
        Arc::new(Self { clock, dice, witness, state: Mutex::default() })
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        locked(&self.state)
    }

    /// Whether it fails now and then.
    pub fn set_faulty(&self, faulty: bool) {
        self.files().faulty = faulty;
    }

    /// Puts a file there, as an upload would.
    pub fn put(&self, id: MediaId) {
        self.files().kept.insert(id);
    }

    /// Whether a file can't be removed.
    pub fn set_stuck(&self, id: MediaId, stuck: bool) {
        let mut files = self.files();
        if stuck {
            files.stuck.insert(id)
        } else {
            files.stuck.remove(&id)
        };
    }

    /// Whether nothing more fits on the disk.
    pub fn set_full(&self, full: bool) {
        self.files().full = full;
    }

    /// A file can't be read.
    pub fn set_unreadable(&self, id: MediaId) {
        self.files().unreadable.insert(id);
    }

    /// How long the removal of a file takes.
    pub fn set_removal_ms(&self, ms: u64) {
        self.files().removal_ms = ms;
    }

    /// How much room there is from now on; nobody knows it before.
    pub fn set_space(&self, space: Space) {
        self.files().space = Some(space);
    }

    /// The folders of jobs that exist.
    #[must_use]
    pub fn folders(&self) -> Vec<GenerationId> {
        self.files().folders.iter().copied().collect()
    }

    /// The files that it keeps.
    #[must_use]
    pub fn kept(&self) -> Vec<MediaId> {
        self.files().kept.iter().copied().collect()
    }

    async fn touch(&self) -> Result<(), MediaError> {
        let (faulty, full) = {
            let files = self.files();
            (files.faulty, files.full)
        };
        if faulty && self.dice.below(2) == 0 {
            Yield::default().await;
        }
        if full || faulty && self.dice.per_mille(20) { Err(MediaError::Full) } else { Ok(()) }
    }
}

#[async_trait]
impl MediaStore for SimMedia {
    async fn job_folder(&self, id: GenerationId) -> Result<PathBuf, MediaError> {
        self.touch().await?;
        self.files().folders.insert(id);
        Ok(PathBuf::from(format!("/jobs/{id}")))
    }

    async fn drop_job_folder(&self, id: GenerationId) -> Result<(), MediaError> {
        self.witness.tell(&Fact::FolderDropped { generation: id });
        Yield::default().await;
        self.files().folders.remove(&id);
        Ok(())
    }

    async fn sweep_job_folders(&self) -> Result<usize, MediaError> {
        Ok(std::mem::take(&mut self.files().folders).len())
    }

    async fn upload_path(&self) -> Result<PathBuf, MediaError> {
        Ok(PathBuf::from("/uploads/new"))
    }

    async fn keep(&self, id: MediaId, _kind: MediaKind, _path: &Path) -> Result<(), MediaError> {
        self.touch().await?;
        self.files().kept.insert(id);
        Ok(())
    }

    async fn resolve(&self, id: MediaId) -> Result<Resolved, MediaError> {
        if self.files().unreadable.contains(&id) {
            return Err(MediaError::Io(std::io::ErrorKind::PermissionDenied.into()));
        }
        let there = self.files().kept.contains(&id);
        if there { Ok(Resolved::File(PathBuf::from(format!("/kept/{id}")))) } else { Err(MediaError::Missing) }
    }

    async fn copy_to(&self, id: MediaId, _to: &Path) -> Result<(), MediaError> {
        self.touch().await?;
        if self.files().kept.contains(&id) { Ok(()) } else { Err(MediaError::Missing) }
    }

    async fn remove(&self, id: MediaId) -> Result<bool, MediaError> {
        let removal_ms = self.files().removal_ms;
        self.clock.sleep(Duration::from_millis(removal_ms)).await;
        let mut files = self.files();
        if files.stuck.contains(&id) {
            return Err(MediaError::Io(std::io::ErrorKind::PermissionDenied.into()));
        }
        Ok(files.kept.remove(&id))
    }

    async fn list_kept(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<MediaId>, MediaError> {
        Yield::default().await;
        let behind = |id: &&MediaId| after.is_none_or(|after| **id > after);
        Ok(self.files().kept.iter().filter(behind).take(limit).copied().collect())
    }

    async fn space(&self) -> Result<Option<Space>, MediaError> {
        Ok(self.files().space)
    }

    fn result_path(&self, generation: GenerationId, media: MediaId) -> String {
        format!("/r/{generation}/{media}")
    }

    fn seal(&self, text: &str) -> String {
        text.to_owned()
    }

    fn seal_fits(&self, text: &str, seal: &str) -> bool {
        text == seal
    }

    fn token_fits(&self, _generation: GenerationId, media: MediaId, token: &str) -> bool {
        token == media.to_string()
    }
}

/// Looks into files that hold nothing.
pub struct SimProber;

#[async_trait]
impl Prober for SimProber {
    async fn probe(&self, _file: &Path, _folder: &Path) -> Result<Contents, ProbeError> {
        Yield::default().await;
        Ok(Contents { duration_ms: Some(1_000), ..Contents::default() })
    }
}

/// Where inputs are fetched from.
pub struct SimFetch {
    dice: Dice,
    state: Mutex<(VecDeque<Option<FetchFailure>>, bool)>,
    dripping: AtomicUsize,
    host_drips: AtomicBool,
}

/// The host whose answers may be made never to end.
pub const DRIPPING_HOST: &str = "drips.example";

impl SimFetch {
    /// One that finds everything.
    #[must_use]
    pub fn new(dice: Dice) -> Arc<Self> {
        Arc::new(Self {
            dice,
            state: Mutex::default(),
            dripping: AtomicUsize::new(0),
            host_drips: AtomicBool::new(false),
        })
    }

    /// So many of the next fetches never end.
    pub fn drip(&self, fetches: usize) {
        self.dripping.store(fetches, Ordering::Relaxed);
    }

    /// Whether fetches from [`DRIPPING_HOST`] never end.
    pub fn set_host_drips(&self, drips: bool) {
        self.host_drips.store(drips, Ordering::Relaxed);
    }

    fn drips(&self, url: &str) -> bool {
        if self.host_drips.load(Ordering::Relaxed) && url.contains(DRIPPING_HOST) {
            return true;
        }
        let one_less = |left: usize| left.checked_sub(1);
        self.dripping.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    /// How the next fetches fail, in turn; `None` is a success.
    pub fn script(&self, failures: impl IntoIterator<Item = Option<FetchFailure>>) {
        locked(&self.state).0.extend(failures);
    }

    /// Whether it fails now and then.
    pub fn set_faulty(&self, faulty: bool) {
        locked(&self.state).1 = faulty;
    }

    fn failure(&self) -> Option<FetchFailure> {
        let mut state = locked(&self.state);
        let by_chance = |dice: &Dice| {
            [FetchFailure::Remote(SendError::ConnectRefused), FetchFailure::TooLarge, FetchFailure::Storage]
                [dice.below(3)]
        };
        let failed = state.1 && self.dice.per_mille(30);
        state.0.pop_front().unwrap_or_else(|| failed.then(|| by_chance(&self.dice)))
    }
}

#[async_trait]
impl Fetch for SimFetch {
    async fn fetch(&self, request: FetchRequest) -> Result<Fetched, FetchError> {
        Yield::default().await;
        if self.drips(&request.url) {
            std::future::pending::<()>().await;
        }
        match self.failure() {
            Some(failure) => Err(FetchError { failure, message: "nobody listens there".to_owned() }),
            None => Ok(Fetched { bytes: 1_000 }),
        }
    }
}
