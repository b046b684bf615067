//! Who speaks: at once and well, or as the dice and a scenario say.
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use postsync_core::error_code::ELEVENLABS_SERVICE_UNAVAILABLE;
use postsync_core::generation::Failure;
use postsync_core::speech::{Provider, Words};
use postsync_engine::ports::{Clock as _, Speech, Spoken, Voice};

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
    spoken: usize,
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

    /// How often it was asked to.
    #[must_use]
    pub fn spoken(&self) -> usize {
        self.state().spoken
    }
}

#[async_trait]
impl Speech for SimSpeech {
    async fn speak(&self, _: &Words, _: &Path, _: &Path) -> Result<Spoken, Failure> {
        Yield::default().await;
        let (faulty, takes_ms) = {
            let mut state = self.state();
            state.spoken += 1;
            (state.faulty, state.takes_ms)
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
        Ok(Vec::new())
    }

    async fn clone_voice(&self, name: &str, _: &Path) -> Result<Voice, Failure> {
        let (provider, id) = (Provider::ElevenLabs, name.to_owned());
        Ok(Voice { provider, id, name: name.to_owned(), preview_url: None })
    }

    async fn delete_voice(&self, _: &str) -> Result<(), Failure> {
        Ok(())
    }
}
