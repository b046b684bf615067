//! Words become an asset, at once: for who wants to hear them before a video is made.
use std::path::Path;
use std::sync::Arc;

use postsync_core::asset::{Asset, AssetKind, Facts, InputType, Probe};
use postsync_core::generation::Failure;
use postsync_core::ids::OrgId;
use postsync_core::speech::Words;

use crate::assets::{self, AssetError};
use crate::world::World;

/// Of the script, what the asset is called by.
const NAME_CHARS_MAX: usize = 60;

/// Why nothing was spoken.
#[derive(Debug, thiserror::Error)]
pub enum SpeakError {
    /// Who speaks could not, or would not.
    #[error("{}", .0.error)]
    Failed(Failure),
    /// What was spoken could not be kept.
    #[error(transparent)]
    Asset(#[from] AssetError),
}

pub(crate) async fn speak(world: &Arc<World>, org: OrgId, words: &Words) -> Result<Asset, SpeakError> {
    // A folder like a job's: swept at the next start, whatever happens.
    let scratch = world.new_generation_id();
    let folder = world.ports.media.job_folder(scratch).await.map_err(AssetError::from)?;
    let spoken = in_folder(world, org, words, &folder).await;
    if let Err(error) = world.ports.media.drop_job_folder(scratch).await {
        tracing::warn!(%error, "a folder was left behind; the next start sweeps it");
    }
    spoken
}

async fn in_folder(world: &Arc<World>, org: OrgId, words: &Words, folder: &Path) -> Result<Asset, SpeakError> {
    let file = folder.join("output");
    let spoken = world.ports.speech.speak(words, folder, &file).await.map_err(SpeakError::Failed)?;
    let duration_ms = match spoken.duration_ms {
        Some(known) => Some(known),
        None => world.ports.prober.probe(&file, folder).await.ok().and_then(|contents| contents.duration_ms),
    };
    let name: String =
        words.script.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(NAME_CHARS_MAX).collect();
    let (id, media) = (world.new_asset_id(), world.new_media_id());
    let made = Asset::uploaded(id, org, AssetKind::Audio, name, media, spoken.bytes, world.now());
    let facts = Facts { format: Some(spoken.format.to_owned()), duration_ms, ..Facts::default() };
    let asset = Asset { input_type: InputType::Tts, facts, probe: Probe::Done, ..made };
    Ok(assets::add(world, asset, Some(&file)).await?)
}
