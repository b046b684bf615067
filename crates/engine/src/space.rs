//! Looks how much room is left, and refuses new work before there is none: a disk that is full to the last byte can't take
//! the outcomes of deliveries either. What was accepted goes on.
use std::sync::Arc;
use std::time::Duration;

use postsync_core::space::{Shortage, Space};

use crate::world::{World, locked};

/// How often it looks. What is taken in meanwhile comes out of what is kept free.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Until the server stops, or at once where nobody knows how much room there is.
pub(crate) async fn run(world: Arc<World>) {
    while look(&world).await {
        tokio::select! {
            biased;
            _ = world.stopping.cancelled() => return,
            () = world.ports.clock.sleep(LOOK_EVERY) => {}
        }
    }
}

/// Looks once; `false` where there is nothing to be seen.
pub(crate) async fn look(world: &World) -> bool {
    let space = match world.ports.media.space().await {
        Ok(Some(space)) => space,
        Ok(None) => return false,
        Err(error) => {
            // Not a reason to refuse work: a disk that is really full says so when it is written to.
            tracing::warn!(%error, "it could not be seen how much room is left on the disk");
            return true;
        }
    };
    show(&space);
    keep(world, world.settings.budget.shortage(&space));
    true
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn show(space: &Space) {
    metrics::gauge!("postsync_storage_free_bytes").set(space.free_bytes as f64);
    if let Some(bytes) = space.media_bytes {
        metrics::gauge!("postsync_storage_media_bytes").set(bytes as f64);
    }
}

fn keep(world: &World, shortage: Option<Shortage>) {
    metrics::gauge!("postsync_storage_short").set(if shortage.is_some() { 1.0 } else { 0.0 });
    let before = std::mem::replace(&mut *locked(&world.shortage), shortage);
    match (before, shortage) {
        (None, Some(shortage)) => tracing::error!("no new generations are taken: {shortage}"),
        (Some(_), None) => tracing::info!("there is room again; generations are taken"),
        _ => {}
    }
}
