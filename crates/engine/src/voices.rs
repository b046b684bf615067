//! Voices: who may speak for whom, and clones of voices.
//!
//! Promise: a clone speaks for its own organization only. The provider's account is the operator's and knows no organizations, so
//! that is kept here, and asked before anything is spoken or shown. It is on disk before the provider is asked for a clone, under a
//! tag that goes into the voice's name there: one whose answer was lost is its organization's as soon as a list shows it.
//!
//! How it fails: until a list has shown such a voice, it is not known whether it was made; its name is taken for that long, for
//! [`CLONE_SETTLES_MS`](postsync_core::voice::CLONE_SETTLES_MS) at most.
use std::path::Path;

use postsync_core::asset::{Asset, AssetFile, AssetKind};
use postsync_core::change::Change;
use postsync_core::error_code::{
    ELEVENLABS_SERVICE_UNAVAILABLE, GENERATION_INFRA_SERVICE_UNAVAILABLE, GENERATION_INFRA_STORAGE_ERROR,
    VOICE_NOT_FOUND, VOICE_SAMPLE_SOURCE_TOO_LARGE, VOICE_SAMPLE_TYPE_UNSUPPORTED, VOICE_SAMPLE_UPLOAD_REQUIRED,
};
use postsync_core::generation::Failure;
use postsync_core::ids::{AssetId, OrgId};
use postsync_core::speech::{Provider, SpeechLane, Words};
use postsync_core::voice::{
    CLONED_VOICES_MAX, Claim, ClonedVoice, VOICE_SAMPLE_BYTES_MAX, VoiceChange, VoiceTag, claim,
};

use crate::engine::Engine;
use crate::ports::{Applied, CloneError, MediaError, Spoken, StoreError, Voice};
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
    /// It may have one of that name: the answer to its clone was lost.
    #[error("it is not known yet whether a voice of that name was cloned before: the answer was lost")]
    Unsettled,
    /// The organization has as many as it may.
    #[error(
        "the organization has {CLONED_VOICES_MAX} cloned voices, which is as many as it may; delete one that is not needed any more"
    )]
    TooMany,
    /// Another one of the organization's is being cloned.
    #[error("another voice is being cloned")]
    Busy,
    /// The server is going down.
    #[error("the server is stopping")]
    Stopping,
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
        let listed = self.world.ports.speech.voices(of).await.map_err(VoiceError::Failed)?;
        let known = known(&self.world, &listed).await?;
        let mut shown = Vec::with_capacity(listed.len());
        for voice in listed {
            let clone = match claimed(&known, &voice) {
                Claim::Everybodys => {
                    shown.push(voice);
                    continue;
                }
                Claim::Nobodys => continue,
                Claim::Found(clone) if !name(&self.world, clone.tag, &voice.id).await? => continue,
                Claim::Of(clone) | Claim::Found(clone) => clone,
            };
            if clone.org == *org {
                shown.push(Voice { name: clone.name.clone(), ..voice });
            }
        }
        Ok(shown)
    }

    /// Has a voice cloned from an asset. Not to be dropped on its way: the provider may have made one by then, and whether it has
    /// would not be known before a list shows it.
    ///
    /// # Errors
    /// See [`VoiceError`].
    pub async fn clone_voice(&self, org: &OrgId, name: &str, sample: AssetId) -> Result<Voice, VoiceError> {
        let world = &self.world;
        let _entry = world.under_way.enter();
        // Looked at once it is counted, as where work is taken up.
        if world.stopping.is_cancelled() {
            return Err(VoiceError::Stopping);
        }
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
        owned.iter().find(|voice| voice.id.as_deref() == Some(id)).ok_or(VoiceError::Unknown)?;
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

/// Speaks for an organization: with every voice but another one's clone. One that was found in no list yet has an id that nobody was
/// told.
pub(crate) async fn speak(
    world: &World,
    org: &OrgId,
    words: &Words,
    folder: &Path,
    to: &Path,
) -> Result<Spoken, Failure> {
    if words.lane() == SpeechLane::Elsewhere {
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

/// One clone at a time: each costs the operator a place at the provider.
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

/// The clones of any organization that are in a list, by what the provider calls them or by their tags.
async fn known(world: &World, listed: &[Voice]) -> Result<Vec<ClonedVoice>, StoreError> {
    let theirs = || listed.iter().filter(|voice| voice.provider == Provider::ElevenLabs);
    let ids = theirs().map(|voice| voice.id.clone()).collect();
    let tags = theirs().filter_map(|voice| VoiceTag::of(&voice.name)).collect();
    world.ports.store.clones_among(ids, tags).await
}

fn claimed<'a>(known: &'a [ClonedVoice], voice: &Voice) -> Claim<'a> {
    match voice.provider {
        Provider::ElevenLabs => claim(known, &voice.id, &voice.name),
        Provider::Espeak => Claim::Everybodys,
    }
}

/// Writes down what the provider calls a clone; `false` where it is somebody else's, or was given up meanwhile.
async fn name(world: &World, tag: VoiceTag, id: &str) -> Result<bool, StoreError> {
    Ok(write(world, VoiceChange::Name { tag, id: id.to_owned() }).await? == Applied::Done)
}

/// Asked before the provider is: what it has cloned is paid for. The store asks once more.
async fn has_room(world: &World, org: &OrgId, name: &str) -> Result<(), VoiceError> {
    let owned = world.ports.store.cloned_voices(org).await?;
    match fits(&owned, name) {
        Err(_) if owned.iter().any(|voice| voice.id.is_none()) => {
            settle(world, &owned).await?;
            fits(&world.ports.store.cloned_voices(org).await?, name)
        }
        fits => fits,
    }
}

fn fits(owned: &[ClonedVoice], name: &str) -> Result<(), VoiceError> {
    match owned.iter().find(|voice| voice.name == name) {
        Some(voice) if voice.id.is_none() => Err(VoiceError::Unsettled),
        Some(_) => Err(VoiceError::SameName),
        None if owned.len() >= CLONED_VOICES_MAX => Err(VoiceError::TooMany),
        None => Ok(()),
    }
}

/// Looks at the provider what has become of clones whose answers were lost.
async fn settle(world: &World, owned: &[ClonedVoice]) -> Result<(), VoiceError> {
    let listed = world.ports.speech.voices(Some(Provider::ElevenLabs)).await.map_err(VoiceError::Failed)?;
    for clone in owned.iter().filter(|clone| clone.id.is_none()) {
        match listed.iter().find(|voice| VoiceTag::of(&voice.name) == Some(clone.tag)) {
            Some(voice) => drop(name(world, clone.tag, &voice.id).await?),
            None if clone.is_overdue(world.now()) => drop(write(world, VoiceChange::GiveUp { tag: clone.tag }).await?),
            None => {}
        }
    }
    Ok(())
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
    let clone = ClonedVoice {
        tag: VoiceTag(world.random()),
        org: org.clone(),
        name: name.to_owned(),
        id: None,
        created_at: world.now(),
    };
    if write(world, VoiceChange::Begin(Box::new(clone.clone()))).await? == Applied::Stale {
        // Somebody beside this process was first.
        has_room(world, org, name).await?;
        return Err(VoiceError::Busy);
    }
    made(world, clone, &sample).await
}

/// From when it is on disk that it is asked for.
async fn made(world: &World, clone: ClonedVoice, sample: &Path) -> Result<Voice, VoiceError> {
    let tag = clone.tag;
    let name_there = tag.put_behind(&clone.name);
    let answer = tokio::select! {
        biased;
        answer = world.ports.speech.clone_voice(&name_there, sample) => answer,
        _ = world.cut.cancelled() => Err(CloneError::Unknown(is_cut())),
    };
    match answer {
        Ok(voice) => match world.write(vec![Change::Voice(VoiceChange::Name { tag, id: voice.id.clone() })]).await {
            Some(Applied::Done) => Ok(Voice { name: clone.name, ..voice }),
            Some(Applied::Stale) => {
                tracing::error!(voice = voice.id, "the provider calls a new voice as it calls another one");
                let _ = world.write(vec![Change::Voice(VoiceChange::GiveUp { tag })]).await;
                Err(VoiceError::Failed(Failure::of(ELEVENLABS_SERVICE_UNAVAILABLE)))
            }
            None => Err(StoreError::Closed.into()),
        },
        Err(CloneError::Refused(failure)) => {
            let _ = world.write(vec![Change::Voice(VoiceChange::GiveUp { tag })]).await;
            Err(VoiceError::Failed(failure))
        }
        Err(CloneError::Unknown(Failure { code, error })) => {
            tracing::warn!(org = clone.org.as_str(), error, "it is not known whether a voice was cloned");
            let error = format!("{error} The voice may have been cloned all the same: GET /v2/voices lists it then.");
            Err(VoiceError::Failed(Failure::new(code, &error)))
        }
    }
}

fn is_cut() -> Failure {
    Failure::new(GENERATION_INFRA_SERVICE_UNAVAILABLE, "The server is stopping, and ElevenLabs has not answered yet.")
}

async fn write(world: &World, change: VoiceChange) -> Result<Applied, StoreError> {
    world.ports.store.apply(vec![Change::Voice(change)]).await
}

fn unstored(error: &MediaError) -> VoiceError {
    tracing::error!(%error, "a voice's sample could not be read");
    VoiceError::Failed(Failure::of(GENERATION_INFRA_STORAGE_ERROR))
}
