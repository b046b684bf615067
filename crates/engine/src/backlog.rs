//! What waits for a generator. The store holds all of it; this holds a bounded front of it in memory, so that the usual
//! generation goes from its commit to its generator without being read back.
//!
//! Promise: nothing that is in the store is forgotten. Once something did not fit, the store is read from its start to its
//! end; what does not fit while that goes on has it read from its start once more, because an id may lie before the place
//! that the reading has come to: ids are made before their commit, and a wall clock can be set back.
use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;

use postsync_core::generation::Generation;
use postsync_core::ids::GenerationId;
use postsync_core::rule;
use tokio::sync::Notify;

use crate::world::locked;

pub(crate) struct Backlog {
    front: Mutex<Front>,
    wake: Notify,
}

struct Front {
    waiting_max: usize,
    waiting: VecDeque<Generation>,
    /// Waiting here or at work: not to be taken from the store a second time.
    known: BTreeSet<GenerationId>,
    reading: Reading,
    /// Something did not fit since the reading began at the start.
    overflowed: bool,
}

/// How far memory is behind the store.
#[derive(Clone, Copy)]
enum Reading {
    /// All that the store has open is known here.
    NothingLeft,
    /// The store is to be read behind this one; `None` is its start.
    From(Option<GenerationId>),
}

impl Backlog {
    /// One that holds at most `waiting_max` of what is offered, and a page of what is read.
    pub(crate) fn new(waiting_max: usize) -> Self {
        // From the start: the store may hold what an earlier process accepted.
        let reading =
            if rule::holds("work_left_open_is_taken_up") { Reading::From(None) } else { Reading::NothingLeft };
        let (waiting, known) = (VecDeque::new(), BTreeSet::new());
        let front = Front { waiting_max, waiting, known, reading, overflowed: false };
        Self { front: Mutex::new(front), wake: Notify::new() }
    }

    /// Hands on a generation that was just committed, or leaves it to the store when the front is full.
    pub(crate) fn offer(&self, generation: Generation) {
        let mut front = locked(&self.front);
        if front.waiting.len() >= front.waiting_max {
            if rule::holds("what_overflows_is_read_back") {
                front.overflow();
            }
        } else if front.known.insert(generation.id) {
            front.waiting.push_back(generation);
        }
        drop(front);
        self.wake.notify_one();
    }

    /// The next one in memory.
    pub(crate) fn take(&self) -> Option<Generation> {
        locked(&self.front).waiting.pop_front()
    }

    /// It has ended, or was handed back.
    pub(crate) fn forget(&self, id: GenerationId) {
        locked(&self.front).known.remove(&id);
    }

    /// Behind which generation the store is to be read now (`Some(None)`: from its start). `None` where it need not be.
    pub(crate) fn read_from(&self) -> Option<Option<GenerationId>> {
        let mut front = locked(&self.front);
        let Reading::From(after) = front.reading else { return None };
        if after.is_none() {
            front.overflowed = false;
        }
        Some(after)
    }

    /// Takes in what was read and is not known yet. `is_last`: there is nothing behind it.
    pub(crate) fn refill(&self, page: Vec<Generation>, is_last: bool) {
        let mut front = locked(&self.front);
        let read_to = page.last().map(|last| last.id);
        front.reading = match (is_last, front.overflowed) {
            (false, _) => Reading::From(read_to),
            (true, true) if rule::holds("what_overflows_meanwhile_is_read_back") => Reading::From(None),
            (true, _) => Reading::NothingLeft,
        };
        for generation in page {
            if front.known.insert(generation.id) {
                front.waiting.push_back(generation);
            }
        }
    }

    /// Resolves once something was offered.
    pub(crate) async fn offered(&self) {
        self.wake.notified().await;
    }
}

impl Front {
    fn overflow(&mut self) {
        self.overflowed = true;
        if matches!(self.reading, Reading::NothingLeft) {
            self.reading = Reading::From(None);
        }
    }
}
