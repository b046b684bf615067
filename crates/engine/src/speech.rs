//! Words become an asset, at once: for who wants to hear them before a video is made.
//!
//! Promise: one after the other, so that generations which wait for the same speakers are never behind all of these; and no more
//! wait for their turn than [`WAITING_MAX`], nor of one organization than [`WAITING_OF_ONE_MAX`].
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use postsync_core::asset::{Asset, AssetKind, Facts, InputType, Probe};
use postsync_core::generation::Failure;
use postsync_core::ids::OrgId;
use postsync_core::speech::Words;
use tokio::sync::Semaphore;

use crate::assets::{self, AssetError};
use crate::voices;
use crate::world::{World, locked};

/// Of the script, what the asset is called by.
const NAME_CHARS_MAX: usize = 60;

/// At the speakers and before them. The longest script takes seconds: who comes behind so many would not wait for his turn.
const WAITING_MAX: usize = 16;

/// The same of one organization.
const WAITING_OF_ONE_MAX: usize = 4;

/// Whose turn it is.
pub(crate) struct Speaking {
    one: Semaphore,
    waiting: Mutex<BTreeMap<OrgId, usize>>,
}

impl Default for Speaking {
    fn default() -> Self {
        Self { one: Semaphore::new(1), waiting: Mutex::default() }
    }
}

/// One that speaks or waits.
struct Waiting<'a> {
    speaking: &'a Speaking,
    org: OrgId,
}

impl Speaking {
    fn enter(&self, org: &OrgId) -> Option<Waiting<'_>> {
        let mut waiting = locked(&self.waiting);
        let of_one = waiting.get(org).copied().unwrap_or_default();
        if of_one >= WAITING_OF_ONE_MAX || waiting.values().sum::<usize>() >= WAITING_MAX {
            return None;
        }
        waiting.insert(org.clone(), of_one + 1);
        Some(Waiting { speaking: self, org: org.clone() })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = locked(&self.speaking.waiting);
        match waiting.get_mut(&self.org) {
            Some(of_one) if *of_one > 1 => *of_one -= 1,
            _ => drop(waiting.remove(&self.org)),
        }
    }
}

/// Why nothing was spoken.
#[derive(Debug, thiserror::Error)]
pub enum SpeakError {
    /// As many wait already as may.
    #[error("too many texts are being spoken")]
    Busy,
    /// Who speaks could not, or would not.
    #[error("{}", .0.error)]
    Failed(Failure),
    /// What was spoken could not be kept.
    #[error(transparent)]
    Asset(#[from] AssetError),
}

/// To be called in a task of its own: what it has begun it must end, or a file is left that nobody owns.
pub(crate) async fn speak(world: &Arc<World>, org: OrgId, words: &Words) -> Result<Asset, SpeakError> {
    let _waiting = world.speaking.enter(&org).ok_or(SpeakError::Busy)?;
    // Never closed, so never an error.
    let _turn = world.speaking.one.acquire().await.ok();
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
    let (asset, file) = spoken(world, org, words, folder).await.map_err(SpeakError::Failed)?;
    Ok(assets::add(world, asset, Some(&file)).await?)
}

/// The asset that it is to be, and where its file is until that is kept.
pub(crate) async fn spoken(
    world: &World,
    org: OrgId,
    words: &Words,
    folder: &Path,
) -> Result<(Asset, PathBuf), Failure> {
    let file = folder.join("output");
    let spoken = voices::speak(world, &org, words, folder, &file).await?;
    let duration_ms = match spoken.duration_ms {
        Some(known) => Some(known),
        None => world.ports.prober.probe(&file, folder).await.ok().and_then(|contents| contents.duration_ms),
    };
    let name: String =
        words.script.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(NAME_CHARS_MAX).collect();
    let (id, media) = (world.new_asset_id(), world.new_media_id());
    let made = Asset::uploaded(id, org, AssetKind::Audio, name, media, spoken.bytes, world.now());
    let facts = Facts { format: Some(spoken.format.to_owned()), duration_ms, ..Facts::default() };
    Ok((Asset { input_type: InputType::Tts, facts, probe: Probe::Done, ..made }, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_may_wait_and_of_one_organization_fewer() {
        let speaking = Speaking::default();
        let of = |org: &str| speaking.enter(&OrgId::new(org));
        let mut waiting: Vec<_> = std::iter::from_fn(|| of("greedy")).collect();
        assert_eq!(waiting.len(), WAITING_OF_ONE_MAX);
        waiting.extend((0..WAITING_MAX).filter_map(|i| of(&format!("org{i}"))));
        assert_eq!(waiting.len(), WAITING_MAX);
        assert!(of("late").is_none());
        drop(waiting.remove(0));
        assert!(of("greedy").is_some());
        waiting.clear();
        assert!(locked(&speaking.waiting).is_empty());
    }
}
