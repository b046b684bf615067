//! Looks into assets once they are here: how long, how large, a small picture.
//!
//! Promise: nobody waits for it, and it never has more than one file of each lane in hand: what lies behind a URL that drips
//! holds up no upload. What waits stands in the store, so a crash costs a look at most; what dies on
//! [`ASSET_PROBES_MAX`] looks is left as it is.
//!
//! How it fails: a file that can't be read is on record as that. Where our own disk fails the round ends, and the next asset
//! that comes begins another.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postsync_core::asset::{Asset, AssetChange, AssetFile, Facts, Probe};
use postsync_core::change::Change;
use postsync_core::ids::{GenerationId, MediaId};
use postsync_core::limits::ASSET_PROBES_MAX;
use tokio::sync::Notify;

use crate::ports::{Applied, Contents, FetchRequest, MediaError, MediaKind, ProbeError, ProbeLane, Resolved, Trust};
use crate::world::World;

/// Wakes the lanes.
#[derive(Default)]
pub(crate) struct Bells {
    stored: Notify,
    elsewhere: Notify,
}

impl Bells {
    fn of(&self, lane: ProbeLane) -> &Notify {
        match lane {
            ProbeLane::Stored => &self.stored,
            ProbeLane::Elsewhere => &self.elsewhere,
        }
    }

    /// An asset has come.
    pub(crate) fn ring(&self, asset: &Asset) {
        let lane = if asset.media().is_some() { ProbeLane::Stored } else { ProbeLane::Elsewhere };
        self.of(lane).notify_one();
    }
}

/// One lane, until the server stops.
pub(crate) async fn run(world: Arc<World>, lane: ProbeLane) {
    loop {
        round(&world, lane).await;
        tokio::select! {
            biased;
            _ = world.stopping.cancelled() => return,
            () = world.probes.of(lane).notified() => {}
        }
    }
}

/// All that waits, one by one.
async fn round(world: &World, lane: ProbeLane) {
    loop {
        let asset = tokio::select! {
            biased;
            _ = world.stopping.cancelled() => return,
            asset = next(world, lane) => asset,
        };
        let Some(asset) = asset else { return };
        let _entry = world.under_way.enter();
        if let Err(error) = look(world, &asset).await {
            tracing::warn!(asset = %asset.id, %error, "an asset could not be looked at; it is tried again later");
            return;
        }
    }
}

/// What waits longest.
async fn next(world: &World, lane: ProbeLane) -> Option<Asset> {
    loop {
        match world.ports.store.assets_to_probe(lane, 1).await {
            Ok(mut page) => return page.pop(),
            Err(error) => world.pause_after(&error, "which assets wait to be looked at").await,
        }
    }
}

/// One look, begun on record. A stop cuts it, and the next start begins another.
async fn look(world: &World, asset: &Asset) -> Result<(), MediaError> {
    let Probe::Waiting(begun) = asset.probe else { return Ok(()) };
    if begun >= ASSET_PROBES_MAX {
        write(world, asset, None, None).await;
        return Ok(());
    }
    let start = Change::Asset(AssetChange::StartProbe { id: asset.id, tries: begun + 1 });
    if world.write(vec![start]).await != Some(Applied::Done) {
        return Ok(());
    }
    // A folder is named by a UUID; an asset's is no generation's.
    let folder_id = GenerationId(asset.id.0);
    let folder = world.ports.media.job_folder(folder_id).await?;
    let looked = tokio::select! {
        biased;
        _ = world.stopping.cancelled() => Ok(()),
        looked = in_folder(world, asset, &folder) => looked,
    };
    if let Err(error) = world.ports.media.drop_job_folder(folder_id).await {
        tracing::warn!(asset = %asset.id, %error, "a folder was left behind; the next start sweeps it");
    }
    looked
}

async fn in_folder(world: &World, asset: &Asset, folder: &Path) -> Result<(), MediaError> {
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
async fn brought(
    world: &World,
    asset: &Asset,
    folder: &Path,
) -> Result<Result<(PathBuf, Option<u64>), String>, MediaError> {
    let url = match &asset.file {
        AssetFile::Elsewhere(url) => url.clone(),
        AssetFile::Stored(media) => match world.ports.media.resolve(*media).await {
            Ok(Resolved::File(path)) => return Ok(Ok((path, None))),
            Ok(Resolved::Redirect(url)) => url,
            Err(MediaError::Missing) => return Ok(Err("its file is gone".to_owned())),
            Err(error) => return Err(error),
        },
    };
    let to = folder.join("input");
    let request = FetchRequest {
        url,
        to: to.clone(),
        bytes_max: world.settings.input_bytes_max,
        trust: Trust::Anybody,
        kind: None,
    };
    Ok(world.ports.fetch.fetch(request).await.map(|fetched| (to, Some(fetched.bytes))).map_err(|error| error.message))
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
