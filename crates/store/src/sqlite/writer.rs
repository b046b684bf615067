//! The one thread that writes. It takes whatever waits, commits once, then acknowledges each caller.
//!
//! No timer: while a commit runs the next batch gathers by itself, so that latency is one or two commits and throughput
//! that of large batches. What comes first, and how much goes into one commit, is for `batch` to say. One caller's list is
//! never split.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::Instant;

use postsync_core::change::Change;
use postsync_engine::ports::{Applied, StoreError};
use tokio::sync::{mpsc, oneshot};

use super::batch::Waiting;
use super::commit::{NoCommit, Work, Writer};
use super::connect::{self, Pragmas};
use super::failure::store_error;
use super::space;
use crate::Error;
use crate::refusal::applied;

/// Lists that wait for the writer; further callers wait for room.
const WAITING_LISTS_MAX: usize = 4_096;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

enum Request {
    Write(Work, Answer<Applied>),
    Pragmas(Answer<Pragmas>),
    CapPages(u32, Answer<u32>),
    GiveBack(Answer<bool>),
}

/// The way to the writer's thread. Dropped, it waits until what was handed over is written.
pub(super) struct WriterThread {
    queue: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl WriterThread {
    pub(super) fn start(writer: Writer) -> Result<Self, Error> {
        let (queue, requests) = mpsc::channel(WAITING_LISTS_MAX);
        let thread = std::thread::Builder::new()
            .name("postsync-write".to_owned())
            .spawn(move || run_or_abort(&writer, requests));
        let thread = thread.map_err(|error| StoreError::Failed(format!("no thread for the writer: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) async fn write(&self, work: Work) -> Result<Applied, StoreError> {
        self.ask(|answer| Request::Write(work, answer)).await
    }

    pub(super) async fn pragmas(&self) -> Result<Pragmas, StoreError> {
        self.ask(Request::Pragmas).await
    }

    pub(super) async fn cap_pages(&self, pages: u32) -> Result<u32, StoreError> {
        self.ask(|answer| Request::CapPages(pages, answer)).await
    }

    pub(super) async fn give_back(&self) -> Result<bool, StoreError> {
        self.ask(Request::GiveBack).await
    }

    /// A writer that is gone answers nobody: neither `Done` nor a refusal would be known to be true.
    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.send(request(answer)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        drop(self.queue.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer's thread panicked");
        }
    }
}

/// A writer that is gone without a word would leave a server that refuses everything and never ends.
fn run_or_abort(writer: &Writer, requests: mpsc::Receiver<Request>) {
    if catch_unwind(AssertUnwindSafe(|| run(writer, requests))).is_err() {
        (writer.abort)("the writer's thread panicked");
    }
}

fn run(writer: &Writer, mut requests: mpsc::Receiver<Request>) {
    let mut waiting = Waiting::default();
    loop {
        if waiting.is_empty() {
            let Some(first) = requests.blocking_recv() else { return };
            take(writer, first, &mut waiting);
        }
        while waiting.len() < WAITING_LISTS_MAX
            && let Ok(request) = requests.try_recv()
        {
            take(writer, request, &mut waiting);
        }
        let (works, answers): (Vec<Work>, Vec<Answer<Applied>>) = waiting.next_batch().into_iter().unzip();
        if works.is_empty() {
            continue;
        }
        let weight = works.iter().map(Work::weight).sum();
        let (began, stood_still) = (Instant::now(), writer.counters.read().stood_still);
        if !commit(writer, &works, answers) {
            return;
        }
        // A slow disk makes each commit slow, not each change: the slower it is, the more is to share a sync.
        waiting.took(weight, began.elapsed().saturating_sub(writer.counters.read().stood_still - stood_still));
    }
}

/// Lists wait for their commit, everything else is answered at once.
fn take(writer: &Writer, request: Request, waiting: &mut Waiting<Answer<Applied>>) {
    match request {
        Request::Write(work, answer) => waiting.push(work, answer),
        Request::Pragmas(answer) => {
            let _ = answer.send(connect::pragmas(&writer.conn).map_err(|e| store_error(&e)));
        }
        Request::CapPages(pages, answer) => {
            let _ = answer.send(connect::cap_pages(&writer.conn, pages).map_err(|e| store_error(&e)));
        }
        Request::GiveBack(answer) => {
            let _ = answer.send(space::give_back(&writer.conn).map_err(|e| store_error(&e)));
        }
    }
}

/// For who measures how soon a POST follows the commit of its event: `cargo xtask bench` reads these words.
fn name_events(works: &[Work]) {
    if !tracing::enabled!(tracing::Level::TRACE) {
        return;
    }
    for change in works.iter().flat_map(Work::changes) {
        if let Change::AddEvent(event) = change {
            tracing::trace!(event = %event.id, "an event is on disk");
        }
    }
}

/// Whether the thread may go on. A caller who has stopped waiting is no matter: what it asked for is written all the same.
fn commit(writer: &Writer, works: &[Work], answers: Vec<Answer<Applied>>) -> bool {
    match writer.write(works) {
        Ok(done) => {
            name_events(works);
            for (answer, done) in answers.into_iter().zip(done) {
                let _ = answer.send(applied(done));
            }
        }
        Err(NoCommit::Refused(error)) => {
            for answer in answers {
                let _ = answer.send(Err(error.clone()));
            }
        }
        Err(NoCommit::Dead) => return false,
    }
    true
}
