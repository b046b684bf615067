//! Watching one generation on its way: what it is now, then each change of it, until it has ended.
//!
//! Promise: that work has begun, and that it has ended, is told by the commit that says so; the store is read then, and not to
//! find out. How far the work is lies in memory and is looked at once a second. Who watches holds one generation and no more, and
//! their number is bounded, in all and for each organization.
//!
//! How it fails: what the store can't read is the watcher's error. A watcher that hangs up leaves nothing behind.
use std::sync::Arc;
use std::time::Duration;

use postsync_core::generation::{Generation, Status};
use postsync_core::ids::{GenerationId, OrgId};
use postsync_core::limits;

use crate::ports::StoreError;
use crate::seats::{NoSeat, Seat, Seats};
use crate::waiters::Wait;
use crate::world::{World, locked};

/// Between two looks at how far the work is, and so between two words about it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// So many looks are between two reads of a watcher for which there was no bell.
const LOOKS_WITHOUT_BELL: u32 = 5;

/// What the watchers of one engine share.
pub(crate) struct Watchers(Seats);

impl Default for Watchers {
    fn default() -> Self {
        Self(Seats::new(limits::WATCHES_MAX, limits::WATCHES_OF_ONE_MAX))
    }
}

/// Why a generation is not watched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The organization watches as many as it may.
    #[error("the organization watches too many generations")]
    TooManyOfOne,
    /// All organizations together do.
    #[error("the server has too many watchers")]
    TooMany,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NoSeat> for WatchError {
    fn from(none: NoSeat) -> Self {
        match none {
            NoSeat::OfOne => Self::TooManyOfOne,
            NoSeat::OfAll => Self::TooMany,
        }
    }
}

/// What a watcher came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Watched {
    /// It is so now, and was not before. The last one of these has ended.
    Changed {
        /// The generation.
        generation: Box<Generation>,
        /// How far it is, 0 to 100. `None` where nothing was made.
        percent: Option<u32>,
    },
    /// Nothing has changed for as long as it was to wait.
    Nothing,
    /// There is nothing more to see: it has ended, it was removed, or the server stops.
    Over,
}

/// Who watches a generation.
pub struct Watch {
    world: Arc<World>,
    generation: Generation,
    /// What was told last.
    told: Option<(Status, Option<u32>)>,
    /// `None` where there are more waits than there may be.
    bell: Option<Wait<GenerationId>>,
    /// Looks since it was last read.
    looks: u32,
    _seat: Seat,
}

/// Begins to watch.
pub(crate) async fn watch(world: &Arc<World>, org: &OrgId, id: GenerationId) -> Result<Option<Watch>, WatchError> {
    // Before the seat: who asks for what is not there must not be told of others.
    if world.ports.store.generation(org, id).await?.is_none() {
        return Ok(None);
    }
    let seat = world.watchers.0.take(org)?;
    // Registered first: what is committed after the look rings.
    let bell = world.waiters.register(&id);
    let found = world.ports.store.generation(org, id).await?;
    Ok(found.map(|generation| Watch { world: world.clone(), generation, told: None, bell, looks: 0, _seat: seat }))
}

/// How far a generation at work is. `None` where none is at work under that id.
pub(crate) fn percent(world: &World, id: GenerationId) -> Option<u32> {
    locked(&world.at_work).get(&id).map(|work| work.progress.percent())
}

/// How far a generation is, whatever it is at. `None` where nothing was made.
pub(crate) fn percent_of(world: &World, generation: &Generation) -> Option<u32> {
    match generation.status() {
        Status::Completed => Some(100),
        Status::Failed | Status::Rejected => None,
        Status::Pending | Status::Processing => Some(percent(world, generation.id).unwrap_or(0)),
    }
}

impl Watch {
    /// What comes next: at once what it is, where nothing was told yet.
    ///
    /// # Errors
    /// When the store can't be read: it is over then, for a change may have been missed.
    pub async fn next(&mut self, patience: Duration) -> Result<Watched, StoreError> {
        if self.told.is_some() && self.generation.is_final() {
            return Ok(Watched::Over);
        }
        let world = self.world.clone();
        let (clock, mut time_is_over) = (&world.ports.clock, world.ports.clock.sleep(patience));
        let mut is_first = self.told.is_none();
        loop {
            if !std::mem::take(&mut is_first) {
                let must_read = tokio::select! {
                    biased;
                    _ = world.stopping.cancelled() => return Ok(Watched::Over),
                    () = rung(self.bell.as_mut()) => true,
                    () = &mut time_is_over => return Ok(Watched::Nothing),
                    () = clock.sleep(LOOK_EVERY) => self.bell.is_none() && self.looks >= LOOKS_WITHOUT_BELL,
                };
                self.looks = self.looks.saturating_add(1);
                if must_read && !self.is_still_there().await? {
                    return Ok(Watched::Over);
                }
            }
            if let Some(changed) = self.changed() {
                return Ok(changed);
            }
        }
    }

    /// Reads it anew. Not there: it has ended, and was removed before we looked.
    async fn is_still_there(&mut self) -> Result<bool, StoreError> {
        let (org, id) = (&self.generation.org, self.generation.id);
        self.bell = self.world.waiters.register(&id);
        self.looks = 0;
        let found = self.world.ports.store.generation(org, id).await?;
        let is_there = found.is_some();
        self.generation = found.unwrap_or_else(|| self.generation.clone());
        Ok(is_there)
    }

    fn changed(&mut self) -> Option<Watched> {
        let percent = percent_of(&self.world, &self.generation);
        let now = (self.generation.status(), percent);
        (self.told.replace(now) != Some(now))
            .then(|| Watched::Changed { generation: Box::new(self.generation.clone()), percent })
    }
}

async fn rung(bell: Option<&mut Wait<GenerationId>>) {
    match bell {
        Some(bell) => bell.told().await,
        None => std::future::pending().await,
    }
}
