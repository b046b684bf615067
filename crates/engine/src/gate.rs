//! How many generations an organization has at once: who is let in, who waits, who is refused.
//!
//! Promise: of an organization with a limit no more are PENDING or PROCESSING than that, but for those that wait. What waits is
//! on disk, is offered to no generator, and is let in in the order in which it came, as soon as another one has ended. A place
//! that was taken for a create is given back where nothing comes of it.
//!
//! How it fails: after a crash the store says who is open and who waits, and it goes on from there. Generations of batches are
//! not counted: they take no place here. Limits may change meanwhile: see [`limits`].
mod limits;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use postsync_core::change::Change;
use postsync_core::generation::{Generation, Status};
use postsync_core::hold::HoldChange;
use postsync_core::ids::{GenerationId, OrgId};
use postsync_core::rule;

use crate::ports::StoreError;
use crate::world::{World, locked};

/// Rows read, or let in, at once.
const PAGE: usize = 256;

/// Generations of one organization that are known by their ids. One that has more has had no limit until this start.
const KNOWN_MAX: usize = 100_000;

/// What a create wants of its organization's limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Generations at once; 0 is no limit.
    pub limit: u32,
    /// It may wait where there is no room: an upload that has come all the way must not be sent again.
    pub may_wait: bool,
}

/// The organization has as many as it may, and where it may wait as many wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{active} generations are at work or waiting, of {limit}")]
pub struct NoPlace {
    /// Those that are PENDING or PROCESSING.
    pub active: usize,
    /// How many may be.
    pub limit: u32,
}

/// Why there is no place for a create.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// There are as many as may be.
    #[error(transparent)]
    Full(#[from] NoPlace),
    /// The store could not say how many there are.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known of each organization that has a limit.
#[derive(Default)]
pub(crate) struct Gate {
    orgs: Mutex<BTreeMap<OrgId, Places>>,
    /// Whose turn it is to count what an organization has.
    counts: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Places {
    limit: u32,
    /// Let in, and not ended; those on their way to the disk, too.
    taken: BTreeSet<GenerationId>,
    /// Waiting on disk. Their ids are in the order of their times.
    held: BTreeSet<GenerationId>,
    /// On their way to the disk, where they will wait: not to be let in before they are there.
    arriving: BTreeSet<GenerationId>,
    /// Creates that have no id yet.
    coming: usize,
    coming_to_wait: usize,
    /// While those that are open are counted: what has ended meanwhile, and was perhaps counted all the same.
    ended: Option<BTreeSet<GenerationId>>,
    /// Somebody looks whether the limit has changed.
    is_watched: bool,
}

impl Places {
    fn active(&self) -> usize {
        self.taken.len() + self.coming + self.waiting()
    }

    fn waiting(&self) -> usize {
        self.held.len() + self.arriving.len() + self.coming_to_wait
    }

    fn has_room(&self) -> bool {
        self.limit == 0 || self.taken.len() + self.coming < self.limit as usize
    }

    /// Those that may come in now.
    fn next(&mut self) -> Vec<GenerationId> {
        let mut next = Vec::new();
        while self.has_room()
            && let Some(id) = self.held.pop_first()
        {
            self.taken.insert(id);
            next.push(id);
        }
        next
    }
}

/// A place that was taken for a create. Dropped before its commit, it is given back.
pub struct Place {
    world: Arc<World>,
    org: OrgId,
    waits: bool,
    /// Whose it is, from before its commit on.
    bound_to: Option<GenerationId>,
    is_used: bool,
}

impl Place {
    /// Whether the generation is to be written down as one that waits.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    /// It is that generation's, which is about to be written. From here on its end makes room, even if that comes before the
    /// answer of its own commit. Gives what is to be written in one list with one that waits, behind it.
    pub(crate) fn bind(&mut self, id: GenerationId) -> Option<Change> {
        self.bound_to = Some(id);
        if let Some(places) = locked(&self.world.gate.orgs).get_mut(&self.org) {
            places.come(self.waits);
            if self.waits {
                places.arriving.insert(id)
            } else {
                places.taken.insert(id)
            };
        }
        let org = self.org.clone();
        self.waits.then_some(Change::Hold(HoldChange::Hold { org, id }))
    }

    /// The generation is on disk. It may have ended by now.
    pub(crate) fn used(mut self) {
        self.is_used = true;
        if let (Some(id), Some(places)) = (self.bound_to, locked(&self.world.gate.orgs).get_mut(&self.org))
            && places.arriving.remove(&id)
        {
            places.held.insert(id);
        }
        // The room that it waits for may have come while it was on its way.
        let_next_in(&self.world, &self.org);
        limits::watch(&self.world, &self.org);
    }
}

impl Places {
    fn come(&mut self, to_wait: bool) {
        let coming = if to_wait { &mut self.coming_to_wait } else { &mut self.coming };
        *coming = coming.saturating_sub(1);
    }

    fn leave(&mut self, id: GenerationId) {
        let _ = self.taken.remove(&id) || self.held.remove(&id) || self.arriving.remove(&id);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_used {
            return;
        }
        if let Some(places) = locked(&self.world.gate.orgs).get_mut(&self.org) {
            match self.bound_to {
                Some(id) => places.leave(id),
                None => places.come(self.waits),
            }
        }
        let_next_in(&self.world, &self.org);
    }
}

/// Takes a place for a create. `None` where the organization has no limit.
pub(crate) async fn take(world: &Arc<World>, org: &OrgId, wanted: Wanted) -> Result<Option<Place>, PlaceError> {
    if wanted.limit > 0 {
        limits::count_once(world, org).await?;
    }
    let mut orgs = locked(&world.gate.orgs);
    if wanted.limit == 0 && !orgs.contains_key(org) {
        return Ok(None);
    }
    let places = orgs.entry(org.clone()).or_default();
    places.limit = wanted.limit;
    let (active, limit) = (places.active(), wanted.limit);
    let is_full = limit > 0 && active >= limit as usize;
    let waits = is_full && wanted.may_wait && places.waiting() < world.settings.queued_max;
    if is_full && !waits {
        return Err(NoPlace { active, limit }.into());
    }
    let coming = if waits { &mut places.coming_to_wait } else { &mut places.coming };
    *coming += 1;
    drop(orgs);
    Ok(Some(Place { world: world.clone(), org: org.clone(), waits, bound_to: None, is_used: false }))
}

/// How many of an organization's count against its limit.
pub(crate) fn active(world: &World, org: &OrgId) -> usize {
    locked(&world.gate.orgs).get(org).map_or(0, Places::active)
}

/// A generation has ended, however it did. Saying so again does no harm.
pub(crate) fn ended(world: &Arc<World>, org: &OrgId, id: GenerationId) {
    if !rule::holds("an_end_makes_room") {
        return;
    }
    {
        let mut orgs = locked(&world.gate.orgs);
        let Some(places) = orgs.get_mut(org) else { return };
        if let Some(ended) = &mut places.ended {
            ended.insert(id);
        }
        places.leave(id);
    }
    let_next_in(world, org);
}

fn let_next_in(world: &Arc<World>, org: &OrgId) {
    // They wait on disk, and the next start lets them in.
    if world.stopping.is_cancelled() {
        return;
    }
    let next = locked(&world.gate.orgs).get_mut(org).map(Places::next).unwrap_or_default();
    for id in next {
        world.ports.spawn.spawn(Box::pin(let_in(world.clone(), org.clone(), id)));
    }
}

async fn let_in(world: Arc<World>, org: OrgId, id: GenerationId) {
    // Stale: it was ended before it came in. The store has closed: the process is ending.
    if world.write(vec![Change::Hold(HoldChange::LetIn { org: org.clone(), id })]).await.is_none() {
        return;
    }
    let found = loop {
        match world.ports.store.generation_of_any(id).await {
            Ok(found) => break found,
            Err(StoreError::Closed) => return,
            Err(error) => world.pause_after(&error, "a generation that was let in").await,
        }
    };
    match found.filter(|generation| !generation.is_final()) {
        Some(generation) => offer(&world, generation),
        None => ended(&world, &org, id),
    }
}

fn offer(world: &World, generation: Generation) {
    let route = world.settings.routing.route(&generation.request.model);
    if let Some(backlog) = route.and_then(|route| world.backlogs.get(&route)) {
        backlog.offer(generation);
    }
}

/// At start: who is open and who waits, as the store says.
pub(crate) async fn recover(world: &Arc<World>) -> Result<(), StoreError> {
    for organization in world.ports.store.organizations().await? {
        let limit = world.settings.plans.of(&organization).concurrency;
        if limit > 0 {
            let taken = open(world, &organization.id).await?;
            let places = Places { limit, taken, ..Places::default() };
            locked(&world.gate.orgs).insert(organization.id, places);
        }
    }
    let mut after = None;
    loop {
        let page = world.ports.store.held(after, PAGE).await?;
        after = page.last().cloned();
        if after.is_none() {
            break;
        }
        let free = page.into_iter().filter(|(org, id)| !keeps_waiting(world, org, *id));
        let changes: Vec<Change> = free.map(|(org, id)| Change::Hold(HoldChange::LetIn { org, id })).collect();
        if !changes.is_empty() {
            let _ = world.ports.store.apply(changes).await?;
        }
    }
    let orgs: Vec<OrgId> = locked(&world.gate.orgs).keys().cloned().collect();
    for org in &orgs {
        let_next_in(world, org);
        limits::watch(world, org);
    }
    Ok(())
}

/// Whether its organization has a limit: then it is counted as one that waits.
fn keeps_waiting(world: &World, org: &OrgId, id: GenerationId) -> bool {
    let mut orgs = locked(&world.gate.orgs);
    let Some(places) = orgs.get_mut(org) else { return false };
    places.taken.remove(&id);
    places.held.insert(id)
}

async fn open(world: &World, org: &OrgId) -> Result<BTreeSet<GenerationId>, StoreError> {
    let mut all = BTreeSet::new();
    for status in [Status::Pending, Status::Processing] {
        let mut after = None;
        while all.len() < KNOWN_MAX {
            let page = world.ports.store.in_status(org, status, after, PAGE).await?;
            after = page.last().copied();
            if after.is_none() {
                break;
            }
            all.extend(page);
        }
    }
    Ok(all)
}
