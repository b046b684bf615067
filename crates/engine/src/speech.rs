//! Words become an asset, at once: for who wants to hear them before a video is made.
//!
//! Promise: one after the other for each who speaks, so that generations which wait for the same speakers are never behind all of
//! these, and a slow ElevenLabs holds up none that espeak-ng says; and no more wait for their turn than [`WAITING_MAX`], nor of one
//! organization than [`WAITING_OF_ONE_MAX`]. Who goes away while he waits gives his place back.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postsync_core::asset::{Asset, AssetKind, Facts, InputType, Probe};
use postsync_core::error_code::GENERATION_TEXT_LENGTH_EXCEEDED;
use postsync_core::generation::Failure;
use postsync_core::ids::OrgId;
use postsync_core::speech::{SpeechLane, Words};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
    here: Arc<Semaphore>,
    elsewhere: Arc<Semaphore>,
    waiting: Arc<Mutex<BTreeMap<OrgId, usize>>>,
}

impl Default for Speaking {
    fn default() -> Self {
        let one = || Arc::new(Semaphore::new(1));
        Self { here: one(), elsewhere: one(), waiting: Arc::default() }
    }
}

/// One that speaks or waits.
#[derive(Debug)]
struct Waiting {
    all: Arc<Mutex<BTreeMap<OrgId, usize>>>,
    org: OrgId,
}

/// A turn to speak, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _waiting: Waiting,
    _one: Option<OwnedSemaphorePermit>,
}

impl Speaking {
    pub(crate) async fn turn(&self, org: &OrgId, words: &Words) -> Result<Turn, SpeakError> {
        let waiting = self.enter(org).ok_or(SpeakError::Busy)?;
        let lane = match words.lane() {
            SpeechLane::Here => &self.here,
            SpeechLane::Elsewhere => &self.elsewhere,
        };
        // Never closed, so never an error.
        Ok(Turn { _waiting: waiting, _one: lane.clone().acquire_owned().await.ok() })
    }

    fn enter(&self, org: &OrgId) -> Option<Waiting> {
        let mut waiting = locked(&self.waiting);
        let of_one = waiting.get(org).copied().unwrap_or_default();
        if of_one >= WAITING_OF_ONE_MAX || waiting.values().sum::<usize>() >= WAITING_MAX {
            return None;
        }
        waiting.insert(org.clone(), of_one + 1);
        Some(Waiting { all: self.waiting.clone(), org: org.clone() })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = locked(&self.all);
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
pub(crate) async fn speak(world: &Arc<World>, _turn: Turn, org: OrgId, words: &Words) -> Result<Asset, SpeakError> {
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
    Ok(assets::add(world, asset, Some(&file), None).await?)
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
    let longest = world.settings.speech_max;
    if let Some(ms) = duration_ms.filter(|ms| u128::from(*ms) > longest.as_millis()) {
        return Err(too_long(ms, longest));
    }
    let script = words.script.replace(char::is_control, " ");
    let name: String = script.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(NAME_CHARS_MAX).collect();
    let (id, media) = (world.new_asset_id(), world.new_media_id());
    let made = Asset::uploaded(id, org, AssetKind::Audio, name, media, spoken.bytes, world.now());
    let facts = Facts { format: Some(spoken.format.to_owned()), duration_ms, ..Facts::default() };
    Ok((Asset { input_type: InputType::Tts, facts, probe: Probe::Done, ..made }, file))
}

/// Found out when it is spoken: how long a voice takes over a script nobody knows before.
fn too_long(ms: u64, longest: Duration) -> Failure {
    let (seconds, most) = (ms.div_ceil(1_000), longest.as_secs());
    let why = format!("script takes {seconds} seconds to say, and speech may have {most} (media.duration_max).");
    Failure::new(GENERATION_TEXT_LENGTH_EXCEEDED, &why)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use postsync_core::speech::Provider;

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

    #[test]
    fn each_who_speaks_has_turns_of_its_own_and_a_waiter_that_goes_gives_its_place_back() {
        let speaking = Speaking::default();
        let words = |provider, voice: &str| {
            let members = serde_json::json!({"voiceId": voice, "script": "Hi."});
            Words::read_as(provider, members.as_object().unwrap(), "").unwrap()
        };
        let turn = |org: &str, words: &Words| speaking.turn(&OrgId::new(org), words).now_or_never();
        let (theirs, ours) = (words(Provider::ElevenLabs, "v1"), words(Provider::ElevenLabs, "en-us"));
        let slow = turn("a", &theirs).unwrap().unwrap();
        for _ in 0..WAITING_OF_ONE_MAX * 2 {
            assert!(turn("a", &theirs).is_none(), "it waits, and is dropped");
        }
        let quick = turn("b", &ours).unwrap().unwrap();
        assert!(turn("c", &ours).is_none());
        drop((slow, quick));
        assert!(turn("c", &theirs).unwrap().is_ok() && locked(&speaking.waiting).is_empty());
    }
}
