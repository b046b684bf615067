//! Room 2: a validated request becomes a generation. One commit, then 201: who got an answer can rely on it.
use std::sync::Arc;

use postsync_core::asset::Asset;
use postsync_core::audit::{self, Caller, Named};
use postsync_core::change::Change;
use postsync_core::generation::{self, Generation, NewGeneration};
use postsync_core::ids::MadeId;
use postsync_core::model::Route;
use postsync_core::retention::accepted_at;
use postsync_core::space::Shortage;

use crate::gate::Place;
use crate::keyed::Keyed;
use crate::ports::{Applied, StoreError};
use crate::world::{World, locked};

/// Why a generation was not accepted. In every case nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The server is going down: another one, or a later try, will take it.
    #[error("the server is stopping")]
    Stopping,
    /// The disk has too little room left: the operator must act.
    #[error("there is too little room for new generations: {0}")]
    NoRoom(Shortage),
    /// No generator is configured for the model.
    #[error("no generator makes this model here")]
    NoGenerator,
    /// Another create has used the same key meanwhile.
    #[error("the key was used meanwhile")]
    KeyUsed,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A create that was judged.
pub struct Submission {
    /// What is asked for.
    pub new: NewGeneration,
    /// Files that came with it.
    pub uploads: Vec<Asset>,
    /// The turn of its `Idempotency-Key`; see [`Engine::begin_keyed`](crate::Engine::begin_keyed).
    pub keyed: Option<Keyed>,
    /// Its place, where its organization has a limit; see [`Engine::take_place`](crate::Engine::take_place).
    pub place: Option<Place>,
    /// Who asks.
    pub caller: Caller,
    /// The assets that it names, those that came with it left out.
    pub named: Named,
}

impl Submission {
    /// One without files and without a key.
    #[must_use]
    pub fn plain(new: NewGeneration) -> Self {
        let (caller, named) = (Caller::default(), Named::default());
        Self { new, uploads: Vec::new(), keyed: None, place: None, caller, named }
    }
}

pub(crate) async fn submit(world: &Arc<World>, submission: Submission) -> Result<Generation, SubmitError> {
    let Submission { new, uploads, keyed, mut place, caller, mut named } = submission;
    may_take(world)?;
    let route = world.settings.routing.route(&new.request.model);
    let backlog = route.and_then(|route: Route| world.backlogs.get(&route)).ok_or(SubmitError::NoGenerator)?;
    let id = world.new_generation_id();
    // Its id tells the time, too: both are to say the same.
    let accepted = generation::accept(new, id, accepted_at(id));
    // First of the list: a key that was used meanwhile refuses it before anything else of it is written.
    let mut changes: Vec<Change> =
        keyed.iter().map(|keyed| keyed.used_for(MadeId(accepted.id.0), accepted.created_at)).collect();
    changes.extend(uploads.iter().cloned().map(|asset| Change::AddAsset(Box::new(asset))));
    uploads.iter().for_each(|asset| named.add(asset));
    changes.extend(audit::accepted(&accepted, caller, &named));
    changes.extend(place.as_mut().and_then(|place| place.bind(accepted.id)));
    match world.ports.store.apply(changes).await? {
        Applied::Done => {}
        Applied::Stale if keyed.is_some() => return Err(SubmitError::KeyUsed),
        Applied::Stale => return Err(StoreError::Failed("a new generation was refused as stale".to_owned()).into()),
    }
    metrics::counter!("postsync_generations_accepted_total").increment(1);
    uploads.iter().for_each(|asset| world.probes.ring(asset));
    if place.as_ref().is_none_or(|place| !place.waits()) {
        backlog.offer(accepted.clone());
    }
    if let Some(place) = place {
        place.used();
    }
    Ok(accepted)
}

/// Whether anything new is taken right now.
pub(crate) fn may_take(world: &World) -> Result<(), SubmitError> {
    if world.stopping.is_cancelled() {
        return Err(SubmitError::Stopping);
    }
    match *locked(&world.shortage) {
        Some(shortage) => Err(SubmitError::NoRoom(shortage)),
        None => Ok(()),
    }
}
