//! A client removes a generation that has ended: its video first, then its row. Its events stay, and are delivered.
use postsync_core::change::Change;
use postsync_core::generation::{Ending, Generation, Output, State};
use postsync_core::ids::{GenerationId, OrgId};

use crate::ports::{Applied, MediaError, StoreError};
use crate::world::World;

/// Why a generation was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// There is none of that id in the organization.
    #[error("there is no such generation")]
    Unknown,
    /// It has not ended, or the batch that it is a row of has not.
    #[error("the generation has not ended")]
    NotEnded,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The media store could not.
    #[error(transparent)]
    Media(#[from] MediaError),
}

pub(crate) async fn remove(world: &World, org: &OrgId, id: GenerationId) -> Result<(), RemoveError> {
    let generation = world.ports.store.generation(org, id).await?.ok_or(RemoveError::Unknown)?;
    let State::Ended(_, ending) = &generation.state else { return Err(RemoveError::NotEnded) };
    if is_of_a_running_batch(world, &generation).await? {
        return Err(RemoveError::NotEnded);
    }
    if let Ending::Completed(Output { media: Some(media), .. }) = ending {
        world.ports.media.remove(*media).await?;
    }
    match world.ports.store.apply(vec![Change::RemoveGeneration { org: org.clone(), id }]).await? {
        Applied::Done => Ok(()),
        Applied::Stale => Err(RemoveError::Unknown),
    }
}

/// A result file names each of its rows: none may be missing when it is made.
async fn is_of_a_running_batch(world: &World, generation: &Generation) -> Result<bool, StoreError> {
    let Some(row) = &generation.row else { return Ok(false) };
    let batch = world.ports.store.batch_of_any(row.batch).await?;
    Ok(batch.is_some_and(|batch| !batch.is_final()))
}
