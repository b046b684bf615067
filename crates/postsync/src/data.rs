//! The data folder: what is where in it, and how the database in it is opened, by the server and beside it.
use std::fs::DirBuilder;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use postsync_core::Secret;
use postsync_core::access::StoredSecret;
use postsync_core::ids::{IdSequence, SecretId};
use postsync_engine::new_secret;
use postsync_engine::ports::{Clock as _, Entropy as _, Store as _};
use postsync_store::sqlite::{self, Options, Sqlite};
use postsync_store::{MasterKey, write_private};
use rustix::fs::Mode;

use crate::settings::Settings;
use crate::world::{SystemClock, SystemEntropy};

/// The database's name in the data folder.
const DATABASE: &str = "postsync.db";

/// The media store's folder in it.
const MEDIA: &str = "media";

/// What others on the machine may do with the files that a command makes beside its database: nothing. In a data folder that
/// was there before, readable by all as Docker and systemd make them, the folder's own mode does not keep them out.
const UMASK: u32 = 0o077;

/// Where things are in a data folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder where it is missing, for its owner only: it holds keys and other people's faces.
    ///
    /// # Errors
    /// When it can't be made.
    fn make(path: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("the data folder {} can't be made", path.display()))?;
        Self::there(path)
    }

    /// The folder that is there.
    ///
    /// # Errors
    /// When it is not, or can't be used.
    fn there(path: &Path) -> anyhow::Result<Self> {
        let whole = path.canonicalize().with_context(|| format!("the data folder {} can't be used", path.display()))?;
        Ok(Self(whole))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }

    pub(crate) fn master_key(&self) -> PathBuf {
        self.0.join("master.key")
    }

    /// Where the videos and uploads are.
    pub(crate) fn media(&self) -> PathBuf {
        self.0.join(MEDIA)
    }

    /// Where the key that result URLs are made with is kept.
    pub(crate) fn token_key_file(&self) -> PathBuf {
        self.0.join("token.key")
    }

    /// Where the next master key is while it takes the place of the one in use.
    pub(crate) fn next_master_key(&self) -> PathBuf {
        self.0.join("master.key.new")
    }

    /// Where a master key is kept that was changed: backups from its time need it.
    pub(crate) fn old_master_key(&self, id: &str) -> PathBuf {
        self.0.join(format!("master.key.{id}"))
    }

    pub(crate) fn first_api_key(&self) -> PathBuf {
        self.0.join("first-api-key")
    }

    /// The key that result URLs are made with. A key of its own: a new master key must not break URLs that were given out.
    ///
    /// # Errors
    /// When it can't be read or made.
    pub(crate) fn token_key(&self) -> anyhow::Result<[u8; 32]> {
        let path = self.token_key_file();
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

/// An open database, with what is needed to add to it.
pub(crate) struct Opened {
    pub(crate) folder: Folder,
    pub(crate) store: Arc<Sqlite>,
    pub(crate) ids: IdSequence,
}

/// From now on, what this process makes is its user's only. For commands that write in a data folder, and no others: a
/// video that somebody asked for is a file like any other.
pub(crate) fn make_files_private() {
    rustix::process::umask(Mode::from_raw_mode(UMASK));
}

/// The folder that is meant, whole: a path that begins in the current folder tells nobody which one was looked at.
pub(crate) fn whole_path(settings: &Settings) -> PathBuf {
    std::path::absolute(&settings.data_dir).unwrap_or_else(|_| settings.data_dir.clone())
}

/// Whether the data folder has a database.
pub(crate) fn has_database(settings: &Settings) -> bool {
    settings.data_dir.join(DATABASE).exists()
}

/// Opens the database that is there, beside a running server.
///
/// # Errors
/// As [`open_or_make`], and where there is none: a command that only looks, started in the wrong folder, would otherwise
/// answer from a new one.
pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Opened> {
    open_in(there(settings)?, settings).await
}

/// The data folder, if it has a database.
///
/// # Errors
/// Where it has none.
pub(crate) fn there(settings: &Settings) -> anyhow::Result<Folder> {
    ensure!(
        has_database(settings),
        "there is no database in {}; `postsync serve` makes one: start in the server's folder, or give --data-dir",
        whole_path(settings).display()
    );
    Folder::there(&settings.data_dir)
}

/// The data folder, made where it is missing.
///
/// # Errors
/// When it can't be made or used.
pub(crate) fn make(settings: &Settings) -> anyhow::Result<Folder> {
    Folder::make(&settings.data_dir)
}

/// Opens the data folder's database, and makes both where they are missing.
///
/// # Errors
/// A wrong or lost master key, a newer database, a folder that can't be used; each says what to do.
pub(crate) async fn open_or_make(settings: &Settings) -> anyhow::Result<Opened> {
    open_in(make(settings)?, settings).await
}

async fn open_in(folder: Folder, settings: &Settings) -> anyhow::Result<Opened> {
    let database = folder.database();
    let master_key = match &settings.master_key {
        Some(text) => MasterKey::from_base64(text).context("POSTSYNC_MASTER_KEY")?,
        None => MasterKey::load_or_create(&folder.master_key(), &database).map_err(|error| named(error, &database))?,
    };
    let store = Sqlite::open(&database, &master_key, Options::default()).map_err(|error| {
        let is_of_key = matches!(error, postsync_store::Error::Key(_));
        let error = named(error, &database);
        if is_of_key && was_cut_short(&folder) {
            return error.context("a change of the master key was cut short: run `postsync secret rekey` again");
        }
        error
    })?;
    let store = Arc::new(store);
    let ids = IdSequence::after(store.last_id().await?);
    Ok(Opened { folder, store, ids })
}

/// Whether a change of the master key has begun in the database, or is finished there and not yet in the folder. A
/// `master.key.new` alone says nothing: it is written before the database is asked.
fn was_cut_short(folder: &Folder) -> bool {
    let database = folder.database();
    let begun = sqlite::next_key(&database).ok().flatten();
    let new = MasterKey::load(&folder.next_master_key()).ok().flatten().map(|key| key.id());
    begun.is_some() || (new.is_some() && new == sqlite::current_key(&database).ok().flatten())
}

/// Says which database it was, where the error's own sentence does not.
fn named(error: postsync_store::Error, database: &Path) -> anyhow::Error {
    let says_nothing = matches!(error, postsync_store::Error::Store(_));
    let error = anyhow::Error::new(error);
    if says_nothing { error.context(format!("the database {}", database.display())) } else { error }
}

impl Opened {
    /// A new 64-bit id.
    pub(crate) fn new_id(&mut self) -> i64 {
        self.ids.next(SystemClock.now())
    }

    /// A secret that was given, ready to be kept.
    pub(crate) fn stored(&mut self, secret: Secret) -> StoredSecret {
        StoredSecret { id: SecretId(self.new_id()), secret, created_at: SystemClock.now() }
    }

    /// A new secret.
    pub(crate) fn new_secret(&mut self) -> StoredSecret {
        new_secret(SecretId(self.new_id()), random(), SystemClock.now())
    }
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    SystemEntropy.fill(&mut bytes);
    bytes
}
