//! What makes the video. An adapter knows its model, and knows nothing of the store or of webhooks.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use postsync_core::generation::{Failure, Request};
use postsync_core::ids::GenerationId;
use postsync_core::input::{Item, ItemKind};
use tokio::sync::Notify;

/// What form of inputs a generator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// Files on this machine: the engine fetches and copies before it calls.
    LocalFiles,
    /// Files of what lies with us; URLs as the client gave them, of which nothing is fetched. An asset that is a URL is that URL,
    /// in [`Job::request`], too.
    FilesOfAssets,
    /// None of them: only the folder for what is made.
    FolderOnly,
    /// The items as the client gave them; nothing is fetched. What is seen has a URL: of an asset, the one that it is read at.
    AsGiven,
}

/// One input in the form that [`Generator::inputs`] wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobInput {
    /// The item.
    pub item: Item,
    /// Its file, under a neutral name without an extension, where [`Inputs`] wants one.
    pub file: Option<PathBuf>,
}

/// One generation, ready to be worked on.
#[derive(Clone, Debug)]
pub struct Job {
    /// Which.
    pub id: GenerationId,
    /// Its count of starts, with this one: the fence of what is written about it.
    pub tries: u32,
    /// What the client asked for; its assets as [`Inputs`] has them.
    pub request: Request,
    /// The items of `request.input`, in its order: exactly one visual and one voice, more only with segments.
    pub inputs: Vec<JobInput>,
    /// What `bounding_boxes_url` leads to: for who wants local files, and where it is given.
    pub boxes: Option<PathBuf>,
    /// A folder of this job's own, removed after it.
    pub folder: PathBuf,
    /// The longest that a video or speech in it may be, where that is less than the generator's own bound.
    pub duration_max: Option<Duration>,
}

impl Job {
    /// The first input that fits.
    pub fn input(&self, fits: impl Fn(ItemKind) -> bool) -> Option<&JobInput> {
        self.inputs.iter().find(|input| fits(input.item.kind))
    }
}

/// What a generator made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutput {
    /// A file in the job's folder, to be moved into the media store.
    File {
        /// Where it is.
        path: PathBuf,
        /// How long it is, where that is known.
        duration_ms: Option<u64>,
    },
    /// A URL as it stands.
    Url(String),
}

/// How work ended without an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GeneratorError {
    /// The generation has failed, and would again.
    Failed(Failure),
    /// The worker died on it (crash, kill, out of memory): tried again until [`postsync_core::limits::GENERATION_TRIES_MAX`].
    Died(String),
    /// It was told to stop, and did.
    Cancelled,
}

impl GeneratorError {
    /// In words, for the log.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Failed(failure) => &failure.error,
            Self::Died(sentence) => sentence,
            Self::Cancelled => "It was told to stop.",
        }
    }
}

/// How far the work is. Cheap to write from any thread.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU32>);

impl Progress {
    /// `done` in 0.0..=1.0.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1 before it is scaled")]
    pub fn set(&self, done: f64) {
        self.0.store((done.clamp(0.0, 1.0) * 10_000.0) as u32, Ordering::Relaxed);
    }

    /// In whole percent, rounded down: 100 only when all is done.
    #[must_use]
    pub fn percent(&self) -> u32 {
        self.0.load(Ordering::Relaxed) / 100
    }
}

/// Tells work to stop. Level-triggered: who asks late is told too.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<CancelInner>);

#[derive(Debug, Default)]
struct CancelInner {
    told: AtomicBool,
    wake: Notify,
}

/// The work was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl Cancel {
    /// Tells it.
    pub fn cancel(&self) {
        self.0.told.store(true, Ordering::SeqCst);
        self.0.wake.notify_waiters();
    }

    /// Whether it was told.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.told.load(Ordering::SeqCst)
    }

    /// Resolves once it is told.
    pub async fn cancelled(&self) -> Cancelled {
        loop {
            let woken = self.0.wake.notified();
            tokio::pin!(woken);
            // Registered before the flag is read, or a cancel between the two would be missed.
            woken.as_mut().enable();
            if self.is_cancelled() {
                return Cancelled;
            }
            woken.await;
        }
    }
}

/// Makes videos.
#[async_trait]
pub trait Generator: Send + Sync {
    /// What form of inputs it wants.
    fn inputs(&self) -> Inputs;

    /// The form in which it wants those of this generation: where it has handed them on before, it needs them no more, and
    /// they may be gone by now.
    ///
    /// # Errors
    /// It can't be known any more: the process is ending.
    async fn inputs_of(&self, _generation: GenerationId) -> Result<Inputs, GeneratorError> {
        Ok(self.inputs())
    }

    /// How many jobs it may have at once.
    fn concurrency(&self) -> usize;

    /// Whether a job is so short that its start need not be put on record: it can't take the server down with it.
    fn instant(&self) -> bool {
        false
    }

    /// Whether the work is somebody else's, and goes on there while we are not: a start of it that dies with us says nothing
    /// against the generation, and a stop need not wait for it.
    fn hands_on(&self) -> bool {
        false
    }

    /// Makes the video. Dropping the future must stop the work and leave nothing behind; so must `cancel`.
    ///
    /// # Errors
    /// See [`GeneratorError`].
    async fn generate(&self, job: Job, progress: Progress, cancel: Cancel) -> Result<JobOutput, GeneratorError>;
}
