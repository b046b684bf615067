//! Threads that read, each on a connection of its own: readers never wait for the writer, nor it for them.
//!
//! Two kinds, with a queue each: what a create or a webhook waits for never stands behind a client's lists, however many of
//! those are asked for, and a list that takes too long is interrupted.
//!
//! Threads of our own and not a runtime's: their number is bounded, their statements stay prepared, and commands that have
//! no runtime read the same way.
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use postsync_engine::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::connect;
use super::failure::store_error;
use crate::Error;

/// Threads, and so connections, and so read transactions at once.
const ENGINE_READERS: usize = 3;
const LIST_READERS: usize = 2;

/// Reads that wait for a thread; further callers wait for room.
const WAITING_READS_MAX: usize = 1_024;

/// How long a list may take: a longer read would keep the log from being reused, and others from their lists.
const LIST_MAX: Duration = Duration::from_secs(1);

/// Steps of SQLite's machine between two looks at the time: some 50 microseconds.
const STEPS_BETWEEN_LOOKS: i32 = 1_000;

type Read = Box<dyn FnOnce(&mut Connection) + Send>;

/// The way to the threads of one kind.
pub(super) struct Readers {
    queue: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Those that the engine waits for. Never interrupted: a loop that can't read would try the same again for good.
    pub(super) fn for_the_engine(path: &Path) -> Result<Self, Error> {
        Self::start(path, "read", ENGINE_READERS, None)
    }

    pub(super) fn for_lists(path: &Path) -> Result<Self, Error> {
        Self::start(path, "list", LIST_READERS, Some(LIST_MAX))
    }

    fn start(path: &Path, kind: &str, count: usize, longest: Option<Duration>) -> Result<Self, Error> {
        let (queue, reads) = mpsc::channel::<Read>(WAITING_READS_MAX);
        let reads = Arc::new(Mutex::new(reads));
        let mut readers = Self { queue: Some(queue), threads: Vec::with_capacity(count) };
        for number in 0..count {
            let mut conn = connect::reader(path).map_err(|error| store_error(&error))?;
            let reads = reads.clone();
            let thread = std::thread::Builder::new().name(format!("postsync-{kind}-{number}"));
            let thread = thread.spawn(move || {
                while let Some(read) = next(&reads) {
                    match longest.map_or(Ok(()), |longest| interrupt_after(&mut conn, longest)) {
                        Ok(()) => read(&mut conn),
                        // Its caller is told that the store is closed, by the read's being dropped.
                        Err(error) => tracing::error!(%error, "a list could not be bounded in time, and was not read"),
                    }
                }
            });
            let thread = thread.map_err(|error| StoreError::Failed(format!("no thread for a reader: {error}")))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        let read = Box::new(move |conn: &mut Connection| {
            // Who has gone away while it waited costs no read.
            if !answer.is_closed() {
                let _ = answer.send(read(conn));
            }
        });
        queue.send(read).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.queue.take());
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader's thread panicked");
            }
        }
    }
}

/// One idle thread waits for the next read, the others for their turn to wait.
fn next(reads: &Mutex<mpsc::Receiver<Read>>) -> Option<Read> {
    reads.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}

/// From now on: all that one read asks of this connection.
fn interrupt_after(conn: &mut Connection, longest: Duration) -> rusqlite::Result<()> {
    let end = Instant::now() + longest;
    conn.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || Instant::now() >= end))
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

    fn ask(conn: &Connection, sql: &str) -> Result<i64, StoreError> {
        conn.query_row(sql, [], |row| row.get(0)).map_err(|error| store_error(&error))
    }

    #[test]
    fn a_read_without_end_is_interrupted_and_its_thread_lives_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postsync.db");
        drop(connect::writer(&path).unwrap());
        let lists = Readers::start(&path, "list", 1, Some(Duration::from_millis(1))).unwrap();
        for _ in 0..2 {
            assert_eq!(block_on(lists.read(|conn| ask(conn, ENDLESS))), Err(StoreError::TooSlow));
            assert_eq!(block_on(lists.read(|conn| ask(conn, "SELECT 7"))), Ok(7));
        }
    }
}
