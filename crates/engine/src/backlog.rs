//! What waits for a generator. The store holds all of it; this holds a bounded front of it in memory, so that the usual
//! generation goes from its commit to its generator without being read back.
//!
//! Promise: nothing that is in the store is forgotten, and nobody is overtaken for long. Organizations take turns, and in each
//! its batches and what is of none: a batch of hundreds holds up neither others nor its owner's own. Once something did not fit,
//! the store alone says whose turn it is: a page by turns is read whenever memory is empty, and what arrives meanwhile is left
//! there. Whoever has nothing in memory then does not wait for the end of the page: it is read anew. That ends with a page that
//! has nothing behind it, and with nothing that was left to the store while it was read.
use std::collections::BTreeSet;
use std::sync::Mutex;

use postsync_core::generation::Generation;
use postsync_core::ids::{GenerationId, OrgId};
use postsync_core::rule;
use tokio::sync::Notify;

use crate::ports::TurnPage;
use crate::settings::Bounds;
use crate::turns::Turns;
use crate::world::locked;

/// So many are taken from memory before it is filled anew for somebody who has nothing in it: they wait no longer than that, and
/// a page is not read for each that comes.
const TAKEN_MIN: usize = 16;

pub(crate) struct Backlog {
    front: Mutex<Front>,
    wake: Notify,
}

struct Front {
    bounds: Bounds,
    waiting: Turns,
    /// Offered while the store is being read: beside what is read, if that is the last of it.
    late: Vec<Generation>,
    late_bytes: usize,
    /// Waiting here or at work: not to be taken from the store a second time.
    known: BTreeSet<GenerationId>,
    /// The store may have more than is known here.
    is_behind: bool,
    /// A page is on its way.
    is_reading: bool,
    /// Something was left to the store since the reading began.
    overflowed: bool,
    /// That was of a lane that has nothing here.
    has_newcomer: bool,
    /// Taken since memory was last filled from the store.
    taken: usize,
}

/// What is to be read from the store.
pub(crate) struct Reading {
    /// Not these.
    pub(crate) known: Vec<GenerationId>,
    /// The organization behind this one begins.
    pub(crate) after: Option<OrgId>,
}

impl Backlog {
    /// One that holds what the bounds allow of what is offered, and a page of what is read.
    pub(crate) fn new(bounds: Bounds) -> Self {
        let front = Front {
            bounds,
            waiting: Turns::default(),
            late: Vec::new(),
            late_bytes: 0,
            known: BTreeSet::new(),
            // The store may hold what an earlier process accepted.
            is_behind: rule::holds("work_left_open_is_taken_up"),
            is_reading: false,
            overflowed: false,
            has_newcomer: false,
            taken: 0,
        };
        Self { front: Mutex::new(front), wake: Notify::new() }
    }

    /// Hands on a generation that was just committed, or leaves it to the store: when memory is full, and when others
    /// wait there already.
    pub(crate) fn offer(&self, generation: Generation) {
        let mut front = locked(&self.front);
        if !front.has_room(&generation) {
            front.leave_to_the_store(&generation);
        } else if !front.is_behind {
            if front.known.insert(generation.id) {
                front.waiting.push(generation);
            }
        } else if front.is_reading {
            front.late_bytes += generation.request.bytes();
            front.late.push(generation);
        } else {
            front.leave_to_the_store(&generation);
        }
        drop(front);
        self.wake.notify_one();
    }

    /// The next one in memory. `None`: the store is to be read, or there is nothing.
    pub(crate) fn take(&self) -> Option<Generation> {
        let mut front = locked(&self.front);
        if front.is_behind && front.has_newcomer && front.taken >= TAKEN_MIN {
            // All of it is in the store, and comes back from there by turns.
            for generation in front.waiting.clear() {
                front.known.remove(&generation.id);
            }
            return None;
        }
        front.taken += 1;
        front.waiting.pop()
    }

    /// What waits in memory, in bytes of its requests.
    pub(crate) fn bytes(&self) -> usize {
        let front = locked(&self.front);
        front.waiting.bytes() + front.late_bytes
    }

    /// It has ended, or was handed back.
    pub(crate) fn forget(&self, id: GenerationId) {
        locked(&self.front).known.remove(&id);
    }

    /// What is to be read from the store now. `None` where it need not be.
    pub(crate) fn read_from(&self) -> Option<Reading> {
        let mut front = locked(&self.front);
        if !front.is_behind {
            return None;
        }
        front.is_reading = true;
        front.overflowed = false;
        front.has_newcomer = false;
        Some(Reading { known: front.known.iter().copied().collect(), after: front.waiting.last() })
    }

    /// Takes in what was read and is not known yet.
    pub(crate) fn refill(&self, page: TurnPage) {
        let mut front = locked(&self.front);
        front.is_reading = false;
        front.taken = 0;
        for generation in page.found {
            if front.known.insert(generation.id) {
                front.waiting.push(generation);
            }
        }
        front.take_in_the_late(page.is_all);
        front.waiting.prune();
        let is_overtaken = front.overflowed && rule::holds("what_overflows_meanwhile_is_read_back");
        front.is_behind = !page.is_all || is_overtaken;
    }

    /// Resolves once something was offered.
    pub(crate) async fn offered(&self) {
        self.wake.notified().await;
    }
}

impl Front {
    fn has_room(&self, generation: &Generation) -> bool {
        let bytes = self.waiting.bytes() + self.late_bytes + generation.request.bytes();
        let count = self.waiting.len() + self.late.len();
        // One alone always fits: the store could do no more for it.
        count == 0 || (count < self.bounds.waiting_max && bytes <= self.bounds.waiting_bytes_max)
    }

    fn leave_to_the_store(&mut self, generation: &Generation) {
        if !rule::holds("what_overflows_is_read_back") {
            return;
        }
        self.has_newcomer |= !self.waiting.has_lane_of(generation);
        self.overflowed = true;
        self.is_behind = true;
    }

    /// What was offered during the reading joins what was read, where that was all and all of it fits. Else it is left to the
    /// store, where it stands in its place.
    fn take_in_the_late(&mut self, is_all: bool) {
        let late = std::mem::take(&mut self.late);
        let late_bytes = std::mem::take(&mut self.late_bytes);
        let fits = self.waiting.bytes() + late_bytes <= self.bounds.waiting_bytes_max;
        if !is_all || self.overflowed || !fits {
            return late.iter().for_each(|generation| self.leave_to_the_store(generation));
        }
        for generation in late {
            if self.known.insert(generation.id) {
                self.waiting.push(generation);
            }
        }
    }
}
