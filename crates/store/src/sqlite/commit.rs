//! One commit for many lists.
//!
//! Promise: a list is written whole or not at all, whatever its neighbours in the commit come to, and nothing is
//! acknowledged that is not on disk. First all lists are written without savepoints, which would copy each page that they
//! touch. A list that refuses before it has written anything (a stale fence that comes first, the usual case) is simply
//! left out. One that refuses later spoils the transaction: it is rolled back and done again with a savepoint per list.
//!
//! Where COMMIT fails for anything but a full disk or a busy database nobody knows what is on disk: the process ends, and
//! the next one reads it from there.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use postsync_core::change::Change;
use postsync_core::idempotency::IdempotencyChange;
use postsync_core::moment;
use postsync_engine::ports::StoreError;
use rusqlite::{Connection, ffi};
use rustix::time::{ClockId, clock_gettime};

use super::apply::Unit;
use super::failure::store_error;
use crate::refusal::Refusal;
use crate::vault::Vault;

/// What one caller wants of the writer.
#[derive(Debug)]
pub(super) enum Work {
    Apply(Vec<Change>),
    /// Only proof that it can write.
    Touch,
}

impl Work {
    pub(super) fn changes(&self) -> &[Change] {
        match self {
            Self::Apply(changes) => changes,
            Self::Touch => &[],
        }
    }

    /// How much of a commit it takes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Apply(changes) => changes.len().max(1),
            Self::Touch => 1,
        }
    }
}

/// What tests do to a commit that is about to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Let it happen.
    Commit,
    /// Let COMMIT fail as if the disk had refused to sync.
    Fail,
}

/// Called on the writer's thread when everything of a commit is written but the commit itself.
pub type BeforeCommit = Arc<dyn Fn() -> Fate + Send + Sync>;

/// Ends the process; is given the reason.
pub type Abort = Arc<dyn Fn(&str) + Send + Sync>;

/// How much was written since the database was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Commits.
    pub commits: u64,
    /// Lists that were applied.
    pub lists: u64,
    /// Commits that were begun again because a list refused halfway.
    pub redone: u64,
    /// How long commits have waited for the disk to sync, in all. What they do themselves is not in it.
    pub stood_still: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    stood_still_ns: AtomicU64,
    commits: AtomicU64,
    lists: AtomicU64,
    redone: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Written {
        Written {
            commits: self.commits.load(Ordering::Relaxed),
            lists: self.lists.load(Ordering::Relaxed),
            redone: self.redone.load(Ordering::Relaxed),
            stood_still: Duration::from_nanos(self.stood_still_ns.load(Ordering::Relaxed)),
        }
    }
}

/// The connection that writes, and what it needs for that.
pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) vault: Arc<Vault>,
    pub(super) before_commit: Option<BeforeCommit>,
    pub(super) abort: Abort,
    pub(super) counters: Arc<Counters>,
}

/// What each list came to, in their order.
pub(super) type Answers = Vec<Result<(), Refusal>>;

/// Why no list of a commit was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoCommit {
    /// All callers are told.
    Refused(StoreError),
    /// The process is ending: nobody is told anything.
    Dead,
}

impl From<rusqlite::Error> for NoCommit {
    fn from(error: rusqlite::Error) -> Self {
        Self::Refused(store_error(&error))
    }
}

impl Writer {
    /// Writes all lists in one commit, and says what each came to.
    pub(super) fn write(&self, lists: &[Work]) -> Result<Answers, NoCommit> {
        let answers = match self.transact(lists, false)? {
            Some(answers) => answers,
            None => {
                self.counters.redone.fetch_add(1, Ordering::Relaxed);
                self.transact(lists, true)?.unwrap_or_default()
            }
        };
        let applied = answers.iter().filter(|answer| answer.is_ok()).count();
        self.counters.lists.fetch_add(applied as u64, Ordering::Relaxed);
        Ok(answers)
    }

    /// `None`: a list refused after it had written, and there was no savepoint to go back to.
    fn transact(&self, lists: &[Work], savepoints: bool) -> Result<Option<Answers>, NoCommit> {
        self.sql("BEGIN IMMEDIATE")?;
        let answers = self.fill(lists, savepoints).inspect_err(|_| self.rollback())?;
        let Some(answers) = answers else {
            self.rollback();
            return Ok(None);
        };
        if answers.iter().all(Result::is_err) {
            self.rollback();
            return Ok(Some(answers));
        }
        moments(lists, |(written, _)| written);
        self.commit()?;
        moments(lists, |(_, committed)| committed);
        Ok(Some(answers))
    }

    fn fill(&self, lists: &[Work], savepoints: bool) -> Result<Option<Answers>, NoCommit> {
        let mut unit = Unit::new(&self.conn, &self.vault);
        let mut answers = Vec::with_capacity(lists.len());
        for work in lists {
            let before = self.conn.total_changes();
            let answer = if savepoints { self.in_savepoint(&mut unit, work)? } else { put(&mut unit, work) };
            match &answer {
                // What one list has filled the others can't use either, and SQLite may have rolled all of it back.
                Err(Refusal::Failed(StoreError::Full)) => return Err(NoCommit::Refused(StoreError::Full)),
                Err(Refusal::Failed(error)) if self.conn.is_autocommit() => {
                    return Err(NoCommit::Refused(error.clone()));
                }
                Err(_) if !savepoints && self.conn.total_changes() != before => return Ok(None),
                _ => answers.push(answer),
            }
        }
        match unit.finish() {
            Ok(()) => Ok(Some(answers)),
            Err(Refusal::Failed(error)) => Err(NoCommit::Refused(error)),
            Err(Refusal::Stale) => Err(NoCommit::Refused(StoreError::Failed("the feed has no counter".to_owned()))),
        }
    }

    fn in_savepoint(&self, unit: &mut Unit<'_>, work: &Work) -> Result<Result<(), Refusal>, NoCommit> {
        self.sql("SAVEPOINT list")?;
        let answer = put(unit, work);
        if answer.is_err() && !self.conn.is_autocommit() {
            self.sql("ROLLBACK TO list")?;
        }
        if !self.conn.is_autocommit() {
            self.sql("RELEASE list")?;
        }
        Ok(answer)
    }

    fn commit(&self) -> Result<(), NoCommit> {
        let (began, worked_before) = (Instant::now(), worked());
        let committed = self.commit_as_tests_like();
        let stood_still = began.elapsed().saturating_sub(worked().saturating_sub(worked_before));
        let ns = u64::try_from(stood_still.as_nanos()).unwrap_or(u64::MAX);
        self.counters.stood_still_ns.fetch_add(ns, Ordering::Relaxed);
        self.judge(committed)
    }

    fn commit_as_tests_like(&self) -> rusqlite::Result<()> {
        match self.before_commit.as_ref().map(|ask| ask()) {
            Some(Fate::Fail) => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None)),
            Some(Fate::Commit) | None => self.sql("COMMIT"),
        }
    }

    fn judge(&self, committed: rusqlite::Result<()>) -> Result<(), NoCommit> {
        let Err(error) = committed else {
            self.counters.commits.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        };
        match store_error(&error) {
            refused @ (StoreError::Full | StoreError::Busy) => {
                self.rollback();
                Err(NoCommit::Refused(refused))
            }
            _ => {
                (self.abort)(&format!("a commit failed, so that nobody knows what is on disk: {error}"));
                Err(NoCommit::Dead)
            }
        }
    }

    fn sql(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute([]).map(|_| ())
    }

    /// Where SQLite has done so itself there is nothing left to do.
    fn rollback(&self) {
        if !self.conn.is_autocommit()
            && let Err(error) = self.sql("ROLLBACK")
        {
            tracing::error!(%error, "a refused commit could not be rolled back");
        }
    }
}

/// Processor time of this thread so far.
fn worked() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Tells the tests what is about to be, or has just been, committed.
fn moments(lists: &[Work], which: impl Fn((&'static str, &'static str)) -> &'static str) {
    if !cfg!(debug_assertions) {
        return;
    }
    for work in lists {
        let Work::Apply(changes) = work else { continue };
        match changes.first() {
            Some(Change::AddGeneration(_) | Change::Idempotency(IdempotencyChange::Use(_))) => {
                moment::passes(which(("create written", "create committed")))
            }
            Some(Change::EndGeneration { .. }) => moment::passes(which(("end written", "end committed"))),
            Some(Change::StartAttempt { .. }) => moment::passes(which(("start written", "start committed"))),
            Some(Change::SettleAttempt(_)) => moment::passes(which(("settle written", "settle committed"))),
            _ => {}
        }
    }
}

fn put(unit: &mut Unit<'_>, work: &Work) -> Result<(), Refusal> {
    match work {
        Work::Apply(changes) => unit.list(changes),
        Work::Touch => unit.touch(),
    }
}
