//! What waits for a generator. The store holds all of it; this holds a bounded front of it in memory, so that the usual
//! generation goes from its commit to its generator without being read back.
//!
//! Promise: nothing that is in the store is forgotten. Whatever did not fit sets `behind`, and who finds that set reads the
//! store from the start until it has seen its end.
use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;

use postsync_core::generation::Generation;
use postsync_core::ids::GenerationId;
use tokio::sync::Notify;

use crate::world::locked;

/// Generations held in memory, in front of one generator.
const FRONT_MAX: usize = 4_096;

pub(crate) struct Backlog {
    front: Mutex<Front>,
    wake: Notify,
}

struct Front {
    waiting: VecDeque<Generation>,
    /// Waiting here or at work: not to be taken from the store a second time.
    known: BTreeSet<GenerationId>,
    behind: bool,
}

impl Default for Backlog {
    fn default() -> Self {
        // Behind from the start: the store may hold what an earlier process accepted.
        let front = Front { waiting: VecDeque::new(), known: BTreeSet::new(), behind: true };
        Self { front: Mutex::new(front), wake: Notify::new() }
    }
}

impl Backlog {
    /// Hands on a generation that was just committed, or leaves it to the store when the front is full.
    pub(crate) fn offer(&self, generation: Generation) {
        let mut front = locked(&self.front);
        if front.waiting.len() >= FRONT_MAX {
            front.behind = true;
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

    /// Whether the store must be read; clears the mark, so that what overflows during the reading sets it anew.
    pub(crate) fn begin_reading(&self) -> bool {
        std::mem::take(&mut locked(&self.front).behind)
    }

    /// The reading is not at its end.
    pub(crate) fn stay_behind(&self) {
        locked(&self.front).behind = true;
    }

    /// Takes in what was read and is not known yet.
    pub(crate) fn refill(&self, page: Vec<Generation>) {
        let mut front = locked(&self.front);
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
