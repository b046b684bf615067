//! Brings a generation's inputs to where its generator wants them: files in its folder, under names that say nothing.
//! `input-0`, no extension: ffmpeg chooses its reader by name too, and a name that a client chose must not choose for it.
use std::path::{Path, PathBuf};
use std::time::Duration;

use postsync_core::asset::{Asset, AssetFile, file_grant, file_path};
use postsync_core::boxes;
use postsync_core::error_code::{
    self, ErrorCode, GENERATION_INFRA_STORAGE_ERROR, GENERATION_INPUT_VALIDATION_FAILED, GENERATION_PIPELINE_FAILED,
};
use postsync_core::generation::{Failure, Generation};
use postsync_core::ids::{AssetId, MediaId};
use postsync_core::input::{Item, ItemKind, Source, parse_items};
use serde_json::Value;

use crate::ports::{FetchError, FetchFailure, FetchRequest, Inputs, Job, JobInput, MediaError, Trust};
use crate::world::World;
use crate::{own_results, voices};

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
            (Inputs::AsGiven, Some(Source::Asset(id))) if item.kind.is_visual() => {
                let url = url_of(world, asset(world, generation, i, *id).await?);
                JobInput { item: Item { source: Some(Source::Url(url)), ..item }, file: None }
            }
            (Inputs::AsGiven | Inputs::FilesOfAssets | Inputs::FolderOnly, _) => JobInput { item, file: None },
        });
    }
    if is_another {
        request.input = given.to_string();
    }
    let boxes = match (wanted, boxes::url_in(request.options.as_deref())) {
        (Inputs::LocalFiles, Some(url)) => Some(fetch_boxes(world, url, &folder).await?),
        _ => None,
    };
    let duration_max = duration_max(world, generation);
    Ok(Job { id: generation.id, tries: generation.tries, request, inputs, boxes, folder, duration_max })
}

async fn fetch_boxes(world: &World, url: String, folder: &Path) -> Result<PathBuf, Failure> {
    let to = folder.join("boxes");
    let (bytes_max, trust) = (boxes::FILE_BYTES_MAX, Trust::Anybody);
    let request = FetchRequest { url, to: to.clone(), bytes_max, trust, kind: None };
    match world.ports.fetch.fetch(request).await {
        Ok(_) => Ok(to),
        Err(FetchError { failure: FetchFailure::Storage, .. }) => Err(Failure::of(GENERATION_INFRA_STORAGE_ERROR)),
        Err(error) => Err(boxes::refused(&format!("could not be fetched: {}", error.message))),
    }
}

/// Of a row of a batch: shorter inputs are wanted of those.
fn duration_max(world: &World, generation: &Generation) -> Option<Duration> {
    world.settings.batch_input_max.filter(|_| generation.row.is_some())
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

/// Where anybody may read it who is told.
fn url_of(world: &World, asset: Asset) -> String {
    match asset.file {
        AssetFile::Stored(_) => {
            let token = world.ports.media.seal(&file_grant(asset.id));
            format!("{}{}", world.settings.public_url, file_path(asset.id, &token))
        }
        AssetFile::Elsewhere(url) => url,
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
    if let Some(media) = own_result(world, url).await {
        return world.ports.media.copy_to(media, to).await.map_err(|error| match error {
            MediaError::Missing => not_fetched(i, inaccessible(kind), "the video is not there any more"),
            other => stored(&other),
        });
    }
    let request = FetchRequest {
        url: url.to_owned(),
        to: to.to_path_buf(),
        bytes_max: world.settings.input_bytes_max,
        trust: Trust::Anybody,
        kind: None,
    };
    world.ports.fetch.fetch(request).await.map(drop).map_err(|error| fetched(i, kind, &error))
}

async fn own_result(world: &World, url: &str) -> Option<MediaId> {
    loop {
        match own_results::find(world, url).await {
            Ok(found) => return found,
            Err(error) => world.pause_after(&error, "a result that is an input").await,
        }
    }
}

async fn asset(world: &World, generation: &Generation, i: usize, id: AssetId) -> Result<Asset, Failure> {
    loop {
        match world.ports.store.asset(&generation.org, id).await {
            Ok(asset) => return fitting(asset.ok_or_else(|| gone(i))?, i, duration_max(world, generation)),
            Err(error) => world.pause_after(&error, "an asset").await,
        }
    }
}

/// It may have been looked at since the create.
fn fitting(asset: Asset, i: usize, duration_max: Option<Duration>) -> Result<Asset, Failure> {
    let (Some(ms), Some(max)) = (asset.facts.duration_ms, duration_max) else { return Ok(asset) };
    if u128::from(ms) <= max.as_millis() {
        return Ok(asset);
    }
    let code = error_code::GENERATION_INPUT_DURATION_GREATER_THAN_MAX_DURATION;
    let (seconds, most) = (ms.div_ceil(1_000), max.as_secs());
    Err(Failure::new(code, &format!("input[{i}] lasts {seconds} seconds, and an input of a batch may have {most}.")))
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
    let code = match error.failure {
        FetchFailure::Remote(_) | FetchFailure::Answered(_) | FetchFailure::OfAnotherKind => inaccessible(kind),
        FetchFailure::TooLarge => GENERATION_INPUT_VALIDATION_FAILED,
        FetchFailure::Storage => GENERATION_INFRA_STORAGE_ERROR,
    };
    not_fetched(i, code, error.message.trim_end_matches('.'))
}

fn inaccessible(kind: ItemKind) -> ErrorCode {
    match kind {
        ItemKind::Video => error_code::GENERATION_INPUT_VIDEO_INACCESSIBLE,
        ItemKind::Image => error_code::GENERATION_INPUT_IMAGE_INACCESSIBLE,
        ItemKind::Audio | ItemKind::Text => error_code::GENERATION_INPUT_AUDIO_INACCESSIBLE,
    }
}

fn not_fetched(i: usize, code: ErrorCode, why: &str) -> Failure {
    Failure::new(code, &format!("input[{i}].url could not be fetched: {why}."))
}

fn stored(error: &MediaError) -> Failure {
    tracing::error!(%error, "an input could not be stored");
    match error {
        MediaError::Full => Failure::of(GENERATION_INFRA_STORAGE_ERROR),
        MediaError::Missing | MediaError::Io(_) => Failure::of(GENERATION_PIPELINE_FAILED),
    }
}

#[cfg(test)]
mod tests {
    use postsync_core::asset::{AssetKind, Facts};
    use postsync_core::ids::OrgId;
    use postsync_core::time::Timestamp;

    use super::*;

    /// One that nobody had looked at when the batch was created.
    #[test]
    fn an_asset_that_is_known_to_be_too_long_for_a_row_is_refused() {
        let (id, media) = (
            "018f2f6e-6d3a-7b6a-8c6e-0123456789ab".parse().unwrap(),
            "018f2f6e-6d3a-7b6a-8c6e-0123456789ac".parse().unwrap(),
        );
        let made = Asset::uploaded(id, OrgId::new("o"), AssetKind::Video, "v.mp4".to_owned(), media, 1, Timestamp(0));
        let lasting = |duration_ms| Asset { facts: Facts { duration_ms, ..Facts::default() }, ..made.clone() };
        let max = Some(Duration::from_secs(30));
        for (duration_ms, max, fits) in
            [(None, max, true), (Some(30_000), max, true), (Some(30_001), max, false), (Some(90_000), None, true)]
        {
            assert_eq!(fitting(lasting(duration_ms), 1, max).is_ok(), fits, "{duration_ms:?} {max:?}");
        }
        let failure = fitting(lasting(Some(30_001)), 1, max).unwrap_err();
        assert_eq!(failure.code.as_str(), "generation_input_duration_greater_than_max_duration");
        assert_eq!(failure.error, "input[1] lasts 31 seconds, and an input of a batch may have 30.");
    }
}
