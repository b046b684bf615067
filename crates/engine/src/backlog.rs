//! What waits for a generator. The store holds all of it; this holds a bounded front of it in memory, so that the usual
//! generation goes from its commit to its generator without being read back.
//!
//! Promise: nothing that is in the store is forgotten, and nobody is overtaken for long. Once something did not fit, the
//! store alone says who is next: its oldest page is read whenever memory is empty, and what arrives meanwhile is left
//! there. That ends with a page that has nothing behind it, and with nothing that was left to the store while it was read.
use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;

use postsync_core::generation::Generation;
use postsync_core::ids::GenerationId;
use postsync_core::rule;
use tokio::sync::Notify;

use crate::settings::Bounds;
use crate::world::locked;

pub(crate) struct Backlog {
    front: Mutex<Front>,
    wake: Notify,
}

struct Front {
    bounds: Bounds,
    waiting: Line,
    /// Offered while the store is being read: behind what is read, if that is the last of it.
    late: Line,
    /// Waiting here or at work: not to be taken from the store a second time.
    known: BTreeSet<GenerationId>,
    reading: Reading,
    /// A page is on its way.
    is_reading: bool,
    /// Something was left to the store since the reading began at the start.
    overflowed: bool,
}

/// How far memory is behind the store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// All that the store has open is known here.
    NothingLeft,
    /// The store is to be read behind this one; `None` is its start.
    From(Option<GenerationId>),
}

/// Generations in their order, and what they weigh.
#[derive(Default)]
struct Line {
    waiting: VecDeque<Generation>,
    bytes: usize,
}

impl Line {
    fn push(&mut self, generation: Generation) {
        self.bytes += generation.request.bytes();
        self.waiting.push_back(generation);
    }

    fn pop(&mut self) -> Option<Generation> {
        let first = self.waiting.pop_front()?;
        self.bytes -= first.request.bytes();
        Some(first)
    }
}

impl Backlog {
    /// One that holds what the bounds allow of what is offered, and a page of what is read.
    pub(crate) fn new(bounds: Bounds) -> Self {
        // From the start: the store may hold what an earlier process accepted.
        let reading =
            if rule::holds("work_left_open_is_taken_up") { Reading::From(None) } else { Reading::NothingLeft };
        let front = Front {
            bounds,
            waiting: Line::default(),
            late: Line::default(),
            known: BTreeSet::new(),
            reading,
            is_reading: false,
            overflowed: false,
        };
        Self { front: Mutex::new(front), wake: Notify::new() }
    }

    /// Hands on a generation that was just committed, or leaves it to the store: when memory is full, and when others
    /// wait there already.
    pub(crate) fn offer(&self, generation: Generation) {
        let mut front = locked(&self.front);
        if !front.has_room(&generation) {
            front.leave_to_the_store();
        } else if front.reading == Reading::NothingLeft {
            if front.known.insert(generation.id) {
                front.waiting.push(generation);
            }
        } else if front.is_reading {
            front.late.push(generation);
        } else {
            front.leave_to_the_store();
        }
        drop(front);
        self.wake.notify_one();
    }

    /// The next one in memory.
    pub(crate) fn take(&self) -> Option<Generation> {
        locked(&self.front).waiting.pop()
    }

    /// What waits in memory, in bytes of its requests.
    pub(crate) fn bytes(&self) -> usize {
        let front = locked(&self.front);
        front.waiting.bytes + front.late.bytes
    }

    /// It has ended, or was handed back.
    pub(crate) fn forget(&self, id: GenerationId) {
        locked(&self.front).known.remove(&id);
    }

    /// Behind which generation the store is to be read now (`Some(None)`: from its start). `None` where it need not be.
    pub(crate) fn read_from(&self) -> Option<Option<GenerationId>> {
        let mut front = locked(&self.front);
        let Reading::From(after) = front.reading else { return None };
        front.is_reading = true;
        if after.is_none() {
            front.overflowed = false;
        }
        Some(after)
    }

    /// Takes in what was read and is not known yet. `is_last`: there is nothing behind it.
    pub(crate) fn refill(&self, page: Vec<Generation>, is_last: bool) {
        let mut front = locked(&self.front);
        front.is_reading = false;
        let read_to = page.last().map(|last| last.id);
        let mut is_new = false;
        for generation in page {
            if front.known.insert(generation.id) {
                is_new = true;
                front.waiting.push(generation);
            }
        }
        front.take_in_the_late(is_last);
        front.reading = match (is_last, front.overflowed) {
            (true, false) => Reading::NothingLeft,
            (true, true) if rule::holds("what_overflows_meanwhile_is_read_back") => Reading::From(None),
            (true, true) => Reading::NothingLeft,
            // All of it is at work: who waits stands behind it. Otherwise the oldest are asked for again: an id may come
            // to lie before this place, because ids are made before their commit, and a wall clock can be set back.
            (false, _) if is_new => Reading::From(None),
            (false, _) => Reading::From(read_to),
        };
    }

    /// Resolves once something was offered.
    pub(crate) async fn offered(&self) {
        self.wake.notified().await;
    }
}

impl Front {
    fn has_room(&self, generation: &Generation) -> bool {
        let bytes = self.waiting.bytes + self.late.bytes + generation.request.bytes();
        let count = self.waiting.waiting.len() + self.late.waiting.len();
        // One alone always fits: the store could do no more for it.
        count == 0 || (count < self.bounds.waiting_max && bytes <= self.bounds.waiting_bytes_max)
    }

    fn leave_to_the_store(&mut self) {
        if !rule::holds("what_overflows_is_read_back") {
            return;
        }
        self.overflowed = true;
        if self.reading == Reading::NothingLeft {
            self.reading = Reading::From(None);
        }
    }

    /// What was offered during the reading follows what was read, where that was the last of it and all of it fits. Else
    /// it is left to the store, where it stands in its place.
    fn take_in_the_late(&mut self, is_last: bool) {
        let late = std::mem::take(&mut self.late);
        if late.waiting.is_empty() {
            return;
        }
        let fits = self.waiting.bytes + late.bytes <= self.bounds.waiting_bytes_max;
        if !is_last || self.overflowed || !fits {
            return self.leave_to_the_store();
        }
        for generation in late.waiting {
            if self.known.insert(generation.id) {
                self.waiting.push(generation);
            }
        }
    }
}
