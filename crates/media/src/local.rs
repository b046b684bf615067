//! Media in a folder of this machine.
//!
//! ```text
//! media/<2 hex>/<uuid>     what is kept; neutral names without an extension
//! jobs/<generation id>/    a generation at work
//! uploads/<random>         on the way in
//! ```
//! All three on one file system, so that keeping a file is a rename. Only the last two may be written by what is not
//! trusted, and only they are emptied at start.
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use postsync_core::generation;
use postsync_core::ids::{GenerationId, MediaId};
use postsync_core::space::Space;
use postsync_engine::ports::{MediaError, MediaKind, MediaStore, Resolved};

use uuid::Uuid;

use crate::files;
use crate::room::{self, Kept};
use crate::token::{TokenKey, random_name};

/// Why the folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Operator: name another folder, or give the server the right to write here.
    #[error("the media folder {} can't be used: {source}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The media store of a single machine.
#[derive(Debug)]
pub struct LocalMedia {
    folders: Arc<Folders>,
    key: TokenKey,
}

#[derive(Debug)]
struct Folders {
    /// Absolute, with no symlink in it: what is below it can be told by its beginning.
    root: PathBuf,
    /// Where somebody wants to know what the files come to.
    kept: Option<Kept>,
}

impl LocalMedia {
    /// Opens the media folder, making what is missing. Sweeps nothing: another process may be at work in it.
    ///
    /// # Errors
    /// The folder can't be made or read.
    pub fn open(root: PathBuf, token_key: impl Into<TokenKey>) -> Result<Self, Error> {
        Self::open_counting(root, token_key, false)
    }

    /// The same, and whether [`MediaStore::space`] tells what the files come to: for that all of them are looked at once.
    ///
    /// # Errors
    /// The folder can't be made or read.
    pub fn open_counting(root: PathBuf, token_key: impl Into<TokenKey>, count: bool) -> Result<Self, Error> {
        let folders = Folders::open(&root, count).map_err(|source| Error::Folder { folder: root, source })?;
        Ok(Self { folders: Arc::new(folders), key: token_key.into() })
    }

    /// Runs a blocking step off the runtime's threads: a slow disk must not hold up deliveries.
    async fn run<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Folders) -> io::Result<T> + Send + 'static,
    ) -> Result<T, MediaError> {
        let folders = self.folders.clone();
        let done = tokio::task::spawn_blocking(move || step(&folders)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(MediaError::from)
    }
}

/// What the files that are kept below `root` come to, whether a server has it open or not. None are kept where there is no
/// folder yet.
///
/// # Errors
/// The folder can't be read.
pub fn kept_bytes(root: &Path) -> io::Result<u64> {
    match files::bytes_below(&root.join("media")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        counted => counted,
    }
}

impl Folders {
    fn open(root: &Path, count: bool) -> io::Result<Self> {
        files::make_folder(root)?;
        let folders = Self { root: root.canonicalize()?, kept: count.then(Kept::default) };
        for folder in [folders.media(), folders.jobs(), folders.uploads()] {
            files::make_folder(&folder)?;
            // A link in its place would take every check below to somewhere else.
            if folder.symlink_metadata()?.is_symlink() {
                return Err(io::Error::new(
                    io::ErrorKind::NotADirectory,
                    "it holds a symlink where a folder should be",
                ));
            }
        }
        Ok(folders)
    }

    fn media(&self) -> PathBuf {
        self.root.join("media")
    }

    fn jobs(&self) -> PathBuf {
        self.root.join("jobs")
    }

    fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    fn file(&self, id: MediaId) -> PathBuf {
        self.media().join(format!("{:02x}", shelf_of(id))).join(id.0.hyphenated().to_string())
    }

    /// A shelf at a time, so that what is in memory is one shelf's page however many files there are.
    fn list_kept(&self, after: Option<MediaId>, limit: usize) -> io::Result<Vec<MediaId>> {
        let mut found = Vec::new();
        for shelf in after.map_or(0, shelf_of)..=u8::MAX {
            let ids = files::names(&self.media().join(format!("{shelf:02x}")))?;
            let ids = ids.filter_map(|name| Uuid::try_parse(&name).ok().map(MediaId));
            let mut first = BTreeSet::new();
            // Not what stands in another's place, or under a name that we do not write: it is not ours to judge.
            for id in ids
                .filter(|id| shelf_of(*id) == shelf && after.is_none_or(|after| shelf > shelf_of(after) || *id > after))
            {
                first.insert(id);
                if found.len() + first.len() > limit {
                    first.pop_last();
                }
            }
            found.extend(first);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    fn moved(&self, bytes: i64) {
        if let Some(kept) = &self.kept {
            kept.moved(bytes);
        }
    }

    fn job(&self, id: GenerationId) -> PathBuf {
        self.jobs().join(id.to_string())
    }

    /// Refuses a path that is not below one of `folders`, also where `..` or a symlink on the way would lead out.
    fn below(path: &Path, folders: &[PathBuf]) -> io::Result<()> {
        let parent = path.parent().filter(|_| path.file_name().is_some());
        let parent = parent.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?.canonicalize()?;
        if folders.iter().any(|folder| parent.starts_with(folder)) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "the path leads out of the media folder"))
    }

    fn resolve(&self, id: MediaId) -> io::Result<Resolved> {
        let path = self.file(id);
        files::open_regular(&path).map(|_| Resolved::File(path))
    }
}

/// Which of the 256 folders holds it. By the last two digits: the first ones are the time, the same for years.
fn shelf_of(id: MediaId) -> u8 {
    id.0.as_bytes()[15]
}

#[async_trait]
impl MediaStore for LocalMedia {
    async fn job_folder(&self, id: GenerationId) -> Result<PathBuf, MediaError> {
        self.run(move |folders| {
            let folder = folders.job(id);
            // Left behind by a try that died: the next one must not find its half-made output.
            files::remove_folder(&folder)?;
            files::make_folder(&folder)?;
            Ok(folder)
        })
        .await
    }

    async fn drop_job_folder(&self, id: GenerationId) -> Result<(), MediaError> {
        self.run(move |folders| files::remove_folder(&folders.job(id)).map(drop)).await
    }

    async fn sweep_job_folders(&self) -> Result<usize, MediaError> {
        self.run(|folders| {
            // What was on its way in when the server died: nobody will finish it.
            files::empty_folder(&folders.uploads())?;
            files::empty_folder(&folders.jobs())
        })
        .await
    }

    async fn upload_path(&self) -> Result<PathBuf, MediaError> {
        self.run(|folders| {
            // Somebody may have emptied the data folder of all that looked temporary.
            files::make_folder(&folders.uploads())?;
            Ok(folders.uploads().join(random_name()))
        })
        .await
    }

    async fn keep(&self, id: MediaId, kind: MediaKind, path: &Path) -> Result<(), MediaError> {
        tracing::debug!(media = %id, ?kind, "keeping a file");
        let path = path.to_path_buf();
        self.run(move |folders| {
            Folders::below(&path, &[folders.jobs(), folders.uploads()])?;
            let file = folders.file(id);
            files::keep(&path, &file)?;
            folders.moved(files::bytes_of(&file));
            Ok(())
        })
        .await
    }

    async fn resolve(&self, id: MediaId) -> Result<Resolved, MediaError> {
        self.run(move |folders| folders.resolve(id)).await
    }

    /// A copy, not a hard link: what works on the copy has parsed hostile media and may write in its folder, and through a
    /// link it would write in the stored original, which the next generation, or another user, would be given.
    async fn copy_to(&self, id: MediaId, to: &Path) -> Result<(), MediaError> {
        let to = to.to_path_buf();
        self.run(move |folders| {
            Folders::below(&to, &[folders.jobs()])?;
            files::copy(&folders.file(id), &to)
        })
        .await
    }

    async fn remove(&self, id: MediaId) -> Result<bool, MediaError> {
        self.run(move |folders| {
            let file = folders.file(id);
            let (was_there, bytes) = (file.exists(), files::bytes_of(&file));
            files::remove_file(&file)?;
            folders.moved(-bytes);
            Ok(was_there)
        })
        .await
    }

    async fn list_kept(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<MediaId>, MediaError> {
        self.run(move |folders| folders.list_kept(after, limit)).await
    }

    async fn space(&self) -> Result<Option<Space>, MediaError> {
        self.run(|folders| room::space(&folders.root, &folders.media(), folders.kept.as_ref()).map(Some)).await
    }

    fn result_path(&self, generation: GenerationId, media: MediaId) -> String {
        generation::result_path(generation, &self.key.token(generation, media))
    }

    fn seal(&self, text: &str) -> String {
        self.key.seal(text)
    }

    fn seal_fits(&self, text: &str, seal: &str) -> bool {
        self.key.seal_fits(text, seal)
    }

    fn token_fits(&self, generation: GenerationId, media: MediaId, token: &str) -> bool {
        self.key.fits(generation, media, token)
    }
}
