//! Runs tasks one poll at a time, in an order that the seed chooses. No runtime, no threads, no sleeping.
//!
//! Promise: between two polls nothing else happens, so a crash between any two of them can be tried by dropping all tasks.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use futures::future::BoxFuture;
use postsync_engine::ports::Spawn;

use crate::dice::Dice;

/// The tasks of one process life.
pub struct Executor {
    dice: Dice,
    life: Arc<Life>,
    tasks: BTreeMap<u64, (BoxFuture<'static, ()>, Waker)>,
    made: u64,
}

#[derive(Default)]
struct Life {
    ready: Mutex<Ready>,
    spawned: Mutex<Vec<BoxFuture<'static, ()>>>,
}

#[derive(Default)]
struct Ready {
    list: Vec<u64>,
    known: BTreeSet<u64>,
}

impl Ready {
    fn add(&mut self, id: u64) {
        if self.known.insert(id) {
            self.list.push(id);
        }
    }
}

/// Spawns into one life; after a crash it leads nowhere.
#[derive(Clone)]
pub struct Spawner(Arc<Life>);

impl Spawn for Spawner {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        locked(&self.0.spawned).push(task);
    }
}

struct TaskWaker {
    id: u64,
    life: Arc<Life>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        locked(&self.life.ready).add(self.id);
    }
}

impl Executor {
    /// Without tasks.
    #[must_use]
    pub fn new(dice: Dice) -> Self {
        Self { dice, life: Arc::default(), tasks: BTreeMap::new(), made: 0 }
    }

    /// Spawns into the current life.
    #[must_use]
    pub fn spawner(&self) -> Spawner {
        Spawner(self.life.clone())
    }

    /// Polls one ready task. `false` where none is ready.
    pub fn step(&mut self) -> bool {
        self.adopt();
        let id = {
            let mut ready = locked(&self.life.ready);
            if ready.list.is_empty() {
                return false;
            }
            let chosen = self.dice.below(ready.list.len());
            let id = ready.list.swap_remove(chosen);
            ready.known.remove(&id);
            id
        };
        let Some((task, waker)) = self.tasks.get_mut(&id) else { return true };
        if task.as_mut().poll(&mut Context::from_waker(waker)).is_ready() {
            self.tasks.remove(&id);
        }
        true
    }

    /// Drops every task where it stands: what a kill does to a process.
    pub fn crash(&mut self) {
        let life = std::mem::take(&mut self.life);
        // One after the other, in their order: what dropping does must be the same on every run.
        while let Some((_, task)) = self.tasks.pop_first() {
            drop(task);
        }
        let never_run = std::mem::take(&mut *locked(&life.spawned));
        drop(never_run);
    }

    fn adopt(&mut self) {
        let spawned = std::mem::take(&mut *locked(&self.life.spawned));
        for task in spawned {
            self.made += 1;
            let waker = Waker::from(Arc::new(TaskWaker { id: self.made, life: self.life.clone() }));
            self.tasks.insert(self.made, (task, waker));
            locked(&self.life.ready).add(self.made);
        }
    }
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn counting(count: &Arc<AtomicUsize>) -> BoxFuture<'static, ()> {
        let count = count.clone();
        Box::pin(async move {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        })
    }

    #[test]
    fn polls_what_is_ready_once_and_a_crash_drops_the_rest() {
        let count = Arc::new(AtomicUsize::new(0));
        let mut executor = Executor::new(Dice::new(1));
        let spawner = executor.spawner();
        (0..3).for_each(|_| spawner.spawn(counting(&count)));
        assert!(executor.step() && executor.step());
        executor.crash();
        assert!(!executor.step());
        spawner.spawn(counting(&count));
        assert!(!executor.step(), "a spawner of a dead life leads nowhere");
        assert_eq!((count.load(Ordering::SeqCst), Arc::strong_count(&count)), (2, 2));
    }
}
