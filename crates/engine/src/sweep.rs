//! At start: what an earlier process left open is put on record as it is, before anything new begins.
use postsync_core::outcome::{Outcome, SendReport};
use postsync_core::rule;

use crate::engine::StartError;
use crate::settle;
use crate::world::World;

/// Open attempts read at once.
const PAGE: usize = 256;

/// Ends open attempts as interrupted (they are due again at once) and removes the folders of dead jobs. Generations that
/// were at work need nothing: their starts are counted, and the loop takes them up again.
pub(crate) async fn recover(world: &World) -> Result<(), StartError> {
    let folders = world.ports.media.sweep_job_folders().await?;
    let mut interrupted = 0usize;
    let mut read_to = None;
    while rule::holds("open_attempts_are_recovered") {
        let page = world.ports.store.open_attempts(read_to, PAGE).await?;
        let Some(last) = page.last().map(|due| due.delivery.id) else { break };
        let report = SendReport::bare(Outcome::Interrupted, settle::INTERRUPTED);
        for due in &page {
            // Alone, each: one stale fence must not undo its neighbours.
            let _ = world.ports.store.apply(vec![settle::judge(world, due, &report)]).await?;
        }
        interrupted += page.len();
        read_to = Some(last);
    }
    if interrupted + folders > 0 {
        tracing::info!(interrupted, folders, "recovered what an earlier process left");
    }
    Ok(())
}
