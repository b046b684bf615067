//! espeak-ng, in a child process with the limits that decoding has: the script is a stranger's, and the program is old C.
use std::path::{Path, PathBuf};
use std::time::Duration;

use postsync_core::error_code::{
    GENERATION_AUDIO_LENGTH_EXCEEDED, GENERATION_INFRA_STORAGE_ERROR, GENERATION_PIPELINE_FAILED,
};
use postsync_core::generation::Failure;
use postsync_core::speech::Words;
use postsync_engine::ports::Spoken;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::builtin::process::Process;
use crate::builtin::session::{EXIT_GRACE, Session, Trouble};
use crate::builtin::verdict::{self, Unfit};
use crate::builtin::{fresh, order_line};
use crate::order::{ChildLimits, Said, Speak, Work};

/// The child's folder in the one that it is given.
const CHILD_FOLDER: &str = "speech";

/// The file's name there.
const OUTPUT: &str = "speech.wav";

/// The longest script takes two seconds.
const TIME_MAX: Duration = Duration::from_secs(60);

/// What is too long: the slowest voice says 5,000 characters in ten minutes.
const DURATION_S_MAX: f64 = 1_800.0;

/// Children at once: each takes a core for a moment.
const AT_ONCE: usize = 2;

/// How espeak-ng is run.
#[derive(Clone, Debug)]
pub struct EspeakSettings {
    /// The program whose `media-child` subcommand calls [`crate::media_child::main`].
    pub program: PathBuf,
    /// Which espeak-ng.
    pub tool: PathBuf,
    /// What the child may use.
    pub child: ChildLimits,
}

impl Default for EspeakSettings {
    fn default() -> Self {
        Self {
            program: "/proc/self/exe".into(),
            tool: "espeak-ng".into(),
            child: ChildLimits {
                memory_bytes_max: 512 << 20,
                file_bytes_max: 256 << 20,
                cpu_s_max: 60,
                ..ChildLimits::default()
            },
        }
    }
}

/// The speaker that is always there.
pub struct Espeak {
    settings: EspeakSettings,
    places: Semaphore,
}

impl Espeak {
    /// Starts nothing yet.
    #[must_use]
    pub fn new(settings: EspeakSettings) -> Self {
        Self { settings, places: Semaphore::new(AT_ONCE) }
    }

    pub(super) async fn speak(&self, words: &Words, folder: &Path, to: &Path) -> Result<Spoken, Failure> {
        // Never closed, so never an error.
        let _place = self.places.acquire().await.ok();
        let child_folder = folder.join(CHILD_FOLDER);
        let spoken = self.in_child(words, &child_folder, to).await;
        let _ = tokio::fs::remove_dir_all(&child_folder).await;
        spoken
    }

    async fn in_child(&self, words: &Words, folder: &Path, to: &Path) -> Result<Spoken, Failure> {
        let EspeakSettings { program, tool, child } = &self.settings;
        let speak = Speak {
            script: words.script.clone(),
            voice: words.built_in_voice().id.to_owned(),
            output: OUTPUT.to_owned(),
            tool: tool.clone(),
        };
        let started = fresh(folder).and_then(|()| Process::spawn(program, folder));
        let (process, pipes) =
            started.map_err(|error| died(&format!("the process could not be started: {}", error.kind())))?;
        let mut session = Session::new(pipes, TIME_MAX);
        let order = order_line(child.clone(), Work::Speak(speak));
        let heard = timeout(TIME_MAX, session.talk(&order, |_| ())).await;
        let grace = if matches!(heard, Ok(Ok(_) | Err(Trouble::HungUp))) { EXIT_GRACE } else { Duration::ZERO };
        let status = process.end_within(grace).await;
        let spoken = match heard {
            Ok(Ok(Said::Done { duration_ms })) if status.is_some_and(|status| status.success()) => {
                take(folder.join(OUTPUT), to.to_owned(), duration_ms).await
            }
            Ok(Ok(Said::Failed { error_code, error })) => Err(verdict::failure(&error_code, &error)),
            Ok(Err(Trouble::Misbehaved(sentence))) => Err(died(sentence)),
            Ok(_) => Err(died(&verdict::cause_of_death(status))),
            Err(_) => Err(died("it took too long")),
        };
        if let Err(failure) = &spoken {
            let complaints = session.complaints().await;
            tracing::warn!(error = failure.error, complaints, "nothing was spoken");
        }
        spoken
    }
}

/// The group is gone by now: nobody changes what is judged.
async fn take(from: PathBuf, to: PathBuf, duration_ms: u64) -> Result<Spoken, Failure> {
    if Duration::from_millis(duration_ms) > Duration::from_secs_f64(DURATION_S_MAX) {
        let why = format!("The text takes longer to say than the {} minutes that are spoken.", DURATION_S_MAX / 60.0);
        return Err(Failure::new(GENERATION_AUDIO_LENGTH_EXCEEDED, &why));
    }
    let taken = tokio::task::spawn_blocking(move || {
        verdict::take_output(&from, &to, "audio/wav", duration_ms, DURATION_S_MAX)?;
        std::fs::metadata(&to).map(|about| about.len()).map_err(|_| Unfit::Storage)
    });
    match taken.await.unwrap_or(Err(Unfit::Child("The speech could not be checked."))) {
        Ok(bytes) => Ok(Spoken { bytes, format: "wav", duration_ms: Some(duration_ms) }),
        Err(Unfit::Child(sentence)) => Err(died(sentence)),
        Err(Unfit::Storage) => Err(Failure::of(GENERATION_INFRA_STORAGE_ERROR)),
    }
}

fn died(why: &str) -> Failure {
    let why = format!("The text could not be spoken: {}.", why.trim_end_matches('.'));
    Failure::new(GENERATION_PIPELINE_FAILED, &why)
}
