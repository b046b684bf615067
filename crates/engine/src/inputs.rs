//! Brings a generation's inputs to where its generator wants them: files in its folder, under names that say nothing.
//! `input-0`, no extension: ffmpeg chooses its reader by name too, and a name that a client chose must not choose for it.
use std::path::{Path, PathBuf};

use postsync_core::asset::AssetFile;
use postsync_core::error_code::{
    self, GENERATION_INFRA_STORAGE_ERROR, GENERATION_INPUT_VALIDATION_FAILED, GENERATION_PIPELINE_FAILED,
};
use postsync_core::generation::{Failure, Generation};
use postsync_core::ids::AssetId;
use postsync_core::input::{Item, ItemKind, Source, parse_items};

use crate::ports::{FetchError, FetchFailure, FetchRequest, Inputs, Job, JobInput, MediaError, Trust};
use crate::voices;
use crate::world::World;

/// The job of a generation. What can't be had is a failure with the code of the input that it is.
pub(crate) async fn prepare(world: &World, wanted: Inputs, generation: &Generation) -> Result<Job, Failure> {
    let request = &generation.request;
    let items = serde_json::from_str(&request.input).ok().and_then(|value| parse_items(&value).ok());
    let items = items.ok_or_else(|| Failure::of(GENERATION_INPUT_VALIDATION_FAILED))?;
    let folder = match wanted {
        Inputs::AsGiven => PathBuf::new(),
        Inputs::LocalFiles | Inputs::FilesOfAssets => {
            world.ports.media.job_folder(generation.id).await.map_err(|e| stored(&e))?
        }
    };
    let mut inputs = Vec::with_capacity(items.len());
    for (i, item) in items.into_iter().enumerate() {
        let file = match wanted {
            Inputs::AsGiven => None,
            Inputs::FilesOfAssets if !matches!(item.source, Some(Source::Asset(_))) => None,
            Inputs::LocalFiles | Inputs::FilesOfAssets => Some(bring(world, generation, i, &item, &folder).await?),
        };
        inputs.push(JobInput { item, file });
    }
    Ok(Job { id: generation.id, tries: generation.tries, request: request.clone(), inputs, folder })
}

async fn bring(
    world: &World,
    generation: &Generation,
    i: usize,
    item: &Item,
    folder: &Path,
) -> Result<PathBuf, Failure> {
    let to = folder.join(format!("input-{i}"));
    match &item.source {
        Some(Source::Url(url)) => fetch(world, i, item.kind, url, &to).await?,
        Some(Source::Asset(id)) => asset(world, generation, (i, item), *id, &to).await?,
        None => {
            let words = item.words.as_ref().ok_or_else(|| Failure::of(GENERATION_INPUT_VALIDATION_FAILED))?;
            voices::speak(world, &generation.org, words, folder, &to).await.map(drop)?;
        }
    }
    Ok(to)
}

async fn fetch(world: &World, i: usize, kind: ItemKind, url: &str, to: &Path) -> Result<(), Failure> {
    let request = FetchRequest {
        url: url.to_owned(),
        to: to.to_path_buf(),
        bytes_max: world.settings.input_bytes_max,
        trust: Trust::Anybody,
    };
    world.ports.fetch.fetch(request).await.map(drop).map_err(|error| fetched(i, kind, &error))
}

async fn asset(
    world: &World,
    generation: &Generation,
    (i, item): (usize, &Item),
    id: AssetId,
    to: &Path,
) -> Result<(), Failure> {
    let gone =
        || Failure::new(error_code::ASSET_NOT_FOUND, &format!("input[{i}] names an asset that is not there any more."));
    let asset = loop {
        match world.ports.store.asset(&generation.org, id).await {
            Ok(asset) => break asset.ok_or_else(gone)?,
            Err(error) => world.pause_after(&error, "an asset").await,
        }
    };
    match &asset.file {
        AssetFile::Elsewhere(url) => fetch(world, i, item.kind, url, to).await,
        AssetFile::Stored(media) => world.ports.media.copy_to(*media, to).await.map_err(|error| match error {
            MediaError::Missing => gone(),
            other => stored(&other),
        }),
    }
}

fn fetched(i: usize, kind: ItemKind, error: &FetchError) -> Failure {
    let inaccessible = match kind {
        ItemKind::Video => error_code::GENERATION_INPUT_VIDEO_INACCESSIBLE,
        ItemKind::Image => error_code::GENERATION_INPUT_IMAGE_INACCESSIBLE,
        ItemKind::Audio | ItemKind::Text => error_code::GENERATION_INPUT_AUDIO_INACCESSIBLE,
    };
    let code = match error.failure {
        FetchFailure::Remote(_) => inaccessible,
        FetchFailure::TooLarge => GENERATION_INPUT_VALIDATION_FAILED,
        FetchFailure::Storage => GENERATION_INFRA_STORAGE_ERROR,
    };
    Failure::new(code, &format!("input[{i}].url could not be fetched: {}.", error.message.trim_end_matches('.')))
}

fn stored(error: &MediaError) -> Failure {
    tracing::error!(%error, "an input could not be stored");
    match error {
        MediaError::Full => Failure::of(GENERATION_INFRA_STORAGE_ERROR),
        MediaError::Missing | MediaError::Io(_) => Failure::of(GENERATION_PIPELINE_FAILED),
    }
}
