//! Room 2: a validated request becomes a generation. One commit, then 201: who got an answer can rely on it.
use std::sync::Arc;

use postsync_core::asset::Asset;
use postsync_core::change::Change;
use postsync_core::generation::{self, Generation, NewGeneration};
use postsync_core::model::Route;
use postsync_core::space::Shortage;

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
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) async fn submit(
    world: &Arc<World>,
    new: NewGeneration,
    uploads: Vec<Asset>,
) -> Result<Generation, SubmitError> {
    may_take(world)?;
    let route = world.settings.routing.route(&new.request.model);
    let backlog = route.and_then(|route: Route| world.backlogs.get(&route)).ok_or(SubmitError::NoGenerator)?;
    let accepted = generation::accept(new, world.new_generation_id(), world.now());
    let mut changes: Vec<Change> = uploads.iter().cloned().map(|asset| Change::AddAsset(Box::new(asset))).collect();
    changes.push(Change::AddGeneration(Box::new(accepted.clone())));
    match world.ports.store.apply(changes).await? {
        Applied::Done => {}
        Applied::Stale => return Err(StoreError::Failed("a new generation was refused as stale".to_owned()).into()),
    }
    metrics::counter!("postsync_generations_accepted_total").increment(1);
    uploads.iter().for_each(|asset| world.probes.ring(asset));
    backlog.offer(accepted.clone());
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
