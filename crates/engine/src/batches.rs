//! Batches: taken in with all of their rows in ONE commit, and ended in the commit of the last row's end.
//!
//! Promise: a batch that was answered for is on disk with every row, or nothing of it is. Its one event comes with the end of its
//! last row, whichever that is and however many end at the same time: who counts is fenced by the counts themselves.
use std::sync::Arc;

use postsync_core::batch::{self, Accepted, Batch, NewBatch, RowEnd};
use postsync_core::generation::{Generation, Status, Surroundings};
use postsync_core::ids::MadeId;
use postsync_core::model::Route;

use crate::backlog::Backlog;
use crate::keyed::Keyed;
use crate::ports::{Applied, StoreError};
use crate::submit::{SubmitError, may_take};
use crate::world::World;

/// Accepts a batch, with the turn of its `Idempotency-Key`. Gives it as its client is told of it.
pub(crate) async fn submit(world: &Arc<World>, new: NewBatch, keyed: Option<Keyed>) -> Result<Batch, SubmitError> {
    may_take(world)?;
    if new.rows.iter().any(|(_, request)| backlog_of(world, &request.model).is_none()) {
        return Err(SubmitError::NoGenerator);
    }
    let (id, now) = (world.new_batch_id(), world.now());
    let Accepted { batch, generations, changes } = batch::accept(new, id, now, || world.new_generation_id());
    let used = keyed.iter().map(|keyed| keyed.used_for(MadeId(id.0), now));
    match world.ports.store.apply(used.chain(changes).collect()).await? {
        Applied::Done => {}
        Applied::Stale if keyed.is_some() => return Err(SubmitError::KeyUsed),
        Applied::Stale => return Err(StoreError::Failed("a new batch was refused as stale".to_owned()).into()),
    }
    metrics::counter!("postsync_batches_accepted_total").increment(1);
    metrics::counter!("postsync_generations_accepted_total").increment(generations.len() as u64);
    for generation in generations {
        if let Some(backlog) = backlog_of(world, &generation.request.model) {
            backlog.offer(generation);
        }
    }
    Ok(batch)
}

/// Whether a generator makes that model here.
pub(crate) fn backlog_of<'a>(world: &'a World, model: &str) -> Option<&'a Backlog> {
    let route: Option<Route> = world.settings.routing.route(model);
    route.and_then(|route| world.backlogs.get(&route))
}

/// What the end of a generation makes of the batch that it is a row of. `None`: it is of none, and there is nothing to be done.
pub(crate) async fn row_end(
    world: &World,
    generation: &Generation,
    around: Surroundings<'_>,
) -> Result<Option<RowEnd>, StoreError> {
    let Some(row) = &generation.row else { return Ok(None) };
    let batch = match world.ports.store.batch_of_any(row.batch).await? {
        Some(batch) if !batch.is_final() => batch,
        found => {
            // Of a database that somebody has changed by hand. The generation must end all the same.
            let has_ended = found.is_some();
            tracing::error!(batch = %row.batch, generation = %generation.id, has_ended, "a row ends that its batch does not wait for");
            return Ok(None);
        }
    };
    let succeeded = generation.status() == Status::Completed;
    let url = || {
        let token = world.ports.media.seal(&batch::result_grant(batch.id));
        format!("{}{}", world.settings.public_url, batch::result_path(batch.id, &token))
    };
    let (event, delivery) = (|| world.new_event_id(), || world.new_delivery_id());
    Ok(Some(batch::row_ended(&batch, succeeded, world.now(), around, url, event, delivery)))
}

/// Whether an end that was refused as stale was so because another row of its batch was counted meanwhile, and not because the
/// generation itself has moved: then it is to be written once more.
pub(crate) async fn was_overtaken(world: &World, generation: &Generation) -> Result<bool, StoreError> {
    if generation.row.is_none() {
        return Ok(false);
    }
    let on_disk = world.ports.store.generation_of_any(generation.id).await?;
    Ok(on_disk.is_some_and(|on_disk| !on_disk.is_final() && on_disk.tries == generation.tries))
}
