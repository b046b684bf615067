//! Looks into assets once they are here: how long, how large, a small picture.
//!
//! Promise: nobody waits for it, and nobody is kept from it: organizations take [turns](lanes), and what lies behind a URL has
//! places, a time and a size of its own. What waits stands in the store, so a crash costs a look at most; what dies on
//! [`ASSET_PROBES_MAX`] looks is left as it is. A stop, and our own disk, use up none.
//!
//! How it fails: a file that can't be read is on record as that. What our own disk has failed is set aside, and tried again.
mod lanes;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use postsync_core::asset::{Asset, AssetChange, AssetFile, Facts, Probe};
use postsync_core::change::Change;
use postsync_core::ids::{GenerationId, MediaId};
use postsync_core::limits::ASSET_PROBES_MAX;
use tokio::sync::OwnedSemaphorePermit;

use crate::ports::{
    Applied, Contents, FetchError, FetchFailure, FetchRequest, MediaError, MediaKind, ProbeError, ProbeLane, Resolved,
    Trust,
};
use crate::tally::Entry;
use crate::world::{World, locked};
pub(crate) use lanes::Lanes;

/// What lies behind a URL is here in that time, or is left as it is.
const FETCH_MAX: Duration = Duration::from_secs(60);

/// No more than that is brought here to be looked at once.
const FETCH_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Between two looks, once our own disk has failed one.
const PAUSE: Duration = Duration::from_secs(5);

/// For so long what it has failed is set aside.
const ASIDE: Duration = Duration::from_secs(600);

/// Between two looks whether there is room again.
const ROOM_AGAIN: Duration = Duration::from_secs(5);

/// Why a look came to nothing, and says nothing about its file.
#[derive(Debug, thiserror::Error)]
enum Ours {
    #[error("the server is stopping")]
    Stop,
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error(transparent)]
    Fetch(FetchError),
}

/// One lane, until the server stops.
pub(crate) async fn run(world: Arc<World>, kind: ProbeLane) {
    loop {
        let next = async {
            // Never closed, so never an error.
            let place = world.probes.of(kind).place().await?;
            Some((place, next(&world, kind).await))
        };
        let taken = tokio::select! {
            biased;
            _ = world.stopping.cancelled() => return,
            taken = next => taken,
        };
        let Some((place, asset)) = taken else { return };
        let entry = world.under_way.enter();
        // Looked at again once it is counted, as where work is taken up.
        if world.stopping.is_cancelled() {
            return;
        }
        world.ports.spawn.spawn(Box::pin(work(world.clone(), kind, asset, place, entry)));
    }
}

/// Whose turn it is, once there is something.
async fn next(world: &World, kind: ProbeLane) -> Asset {
    let lane = world.probes.of(kind);
    loop {
        if kind == ProbeLane::Elsewhere && locked(&world.shortage).is_some() {
            // What is fetched would take the room that is left.
            world.ports.clock.sleep(ROOM_AGAIN).await;
            continue;
        }
        match world.ports.store.asset_to_probe(world.probes.query(kind)).await {
            Ok(Some(asset)) => {
                lane.begin(asset.id, &asset.org);
                return asset;
            }
            Ok(None) => lane.rung().await,
            Err(error) => world.pause_after(&error, "which assets wait to be looked at").await,
        }
    }
}

async fn work(world: Arc<World>, kind: ProbeLane, asset: Asset, place: OwnedSemaphorePermit, entry: Entry) {
    let looked = look(&world, &asset).await;
    drop(entry);
    if let Err(error) = looked {
        tracing::warn!(asset = %asset.id, %error, "an asset could not be looked at; it is tried again later");
        let aside = async {
            world.ports.clock.sleep(PAUSE).await;
            drop(place);
            world.ports.clock.sleep(ASIDE).await;
        };
        tokio::select! {
            biased;
            _ = world.stopping.cancelled() => return,
            () = aside => {}
        }
    }
    world.probes.of(kind).end(asset.id);
}

/// One look, begun on record. What says nothing about the file is taken back.
async fn look(world: &World, asset: &Asset) -> Result<(), Ours> {
    let Probe::Waiting(begun) = asset.probe else { return Ok(()) };
    if begun >= ASSET_PROBES_MAX {
        write(world, asset, None, None).await;
        return Ok(());
    }
    let (id, tries) = (asset.id, begun + 1);
    if world.write(vec![Change::Asset(AssetChange::StartProbe { id, tries })]).await != Some(Applied::Done) {
        return Ok(());
    }
    // A folder is named by a UUID; an asset's is no generation's.
    let folder = GenerationId(id.0);
    let looked = tokio::select! {
        biased;
        _ = world.stopping.cancelled() => Err(Ours::Stop),
        looked = in_folder(world, asset, folder) => looked,
    };
    if let Err(error) = world.ports.media.drop_job_folder(folder).await {
        tracing::warn!(asset = %id, %error, "a folder was left behind; the next start sweeps it");
    }
    if looked.is_err() {
        // Stale: its owner has removed it.
        let _ = world.write(vec![Change::Asset(AssetChange::ReleaseProbe { id, tries })]).await;
    }
    match looked {
        Err(Ours::Stop) => Ok(()),
        other => other,
    }
}

async fn in_folder(world: &World, asset: &Asset, folder: GenerationId) -> Result<(), Ours> {
    let folder = world.ports.media.job_folder(folder).await?;
    let folder = folder.as_path();
    let (file, bytes) = match brought(world, asset, folder).await? {
        Ok(brought) => brought,
        Err(why) => {
            tracing::info!(asset = %asset.id, why, "an asset could not be fetched to be looked at");
            write(world, asset, None, None).await;
            return Ok(());
        }
    };
    match world.ports.prober.probe(&file, folder).await {
        Ok(contents) => {
            let thumbnail = thumbnail(world, &contents).await?;
            write(world, asset, bytes, Some((contents, thumbnail))).await;
        }
        Err(ProbeError(why)) => {
            tracing::info!(asset = %asset.id, why, "an asset can't be read");
            write(world, asset, bytes, None).await;
        }
    }
    Ok(())
}

/// Where its bytes are, and how many, where nobody knew; or why they can't be had.
async fn brought(world: &World, asset: &Asset, folder: &Path) -> Result<Result<(PathBuf, Option<u64>), String>, Ours> {
    let url = match &asset.file {
        AssetFile::Elsewhere(url) => url.clone(),
        AssetFile::Stored(media) => match world.ports.media.resolve(*media).await {
            Ok(Resolved::File(path)) => return Ok(Ok((path, None))),
            Ok(Resolved::Redirect(url)) => url,
            Err(MediaError::Missing) => return Ok(Err("its file is gone".to_owned())),
            Err(error) => return Err(error.into()),
        },
    };
    let to = folder.join("input");
    let bytes_max = world.settings.input_bytes_max.min(FETCH_BYTES_MAX);
    let request = FetchRequest { url, to: to.clone(), bytes_max, trust: Trust::Anybody, kind: None };
    tokio::select! {
        biased;
        fetched = world.ports.fetch.fetch(request) => match fetched {
            Ok(fetched) => Ok(Ok((to, Some(fetched.bytes)))),
            Err(error) if error.failure == FetchFailure::Storage => Err(Ours::Fetch(error)),
            Err(error) => Ok(Err(error.message)),
        },
        () = world.ports.clock.sleep(FETCH_MAX) => Ok(Err(format!("it did not arrive within {FETCH_MAX:?}"))),
    }
}

async fn thumbnail(world: &World, contents: &Contents) -> Result<Option<MediaId>, MediaError> {
    let Some(path) = &contents.thumbnail else { return Ok(None) };
    let id = world.new_media_id();
    world.ports.media.keep(id, MediaKind::Upload, path).await?;
    Ok(Some(id))
}

async fn write(world: &World, asset: &Asset, bytes: Option<u64>, found: Option<(Contents, Option<MediaId>)>) {
    let kind = found.as_ref().and_then(|(contents, _)| contents.kind).filter(|kind| *kind != asset.kind);
    let facts = found.map(|(contents, thumbnail)| Facts {
        format: contents.format.or_else(|| asset.facts.format.clone()),
        duration_ms: contents.duration_ms,
        width: contents.width,
        height: contents.height,
        thumbnail,
    });
    let picture = facts.as_ref().and_then(|facts| facts.thumbnail);
    let probed = AssetChange::Probed { id: asset.id, kind, bytes, facts, at: world.now() };
    let written = world.write(vec![Change::Asset(probed)]).await;
    if written == Some(Applied::Stale)
        && let Some(id) = picture
        && let Err(error) = world.ports.media.remove(id).await
    {
        tracing::warn!(media = %id, %error, "the picture of an asset that is gone could not be removed");
    }
}
