//! A few threads that read, each on a connection of its own: readers never wait for the writer, nor it for them.
//!
//! Threads of our own and not a runtime's: their number is bounded, their statements stay prepared, and commands that have
//! no runtime read the same way.
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use postsync_engine::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::connect;
use super::failure::store_error;
use crate::Error;

/// Threads, and so connections, and so read transactions at once.
const READERS: usize = 4;

/// Reads that wait for a thread; further callers wait for room.
const WAITING_READS_MAX: usize = 1_024;

type Read = Box<dyn FnOnce(&mut Connection) + Send>;

/// The way to the threads that read.
pub(super) struct Readers {
    queue: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(path: &Path) -> Result<Self, Error> {
        let (queue, reads) = mpsc::channel::<Read>(WAITING_READS_MAX);
        let reads = Arc::new(Mutex::new(reads));
        let mut readers = Self { queue: Some(queue), threads: Vec::with_capacity(READERS) };
        for number in 0..READERS {
            let mut conn = connect::reader(path).map_err(|error| store_error(&error))?;
            let reads = reads.clone();
            let thread = std::thread::Builder::new().name(format!("postsync-read-{number}"));
            let thread = thread.spawn(move || {
                while let Some(read) = next(&reads) {
                    read(&mut conn)
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
