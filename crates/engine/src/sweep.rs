//! At start: what an earlier process left open is put on record as it is, before anything new begins. What it left lying
//! about in the media store is removed meanwhile.
use std::sync::Arc;

use postsync_core::ids::MediaId;
use postsync_core::outcome::{Outcome, SendReport};
use postsync_core::{moment, rule};

use crate::engine::StartError;
use crate::settle;
use crate::world::{World, locked};

/// Media files looked at in one go.
const MEDIA_PAGE: usize = 64;

/// More files than a crash leaves: each stands for a commit that was under way.
const LEFT_MEDIA_MAX: usize = 256;

const NOT_LOOKED_THROUGH: &str = "could not remove files that nothing names; the next start tries again";

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
            moment::passes("recovery");
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

/// Removes the files that no row names: an earlier process died between keeping them and the commit. Those of this process
/// are told by their ids and not by their times, since a wall clock may be set back.
///
/// A file is removed only where the others speak for it that this is their database: beside one that was lost and made anew,
/// or restored from an old copy, every file looks like nobody's, and may be all that is left.
pub(crate) async fn drop_media_of_nobody(world: Arc<World>) {
    let mut seen = Seen::default();
    while !world.stopping.is_cancelled() && seen.of_nobody.len() <= LEFT_MEDIA_MAX {
        match look_through(&world, &mut seen).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(StartError::Store(error)) => world.pause_after(&error, "which media files are named").await,
            Err(error @ StartError::Media(_)) => return tracing::warn!(%error, "{NOT_LOOKED_THROUGH}"),
        }
    }
    *locked(&world.fresh_media) = None;
    if !world.stopping.is_cancelled() {
        drop_all(&world, &seen).await;
    }
}

/// What a pass over the media store has come to.
#[derive(Default)]
struct Seen {
    /// Files of earlier processes that rows name.
    named: usize,
    of_nobody: Vec<MediaId>,
    read_to: Option<MediaId>,
}

/// One page; whether another may follow.
async fn look_through(world: &World, seen: &mut Seen) -> Result<bool, StartError> {
    let page = world.ports.media.list_kept(seen.read_to, MEDIA_PAGE).await?;
    let named = world.ports.store.named_media(page.clone()).await?;
    seen.read_to = page.last().copied();
    let fresh = locked(&world.fresh_media);
    // Without the list nothing can be told apart any more.
    let Some(fresh) = fresh.as_ref() else { return Ok(false) };
    for id in page.into_iter().filter(|id| !fresh.contains(id)) {
        if named.contains(&id) {
            seen.named += 1;
        } else {
            seen.of_nobody.push(id);
        }
    }
    Ok(seen.read_to.is_some())
}

async fn drop_all(world: &World, seen: &Seen) {
    let left = seen.of_nobody.len();
    if left == 0 {
        return;
    }
    if seen.named == 0 || left > LEFT_MEDIA_MAX {
        tracing::warn!(
            files = left,
            "the media folder holds more files that the database does not name than a crash leaves; they are kept: \
             look whether it is the right database, or an older copy of it"
        );
        return;
    }
    for id in &seen.of_nobody {
        if let Err(error) = world.ports.media.remove(*id).await {
            tracing::warn!(media = %id, %error, "{NOT_LOOKED_THROUGH}");
        }
    }
    tracing::info!(files = left, "removed media files that an earlier process had kept and not yet named");
}
