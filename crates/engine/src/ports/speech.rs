//! What speaks: words become a file.
use std::path::Path;

use async_trait::async_trait;
use postsync_core::generation::Failure;
use postsync_core::speech::{Provider, Words};

/// Speech that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// How large the file is.
    pub bytes: u64,
    /// `wav`; the short name of its container.
    pub format: &'static str,
    /// How long it is, where that is known.
    pub duration_ms: Option<u64>,
}

/// Somebody who can be asked to speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Whose it is.
    pub provider: Provider,
    /// What `voiceId` calls it.
    pub id: String,
    /// For people.
    pub name: String,
    /// Where it can be heard.
    pub preview_url: Option<String>,
}

/// Why there is no clone to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloneError {
    /// Nothing was made.
    Refused(Failure),
    /// It may have been made: the answer did not come, or can't be read.
    Unknown(Failure),
}

/// Speaks. An adapter knows who does; it knows nothing of generations.
#[async_trait]
pub trait Speech: Send + Sync {
    /// Makes an audio file at `to`, which is not there yet, and works in `folder` meanwhile, which is ours. Dropping the future ends
    /// the work and leaves nothing behind outside of `folder`.
    ///
    /// # Errors
    /// With the code and a sentence for the user.
    async fn speak(&self, words: &Words, folder: &Path, to: &Path) -> Result<Spoken, Failure>;

    /// Every voice that can be asked for, or all of that provider. Only what is asked for is asked of somebody else.
    ///
    /// # Errors
    /// With the code and a sentence for the user: somebody else's list could not be had.
    async fn voices(&self, of: Option<Provider>) -> Result<Vec<Voice>, Failure>;

    /// Has a voice of that name made from an audio file. Dropping the future leaves open whether it was.
    ///
    /// # Errors
    /// With the code and a sentence for the user; that nobody here can is one of them.
    async fn clone_voice(&self, name: &str, sample: &Path) -> Result<Voice, CloneError>;

    /// Has a voice that was cloned deleted.
    ///
    /// # Errors
    /// With the code and a sentence for the user; `voice_not_found` where it is not there any more.
    async fn delete_voice(&self, id: &str) -> Result<(), Failure>;
}
