//! Who speaks: at once and well, or as the dice and a scenario say.
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use postsync_core::error_code::ELEVENLABS_SERVICE_UNAVAILABLE;
use postsync_core::generation::Failure;
use postsync_core::speech::{Provider, SpeechLane, Words};
use postsync_engine::ports::{Clock as _, CloneError, Speech, Spoken, Voice};

use super::Yield;
use crate::clock::VirtualClock;
use crate::dice::Dice;
use crate::executor::locked;

/// How long it takes where the dice say so.
const TAKES_MS_MAX: i64 = 3_000;

/// A speaker of the simulation.
pub struct SimSpeech {
    clock: VirtualClock,
    dice: Dice,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    faulty: bool,
    takes_ms: u64,
    elsewhere_takes_ms: Option<u64>,
    spoken: usize,
    /// How long a clone takes from when it is made to its answer.
    answers_late_ms: u64,
    loses_answers: bool,
    clones: Vec<Voice>,
}

impl SimSpeech {
    /// One that speaks at once, and well.
    #[must_use]
    pub fn new(clock: VirtualClock, dice: Dice) -> Arc<Self> {
        Arc::new(Self { clock, dice, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Whether it takes its time and fails now and then.
    pub fn set_faulty(&self, faulty: bool) {
        self.state().faulty = faulty;
    }

    /// How long it takes otherwise.
    pub fn set_takes_ms(&self, ms: u64) {
        self.state().takes_ms = ms;
    }

    /// The same of what is spoken elsewhere.
    pub fn set_elsewhere_takes_ms(&self, ms: u64) {
        self.state().elsewhere_takes_ms = Some(ms);
    }

    /// How late it answers to a clone that it has made.
    pub fn answer_clones_late(&self, ms: u64) {
        self.state().answers_late_ms = ms;
    }

    /// Makes clones, but its answers to them do not come.
    pub fn lose_answers_to_clones(&self) {
        self.state().loses_answers = true;
    }

    /// The clones that it has made.
    #[must_use]
    pub fn clones(&self) -> usize {
        self.state().clones.len()
    }

    /// How often it was asked to.
    #[must_use]
    pub fn spoken(&self) -> usize {
        self.state().spoken
    }
}

#[async_trait]
impl Speech for SimSpeech {
    async fn speak(&self, words: &Words, _: &Path, _: &Path) -> Result<Spoken, Failure> {
        Yield::default().await;
        let (faulty, takes_ms) = {
            let mut state = self.state();
            state.spoken += 1;
            let elsewhere = state.elsewhere_takes_ms.filter(|_| words.lane() == SpeechLane::Elsewhere);
            (state.faulty, elsewhere.unwrap_or(state.takes_ms))
        };
        let ms = if faulty { self.dice.between(1, TAKES_MS_MAX).unsigned_abs() } else { takes_ms };
        if ms > 0 {
            self.clock.sleep(Duration::from_millis(ms)).await;
        }
        if faulty && self.dice.below(8) == 0 {
            return Err(Failure::of(ELEVENLABS_SERVICE_UNAVAILABLE));
        }
        Ok(Spoken { bytes: 1_000, format: "wav", duration_ms: Some(1_000) })
    }

    async fn voices(&self, _: Option<Provider>) -> Result<Vec<Voice>, Failure> {
        Yield::default().await;
        Ok(self.state().clones.clone())
    }

    async fn clone_voice(&self, name: &str, _: &Path) -> Result<Voice, CloneError> {
        Yield::default().await;
        let (voice, late_ms, is_lost) = {
            let mut state = self.state();
            let id = format!("clone-{}", state.clones.len() + 1);
            let voice = Voice { provider: Provider::ElevenLabs, id, name: name.to_owned(), preview_url: None };
            state.clones.push(voice.clone());
            (voice, state.answers_late_ms, state.loses_answers)
        };
        Yield::default().await;
        if late_ms > 0 {
            self.clock.sleep(Duration::from_millis(late_ms)).await;
        }
        if is_lost { Err(CloneError::Unknown(Failure::of(ELEVENLABS_SERVICE_UNAVAILABLE))) } else { Ok(voice) }
    }

    async fn delete_voice(&self, id: &str) -> Result<(), Failure> {
        self.state().clones.retain(|voice| voice.id != id);
        Ok(())
    }
}
