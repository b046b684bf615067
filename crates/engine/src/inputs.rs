//! Brings a generation's inputs to where its generator wants them: files in its folder, under names that say nothing.
//! `input-0`, no extension: ffmpeg chooses its reader by name too, and a name that a client chose must not choose for it.
use std::path::{Path, PathBuf};

use postsync_core::asset::{Asset, AssetFile};
use postsync_core::error_code::{
    self, GENERATION_INFRA_STORAGE_ERROR, GENERATION_INPUT_VALIDATION_FAILED, GENERATION_PIPELINE_FAILED,
};
use postsync_core::generation::{Failure, Generation};
use postsync_core::ids::{AssetId, MediaId};
use postsync_core::input::{Item, ItemKind, Source, parse_items};
use serde_json::Value;

use crate::ports::{FetchError, FetchFailure, FetchRequest, Inputs, Job, JobInput, MediaError, Trust};
use crate::voices;
use crate::world::World;

/// The job of a generation. What can't be had is a failure with the code of the input that it is.
pub(crate) async fn prepare(world: &World, wanted: Inputs, generation: &Generation) -> Result<Job, Failure> {
    let mut request = generation.request.clone();
    let unreadable = || Failure::of(GENERATION_INPUT_VALIDATION_FAILED);
    let mut given: Value = serde_json::from_str(&request.input).map_err(|_| unreadable())?;
    let items = parse_items(&given).map_err(|_| unreadable())?;
    let folder = match wanted {
        Inputs::AsGiven => PathBuf::new(),
        Inputs::LocalFiles | Inputs::FilesOfAssets | Inputs::FolderOnly => {
            world.ports.media.job_folder(generation.id).await.map_err(|e| stored(&e))?
        }
    };
    let (mut inputs, mut is_another) = (Vec::with_capacity(items.len()), false);
    for (i, item) in items.into_iter().enumerate() {
        inputs.push(match (wanted, &item.source) {
            (Inputs::LocalFiles, _) => {
                let file = bring(world, generation, i, &item, &folder).await?;
                JobInput { item, file: Some(file) }
            }
            (Inputs::FilesOfAssets, Some(Source::Asset(id))) => {
                let asset = asset(world, generation, i, *id).await?;
                let input = own(world, i, (item, asset), &folder).await?;
                is_another |= named_by_its_url(&mut given, i, &input);
                input
            }
            (Inputs::AsGiven | Inputs::FilesOfAssets | Inputs::FolderOnly, _) => JobInput { item, file: None },
        });
    }
    if is_another {
        request.input = given.to_string();
    }
    Ok(Job { id: generation.id, tries: generation.tries, request, inputs, folder })
}

/// An asset for who wants files only of what lies with us: the one that is a URL is that URL, as if the client had written it.
async fn own(world: &World, i: usize, (item, asset): (Item, Asset), folder: &Path) -> Result<JobInput, Failure> {
    match asset.file {
        AssetFile::Stored(media) => {
            let to = file_of(folder, i);
            copy(world, i, media, &to).await?;
            Ok(JobInput { item, file: Some(to) })
        }
        AssetFile::Elsewhere(url) => Ok(JobInput { item: Item { source: Some(Source::Url(url)), ..item }, file: None }),
    }
}

/// Whether it was named by its asset until now.
fn named_by_its_url(given: &mut Value, i: usize, input: &JobInput) -> bool {
    let Some(Source::Url(url)) = &input.item.source else { return false };
    let Some(fields) = given.get_mut(i).and_then(Value::as_object_mut) else { return false };
    fields.remove("assetId");
    fields.insert("url".to_owned(), url.clone().into());
    true
}

fn file_of(folder: &Path, i: usize) -> PathBuf {
    folder.join(format!("input-{i}"))
}

async fn bring(
    world: &World,
    generation: &Generation,
    i: usize,
    item: &Item,
    folder: &Path,
) -> Result<PathBuf, Failure> {
    let to = file_of(folder, i);
    match &item.source {
        Some(Source::Url(url)) => fetch(world, i, item.kind, url, &to).await?,
        Some(Source::Asset(id)) => match asset(world, generation, i, *id).await?.file {
            AssetFile::Elsewhere(url) => fetch(world, i, item.kind, &url, &to).await?,
            AssetFile::Stored(media) => copy(world, i, media, &to).await?,
        },
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
        kind: None,
    };
    world.ports.fetch.fetch(request).await.map(drop).map_err(|error| fetched(i, kind, &error))
}

async fn asset(world: &World, generation: &Generation, i: usize, id: AssetId) -> Result<Asset, Failure> {
    loop {
        match world.ports.store.asset(&generation.org, id).await {
            Ok(asset) => return asset.ok_or_else(|| gone(i)),
            Err(error) => world.pause_after(&error, "an asset").await,
        }
    }
}

async fn copy(world: &World, i: usize, media: MediaId, to: &Path) -> Result<(), Failure> {
    world.ports.media.copy_to(media, to).await.map_err(|error| match error {
        MediaError::Missing => gone(i),
        other => stored(&other),
    })
}

fn gone(i: usize) -> Failure {
    Failure::new(error_code::ASSET_NOT_FOUND, &format!("input[{i}] names an asset that is not there any more."))
}

fn fetched(i: usize, kind: ItemKind, error: &FetchError) -> Failure {
    let inaccessible = match kind {
        ItemKind::Video => error_code::GENERATION_INPUT_VIDEO_INACCESSIBLE,
        ItemKind::Image => error_code::GENERATION_INPUT_IMAGE_INACCESSIBLE,
        ItemKind::Audio | ItemKind::Text => error_code::GENERATION_INPUT_AUDIO_INACCESSIBLE,
    };
    let code = match error.failure {
        FetchFailure::Remote(_) | FetchFailure::Answered(_) | FetchFailure::OfAnotherKind => inaccessible,
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
