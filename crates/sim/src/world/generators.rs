//! Generators: an instant one like passthrough, and a slow one whose work dies, fails, hangs and gets cut off.
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{Either, select};
use postsync_core::error_code::GENERATION_INPUT_VALIDATION_FAILED;
use postsync_core::generation::Failure;
use postsync_core::ids::GenerationId;
use postsync_engine::ports::{Cancel, Clock as _, Generator, GeneratorError, Inputs, Job, JobOutput, Progress};

use crate::clock::VirtualClock;
use crate::dice::Dice;
use crate::executor::locked;
use crate::facts::{Fact, WorkEnd};
use crate::witness::Witness;

/// How one work goes.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// How long it takes.
    pub takes_ms: i64,
    /// How it ends.
    pub result: WorkResult,
}

/// How one work ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkResult {
    /// With a video.
    Done,
    /// With a failure of the generation's own.
    Failed,
    /// The child dies.
    Died,
    /// Never by itself, but when it is told to.
    Hangs,
    /// Never, whatever it is told.
    IsDeaf,
}

/// How works go that nobody has scripted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Well, and at once: for scenarios.
    #[default]
    Prompt,
    /// Well, and they take a while.
    Steady,
    /// As the dice say.
    Faulty,
}

/// A generator of the simulation.
pub struct SimGenerator {
    instant: bool,
    concurrency: usize,
    clock: VirtualClock,
    dice: Dice,
    witness: Witness,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    script: VecDeque<Work>,
    pace: Pace,
}

impl SimGenerator {
    /// One whose works take no time and need no start on record, or one whose works take theirs. All go well and at once at first.
    #[must_use]
    pub fn new(instant: bool, concurrency: usize, clock: VirtualClock, dice: Dice, witness: Witness) -> Arc<Self> {
        Arc::new(Self { instant, concurrency, clock, dice, witness, plan: Mutex::default() })
    }

    /// How the next works go, in turn.
    pub fn script(&self, works: impl IntoIterator<Item = Work>) {
        locked(&self.plan).script.extend(works);
    }

    /// How all other works go.
    pub fn set_pace(&self, pace: Pace) {
        locked(&self.plan).pace = pace;
    }

    fn work(&self) -> Work {
        let mut plan = locked(&self.plan);
        if let Some(work) = plan.script.pop_front() {
            return work;
        }
        match plan.pace {
            _ if self.instant => return Work { takes_ms: 0, result: WorkResult::Done },
            Pace::Prompt => return Work { takes_ms: 0, result: WorkResult::Done },
            Pace::Steady => return Work { takes_ms: self.dice.between(1, 500), result: WorkResult::Done },
            Pace::Faulty => {}
        }
        let result = match self.dice.below(20) {
            0..=3 => WorkResult::Died,
            4 | 5 => WorkResult::Failed,
            6 => [WorkResult::Hangs, WorkResult::IsDeaf][self.dice.below(2)],
            _ => WorkResult::Done,
        };
        Work { takes_ms: self.dice.between(1, 8_000), result }
    }
}

struct AtWork<'a> {
    witness: &'a Witness,
    generation: GenerationId,
    how: WorkEnd,
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.witness.tell(&Fact::WorkEnded { generation: self.generation, how: self.how });
    }
}

#[async_trait]
impl Generator for SimGenerator {
    fn inputs(&self) -> Inputs {
        if self.instant { Inputs::AsGiven } else { Inputs::LocalFiles }
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn instant(&self) -> bool {
        self.instant
    }

    async fn generate(&self, job: Job, progress: Progress, cancel: Cancel) -> Result<JobOutput, GeneratorError> {
        let work = self.work();
        self.witness.tell(&Fact::WorkBegan { generation: job.id, instant: self.instant });
        let mut at_work = AtWork { witness: &self.witness, generation: job.id, how: WorkEnd::Cut };
        progress.set(0.5);
        let takes = self.clock.sleep(Duration::from_millis(u64::try_from(work.takes_ms).unwrap_or(0)));
        let done = async {
            takes.await;
            if matches!(work.result, WorkResult::Hangs | WorkResult::IsDeaf) {
                std::future::pending::<()>().await;
            }
        };
        if work.result == WorkResult::IsDeaf {
            done.await;
        } else if let Either::Right(_) = select(pin!(done), pin!(cancel.cancelled())).await {
            return Err(GeneratorError::Cancelled);
        }
        at_work.how = if work.result == WorkResult::Died { WorkEnd::Died } else { WorkEnd::Verdict };
        match work.result {
            WorkResult::Died => Err(GeneratorError::Died("the child was killed".to_owned())),
            WorkResult::Failed => Err(GeneratorError::Failed(Failure::of(GENERATION_INPUT_VALIDATION_FAILED))),
            _ if self.instant => Ok(JobOutput::Url("https://in.example/v.mp4".to_owned())),
            _ => Ok(JobOutput::File { path: job.folder.join("out.mp4"), duration_ms: Some(9_980) }),
        }
    }
}
