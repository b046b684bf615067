//! Adapters behind the Speech port: espeak-ng in a limited child process, and ElevenLabs where the operator has a key there.
//!
//! Promise: a voice that is built in is always spoken here. Any other is ElevenLabs' where there is a key, and else the first of
//! the built-in ones stands in for it, so that a client that names somebody's voice gets speech all the same.
mod elevenlabs;
mod espeak;

use std::path::Path;

use async_trait::async_trait;
use postsync_core::error_code::ELEVENLABS_API_KEY_INVALID;
use postsync_core::generation::Failure;
use postsync_core::speech::{BUILT_IN, Provider, SpeechLane, Words};
use postsync_engine::ports::{CloneError, Speech, Spoken, Voice};

pub use elevenlabs::{ElevenLabs, ElevenLabsSettings};
pub use espeak::{Espeak, EspeakSettings};

/// Everybody who speaks here.
pub struct Speakers {
    espeak: Espeak,
    elevenlabs: Option<ElevenLabs>,
}

impl Speakers {
    /// These. Starts and asks nothing yet.
    #[must_use]
    pub fn new(espeak: Espeak, elevenlabs: Option<ElevenLabs>) -> Self {
        Self { espeak, elevenlabs }
    }
}

#[async_trait]
impl Speech for Speakers {
    async fn speak(&self, words: &Words, folder: &Path, to: &Path) -> Result<Spoken, Failure> {
        match &self.elevenlabs {
            Some(elevenlabs) if words.lane() == SpeechLane::Elsewhere => elevenlabs.speak(words, to).await,
            _ => self.espeak.speak(words, folder, to).await,
        }
    }

    async fn voices(&self, of: Option<Provider>) -> Result<Vec<Voice>, Failure> {
        let wants = |provider| of.is_none_or(|of| of == provider);
        let mut voices = Vec::new();
        if wants(Provider::Espeak) {
            voices.extend(BUILT_IN.iter().map(|voice| Voice {
                provider: Provider::Espeak,
                id: voice.id.to_owned(),
                name: voice.name.to_owned(),
                preview_url: None,
            }));
        }
        if let Some(elevenlabs) = self.elevenlabs.as_ref().filter(|_| wants(Provider::ElevenLabs)) {
            voices.extend(elevenlabs.voices().await?);
        }
        Ok(voices)
    }

    async fn clone_voice(&self, name: &str, sample: &Path) -> Result<Voice, CloneError> {
        let elevenlabs = self.elevenlabs.as_ref().ok_or_else(|| CloneError::Refused(no_key()))?;
        elevenlabs.clone_voice(name, sample).await
    }

    async fn delete_voice(&self, id: &str) -> Result<(), Failure> {
        self.elevenlabs.as_ref().ok_or_else(no_key)?.delete_voice(id).await
    }
}

fn no_key() -> Failure {
    let why = "Voices are cloned by ElevenLabs, and this server has no key there: its operator can set elevenlabs.api_key \
               (POSTSYNC_ELEVENLABS_API_KEY).";
    Failure::new(ELEVENLABS_API_KEY_INVALID, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_key_nothing_is_cloned_and_it_is_said_what_to_set() {
        let speakers = Speakers::new(Espeak::new(EspeakSettings::default()), None);
        let cloned = speakers.clone_voice("Ada", Path::new("sample")).await;
        let Err(CloneError::Refused(cloned)) = cloned else { panic!("{cloned:?}") };
        let deleted = speakers.delete_voice("v1").await.unwrap_err();
        for failure in [cloned, deleted] {
            assert_eq!(failure.code, ELEVENLABS_API_KEY_INVALID);
            assert!(failure.error.contains("POSTSYNC_ELEVENLABS_API_KEY"), "{}", failure.error);
        }
    }
}
