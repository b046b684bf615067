//! Voices: who may speak for whom, and clones of voices.
//!
//! Promise: a clone speaks for its own organization only. The provider's account is the operator's and knows no organizations, so
//! that is kept here, and asked before anything is spoken or shown.
//!
//! How it fails: a crash between the provider's answer and our commit leaves a clone there that is nobody's here; it is shown to
//! all, as what the operator has made there by hand is.
use std::path::Path;

use postsync_core::asset::{Asset, AssetFile, AssetKind};
use postsync_core::change::Change;
use postsync_core::error_code::{
    GENERATION_INFRA_STORAGE_ERROR, VOICE_NOT_FOUND, VOICE_SAMPLE_SOURCE_TOO_LARGE, VOICE_SAMPLE_TYPE_UNSUPPORTED,
    VOICE_SAMPLE_UPLOAD_REQUIRED,
};
use postsync_core::generation::Failure;
use postsync_core::ids::{AssetId, OrgId};
use postsync_core::speech::{Provider, Words, built_in};
use postsync_core::voice::{CLONED_VOICES_MAX, ClonedVoice, VOICE_SAMPLE_BYTES_MAX, VoiceChange};

use crate::engine::Engine;
use crate::ports::{Applied, MediaError, Spoken, StoreError, Voice};
use crate::world::{World, locked};

/// Why a voice is not there as it was wanted.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// The organization has cloned none of that id.
    #[error("there is no such voice")]
    Unknown,
    /// There is no such asset.
    #[error("there is no such asset")]
    NoSample,
    /// The organization has one of that name.
    #[error("a voice of that name exists")]
    SameName,
    /// The organization has as many as it may.
    #[error(
        "the organization has {CLONED_VOICES_MAX} cloned voices, which is as many as it may; delete one that is not needed any more"
    )]
    TooMany,
    /// Another one of the organization's is being cloned.
    #[error("another voice is being cloned")]
    Busy,
    /// The sample will not do, or the provider could not or would not.
    #[error("{}", .0.error)]
    Failed(Failure),
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Every voice that an organization can ask to speak, or all of that provider.
    ///
    /// # Errors
    /// Somebody else's list could not be had, or the store could not be read.
    pub async fn voices(&self, org: &OrgId, of: Option<Provider>) -> Result<Vec<Voice>, VoiceError> {
        let mut voices = self.world.ports.speech.voices(of).await.map_err(VoiceError::Failed)?;
        let theirs = |voice: &Voice| voice.provider == Provider::ElevenLabs;
        let ids = voices.iter().filter(|voice| theirs(voice)).map(|voice| voice.id.clone()).collect();
        let hidden = self.world.ports.store.voices_of_others(org, ids).await?;
        voices.retain(|voice| !theirs(voice) || !hidden.contains(&voice.id));
        Ok(voices)
    }

    /// Has a voice cloned from an asset. Not to be dropped on its way: what the provider has made by then would be nobody's.
    ///
    /// # Errors
    /// See [`VoiceError`].
    pub async fn clone_voice(&self, org: &OrgId, name: &str, sample: AssetId) -> Result<Voice, VoiceError> {
        let world = &self.world;
        let _turn = Turn::take(world, org).ok_or(VoiceError::Busy)?;
        let asset = world.ports.store.asset(org, sample).await?.ok_or(VoiceError::NoSample)?;
        has_room(world, org, name).await?;
        // A folder like a job's: swept at the next start, whatever happens.
        let scratch = world.new_generation_id();
        let folder = world.ports.media.job_folder(scratch).await.map_err(|error| unstored(&error))?;
        let cloned = cloned(world, org, name, &asset, &folder).await;
        if let Err(error) = world.ports.media.drop_job_folder(scratch).await {
            tracing::warn!(%error, "a folder was left behind; the next start sweeps it");
        }
        cloned
    }

    /// Has a cloned voice deleted, at the provider first.
    ///
    /// # Errors
    /// See [`VoiceError`]. It may be gone there then, and be shown here no more: it can be asked for again.
    pub async fn delete_voice(&self, org: &OrgId, id: &str) -> Result<(), VoiceError> {
        let world = &self.world;
        let owned = world.ports.store.cloned_voices(org).await?;
        owned.iter().find(|voice| voice.id == id).ok_or(VoiceError::Unknown)?;
        match world.ports.speech.delete_voice(id).await {
            Ok(()) => {}
            // Somebody has deleted it there: what is left is to say so here.
            Err(failure) if failure.code == VOICE_NOT_FOUND => {}
            Err(failure) => return Err(VoiceError::Failed(failure)),
        }
        match write(world, VoiceChange::Remove { org: org.clone(), id: id.to_owned() }).await? {
            Applied::Done => Ok(()),
            Applied::Stale => Err(VoiceError::Unknown),
        }
    }
}

/// Speaks for an organization: with every voice but another one's clone.
pub(crate) async fn speak(
    world: &World,
    org: &OrgId,
    words: &Words,
    folder: &Path,
    to: &Path,
) -> Result<Spoken, Failure> {
    if words.provider == Provider::ElevenLabs && built_in(&words.voice).is_none() {
        let hidden = loop {
            match world.ports.store.voices_of_others(org, vec![words.voice.clone()]).await {
                Ok(hidden) => break hidden,
                Err(error) => world.pause_after(&error, "whose a voice is").await,
            }
        };
        if !hidden.is_empty() {
            return Err(Failure::of(VOICE_NOT_FOUND));
        }
    }
    world.ports.speech.speak(words, folder, to).await
}

/// One clone at a time: each costs the operator a place at the provider, and two of one name would both be there.
struct Turn<'a> {
    world: &'a World,
    org: OrgId,
}

impl<'a> Turn<'a> {
    fn take(world: &'a World, org: &OrgId) -> Option<Self> {
        locked(&world.cloning).insert(org.clone()).then(|| Self { world, org: org.clone() })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        locked(&self.world.cloning).remove(&self.org);
    }
}

/// Asked before the provider is: what it has cloned is paid for. The store asks once more.
async fn has_room(world: &World, org: &OrgId, name: &str) -> Result<(), VoiceError> {
    let owned = world.ports.store.cloned_voices(org).await?;
    if owned.iter().any(|voice| voice.name == name) {
        return Err(VoiceError::SameName);
    }
    if owned.len() >= CLONED_VOICES_MAX { Err(VoiceError::TooMany) } else { Ok(()) }
}

async fn cloned(world: &World, org: &OrgId, name: &str, asset: &Asset, folder: &Path) -> Result<Voice, VoiceError> {
    let refused = |code| Err(VoiceError::Failed(Failure::of(code)));
    let AssetFile::Stored(media) = asset.file else { return refused(VOICE_SAMPLE_UPLOAD_REQUIRED) };
    if asset.kind != AssetKind::Audio {
        return refused(VOICE_SAMPLE_TYPE_UNSUPPORTED);
    }
    if asset.bytes.is_none_or(|bytes| bytes > VOICE_SAMPLE_BYTES_MAX) {
        return refused(VOICE_SAMPLE_SOURCE_TOO_LARGE);
    }
    let sample = folder.join("sample");
    world.ports.media.copy_to(media, &sample).await.map_err(|error| match error {
        MediaError::Missing => VoiceError::NoSample,
        other => unstored(&other),
    })?;
    let voice = world.ports.speech.clone_voice(name, &sample).await.map_err(VoiceError::Failed)?;
    let id = voice.id.clone();
    let row = ClonedVoice { id: id.clone(), org: org.clone(), name: name.to_owned(), created_at: world.now() };
    match world.write(vec![Change::Voice(VoiceChange::Add(Box::new(row)))]).await {
        Some(Applied::Done) => Ok(voice),
        // Somebody beside this process was first: nothing of ours may stay there.
        Some(Applied::Stale) => {
            let is_somebodys = !world.ports.store.voices_of_others(org, vec![id.clone()]).await?.is_empty();
            if !is_somebodys && let Err(failure) = world.ports.speech.delete_voice(&id).await {
                tracing::warn!(voice = id, error = failure.error, "a clone that nobody has is left at the provider");
            }
            Err(VoiceError::SameName)
        }
        None => Err(StoreError::Closed.into()),
    }
}

async fn write(world: &World, change: VoiceChange) -> Result<Applied, StoreError> {
    world.ports.store.apply(vec![Change::Voice(change)]).await
}

fn unstored(error: &MediaError) -> VoiceError {
    tracing::error!(%error, "a voice's sample could not be read");
    VoiceError::Failed(Failure::of(GENERATION_INFRA_STORAGE_ERROR))
}
