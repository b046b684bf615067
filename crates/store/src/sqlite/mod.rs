//! The store in one SQLite file.
//!
//! Promise: `apply` answers `Done` only when the commit is on disk (WAL, `synchronous=FULL`); see `commit` for what one
//! commit holds. One thread writes, a few read, those for lists apart from the others. Other processes may open the same file beside a server for short writes
//! (keys, secrets); [`Sqlite::own`] keeps a second server from running the loops.
//!
//! How it fails: a full disk and a busy database are answers, and the writer lives on; a commit whose fate is unknown ends
//! the process.
//!
//! Deliberately absent: rules, retries, the clock.
mod access;
mod apply;
mod assets;
mod audit;
mod backup;
mod batch;
mod batches;
mod commit;
mod connect;
mod counts;
mod failure;
mod failures;
mod idempotency;
mod listeners;
mod owner;
mod port;
mod projects;
mod read;
mod readers;
mod rekey;
mod relays;
mod setup;
mod space;
mod speech_jobs;
mod usage;
mod voices;
mod words;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use postsync_engine::ports::{Applied, StoreError};
use rusqlite::Connection;

use crate::refusal::applied;
use crate::vault::Vault;
use crate::{Error, MasterKey};
use commit::{Counters, NoCommit, Work, Writer};
use readers::Readers;
use writer::WriterThread;

pub use backup::{Copied, CopyProgress, Watch, back_up, restore};
pub use batch::can_wait;
pub use commit::{Abort, BeforeCommit, Fate, Written};
pub use connect::Pragmas;
pub use owner::OwnerLock;
pub use rekey::{Rekeyed, current_key, next_key, rekey};
pub(crate) use setup::wants_master_key;

/// What tests replace. A server takes the default.
#[derive(Clone)]
pub struct Options {
    /// Asked before each commit.
    pub before_commit: Option<BeforeCommit>,
    /// How the process ends when nobody knows what is on disk, or nobody is left to write.
    pub abort: Abort,
}

impl Default for Options {
    fn default() -> Self {
        Self { before_commit: None, abort: Arc::new(end_process) }
    }
}

fn end_process(reason: &str) {
    tracing::error!("{reason}; the process ends here, the next start reads what is true");
    std::process::abort();
}

/// The store in one SQLite file, or in SQLite's memory.
pub struct Sqlite {
    path: Option<PathBuf>,
    vault: Arc<Vault>,
    counters: Arc<Counters>,
    side: Side,
}

/// Who does the work.
enum Side {
    /// Threads of its own; the readers end before the writer, so that the log is folded into the file.
    Threads { readers: Readers, lists: Readers, writer: WriterThread },
    /// Whoever calls.
    Caller(Mutex<Writer>),
}

/// Who waits for a read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// A create or a webhook: a few rows, found by their keys.
    ForTheEngine,
    /// A client that wants to see many rows. It must hold up neither of those.
    Lists,
}

impl Sqlite {
    /// Opens the database at `path`, or makes it, and brings it to this binary's schema. Blocks while it does.
    ///
    /// # Errors
    /// See [`Error`]: each is a sentence for the operator.
    pub fn open(path: &Path, master: &MasterKey, options: Options) -> Result<Self, Error> {
        let setting_up = setup::lock(path)?;
        let mut conn = connect::writer(path).map_err(|error| failure::store_error(&error))?;
        let vault = Arc::new(Vault::new(master)?);
        setup::migrate(&mut conn, path)?;
        setup::check_master_key(&conn, path, &vault)?;
        drop(setting_up);
        let counters = Arc::new(Counters::default());
        let writer = writer_of(conn, &vault, &counters, options);
        let (readers, lists) = (Readers::for_the_engine(path)?, Readers::for_lists(path)?);
        let side = Side::Threads { readers, lists, writer: WriterThread::start(writer)? };
        Ok(Self { path: Some(path.to_path_buf()), vault, counters, side })
    }

    /// One that is gone with the process, and that does all work on the caller's thread at the first poll: for the
    /// simulation, which has no threads and no runtime.
    ///
    /// # Errors
    /// SQLite can't make it.
    pub fn open_in_memory(master: &MasterKey, options: Options) -> Result<Self, Error> {
        let mut conn = connect::in_memory().map_err(|error| failure::store_error(&error))?;
        let vault = Arc::new(Vault::new(master)?);
        let name = Path::new(":memory:");
        setup::migrate(&mut conn, name)?;
        setup::check_master_key(&conn, name, &vault)?;
        let counters = Arc::new(Counters::default());
        let writer = writer_of(conn, &vault, &counters, options);
        Ok(Self { path: None, vault, counters, side: Side::Caller(Mutex::new(writer)) })
    }

    /// Takes the right to run the loops on this database, until it is dropped.
    ///
    /// # Errors
    /// [`Error::Owned`] while another server has it.
    pub fn own(&self) -> Result<OwnerLock, Error> {
        owner::own(self.path.as_deref())
    }

    /// What the live writer's connection is set to.
    ///
    /// # Errors
    /// The store is closed.
    pub async fn pragmas(&self) -> Result<Pragmas, StoreError> {
        match &self.side {
            Side::Threads { writer, .. } => writer.pragmas().await,
            Side::Caller(writer) => connect::pragmas(&lock(writer).conn).map_err(|e| failure::store_error(&e)),
        }
    }

    /// Caps the file at so many pages of 4 KiB, until it is closed; past it `apply` answers [`StoreError::Full`]. Gives the
    /// cap in force, which is never below what the file has.
    ///
    /// # Errors
    /// The store is closed.
    pub async fn cap_pages(&self, pages: u32) -> Result<u32, StoreError> {
        match &self.side {
            Side::Threads { writer, .. } => writer.cap_pages(pages).await,
            Side::Caller(writer) => connect::cap_pages(&lock(writer).conn, pages).map_err(|e| failure::store_error(&e)),
        }
    }

    /// How much was written since it was opened.
    #[must_use]
    pub fn written(&self) -> Written {
        self.counters.read()
    }

    async fn write(&self, work: Work) -> Result<Applied, StoreError> {
        match &self.side {
            Side::Threads { writer, .. } => writer.write(work).await,
            Side::Caller(writer) => write_here(&lock(writer), work),
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        who: Reads,
        read: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.side {
            Side::Threads { lists, .. } if who == Reads::Lists => lists.read(read).await,
            Side::Threads { readers, .. } => readers.read(read).await,
            Side::Caller(writer) => read(&mut lock(writer).conn),
        }
    }
}

fn writer_of(conn: Connection, vault: &Arc<Vault>, counters: &Arc<Counters>, options: Options) -> Writer {
    let Options { before_commit, abort } = options;
    Writer { conn, vault: vault.clone(), before_commit, abort, counters: counters.clone() }
}

fn lock(writer: &Mutex<Writer>) -> std::sync::MutexGuard<'_, Writer> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_here(writer: &Writer, work: Work) -> Result<Applied, StoreError> {
    match writer.write(&[work]) {
        Ok(mut done) => applied(done.pop().unwrap_or(Ok(()))),
        Err(NoCommit::Refused(error)) => Err(error),
        Err(NoCommit::Dead) => Err(StoreError::Closed),
    }
}
