//! The data folder: what is where in it, and how the database in it is opened, by the server and beside it.
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use postsync_core::ids::IdSequence;
use postsync_engine::ports::{Clock as _, Entropy as _, Store as _};
use postsync_store::MasterKey;
use postsync_store::sqlite::{Options, Sqlite};

use crate::settings::Settings;
use crate::world::{SystemClock, SystemEntropy};

/// Where things are in a data folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder where it is missing, for its owner only: it holds keys and other people's faces.
    ///
    /// # Errors
    /// When it can't be made.
    pub(crate) fn make(path: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("the data folder {} can't be made", path.display()))?;
        let whole = path.canonicalize().with_context(|| format!("the data folder {} can't be used", path.display()))?;
        Ok(Self(whole))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("postsync.db")
    }

    pub(crate) fn master_key(&self) -> PathBuf {
        self.0.join("master.key")
    }

    pub(crate) fn first_api_key(&self) -> PathBuf {
        self.0.join("first-api-key")
    }

    /// The key that result URLs are made with. A key of its own: a new master key must not break URLs that were given out.
    ///
    /// # Errors
    /// When it can't be read or made.
    pub(crate) fn token_key(&self) -> anyhow::Result<[u8; 32]> {
        let path = self.0.join("token.key");
        let mut fresh = [0u8; 32];
        SystemEntropy.fill(&mut fresh);
        match write_private(&path, &fresh) {
            Ok(()) => return Ok(fresh),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("{} can't be written", path.display())),
        }
        let mut bytes = Vec::new();
        std::fs::File::open(&path)?.take(64).read_to_end(&mut bytes)?;
        <[u8; 32]>::try_from(bytes.as_slice())
            .map_err(|_| anyhow::anyhow!("{} does not hold 32 bytes; result URLs need it", path.display()))
    }
}

/// Writes a new file that only its owner can read. Whole or not at all: half a key after a crash or on a full disk would
/// refuse every later start.
///
/// # Errors
/// Also when it exists.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = write_draft(&draft, bytes);
    // A link, not a rename: it fails where the name is taken.
    let linked = written.and_then(|()| std::fs::hard_link(&draft, path));
    std::fs::remove_file(&draft)?;
    linked
}

fn write_draft(draft: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// An open database, with what is needed to add to it.
pub(crate) struct Opened {
    pub(crate) folder: Folder,
    pub(crate) store: Arc<Sqlite>,
    pub(crate) ids: IdSequence,
}

/// Opens the data folder's database, beside a running server or for it.
///
/// # Errors
/// A wrong or lost master key, a newer database, a folder that can't be used; each says what to do.
pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Opened> {
    let folder = Folder::make(&settings.data_dir)?;
    let database = folder.database();
    let master_key = match &settings.master_key {
        Some(text) => MasterKey::from_base64(text).context("POSTSYNC_MASTER_KEY")?,
        None => MasterKey::load_or_create(&folder.master_key(), &database)?,
    };
    let store = Arc::new(Sqlite::open(&database, &master_key, Options::default())?);
    let ids = IdSequence::after(store.last_id().await?);
    Ok(Opened { folder, store, ids })
}

impl Opened {
    /// A new 64-bit id.
    pub(crate) fn new_id(&mut self) -> i64 {
        self.ids.next(SystemClock.now())
    }
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    SystemEntropy.fill(&mut bytes);
    bytes
}
