//! A server that makes generations for others: another process, so it outlives every crash of ours.
//!
//! It keeps its word about idempotency keys for a day: the same key is the same job. Who was handed on how often, and who is
//! looked at when, it tells the witness; how often it was asked, and how many jobs it has, a scenario asks it.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use postsync_core::error_code::{GENERATION_INPUT_VIDEO_INVALID, GENERATION_PIPELINE_FAILED};
use postsync_core::generation::Failure;
use postsync_core::ids::GenerationId;
use postsync_core::outcome::RetryAfter;
use postsync_core::relay::{Trouble, UpstreamId};
use postsync_engine::ports::{Clock as _, Seen, Submission, Upstream};

use super::Yield;
use crate::clock::VirtualClock;
use crate::dice::Dice;
use crate::executor::locked;
use crate::facts::Fact;
use crate::witness::Witness;

/// How long it knows an idempotency key, as Sync does.
const KEY_KNOWN_MS: i64 = 24 * 3_600_000;

/// How long its jobs take where the dice say so.
const TAKES_MS_MAX: i64 = 40_000;
const TAKES_STEADILY_MS_MAX: i64 = 3_000;

/// How late it answers at most: less than the adapter waits.
const LATE_MS_MAX: i64 = 20_000;

/// Jobs that have ended and may still be told of.
const TOLD_OF_MAX: usize = 16;

/// How it is with those that nobody has scripted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamMood {
    /// As it was told: for scenarios.
    #[default]
    Prompt,
    /// Well, and jobs take a while.
    Steady,
    /// As the dice say: late, wrong, silent after it has taken something.
    Faulty,
}

/// An upstream of the simulation.
pub struct SimUpstream {
    clock: VirtualClock,
    dice: Dice,
    witness: Witness,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    mood: UpstreamMood,
    jobs: BTreeMap<UpstreamId, Job>,
    by_key: BTreeMap<GenerationId, (UpstreamId, i64)>,
    submits: Vec<Submission>,
    looks_at_ms: Vec<i64>,
    cancels: Vec<UpstreamId>,
    keeps_record: bool,
    takes_ms: i64,
    fails_with: Option<Failure>,
    down_until_ms: i64,
    forgets_keys: bool,
    offers_no_cancel: bool,
    answers_lost: usize,
    late_ms: i64,
    troubles: VecDeque<Trouble>,
    trouble: Option<Trouble>,
    /// The newest, with the door of each.
    told_of: VecDeque<(GenerationId, String)>,
    /// Taken, and the answer has not gone out: since this was last asked.
    untold: BTreeSet<GenerationId>,
}

struct Job {
    generation: GenerationId,
    done_at_ms: i64,
    fails_with: Option<Failure>,
}

impl SimUpstream {
    /// One that is done at once, and well, and keeps a record of what it was asked.
    #[must_use]
    pub fn new(clock: VirtualClock, dice: Dice, witness: Witness) -> Arc<Self> {
        let state = State { keeps_record: true, ..State::default() };
        Arc::new(Self { clock, dice, witness, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// How it is from now on. A record is kept only of what scenarios do: a run asks too much.
    pub fn set_mood(&self, mood: UpstreamMood) {
        let mut state = self.state();
        (state.mood, state.keeps_record) = (mood, mood == UpstreamMood::Prompt);
    }

    /// How long the next jobs take.
    pub fn set_takes_ms(&self, ms: i64) {
        self.state().takes_ms = ms;
    }

    /// How the next jobs end.
    pub fn set_fails_with(&self, failure: Option<Failure>) {
        self.state().fails_with = failure;
    }

    /// Whether nobody gets through to it. Its work goes on.
    pub fn set_down(&self, is_down: bool) {
        self.state().down_until_ms = if is_down { i64::MAX } else { 0 };
    }

    /// It dies, and is there again after so long, with all that it had taken.
    pub fn dies_for(&self, ms: i64) {
        self.state().down_until_ms = self.clock.mono_ms() + ms;
    }

    /// So many of the next submits are taken without us being told.
    pub fn lose_answers(&self, answers: usize) {
        self.state().answers_lost = answers;
    }

    /// How late its answers to submits are from now on.
    pub fn answer_late(&self, ms: i64) {
        self.state().late_ms = ms;
    }

    /// What the next questions come to, in turn, in place of an answer.
    pub fn script(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.state().troubles.extend(troubles);
    }

    /// What every question comes to from now on, in place of an answer.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        self.state().trouble = trouble;
    }

    /// It knows none of its jobs and keys any more.
    pub fn forget_all(&self) {
        let mut state = self.state();
        state.jobs.clear();
        state.forgets_keys = true;
    }

    /// It offers no cancel, as Sync's cloud does not.
    pub fn offer_no_cancel(&self) {
        self.state().offers_no_cancel = true;
    }

    /// How many different jobs it was given.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.state().by_key.len()
    }

    /// Everything that was submitted, repetitions too.
    #[must_use]
    pub fn submits(&self) -> Vec<Submission> {
        self.state().submits.clone()
    }

    /// When it was looked at, in virtual time.
    #[must_use]
    pub fn looks_at_ms(&self) -> Vec<i64> {
        self.state().looks_at_ms.clone()
    }

    /// Each try to cancel something there.
    #[must_use]
    pub fn cancels(&self) -> Vec<UpstreamId> {
        self.state().cancels.clone()
    }

    /// One of the newest jobs with the door that it was given: whether it has ended or not, whether it was told of or not.
    #[must_use]
    pub fn some_door(&self) -> Option<(GenerationId, String)> {
        let state = self.state();
        state.told_of.get(self.dice.below(state.told_of.len())).cloned()
    }

    /// Whether it has taken something lately whose answer has not gone out. Asks once.
    #[must_use]
    pub fn has_untold(&self) -> bool {
        !std::mem::take(&mut self.state().untold).is_empty()
    }

    /// The way there, and what may come back in place of an answer.
    async fn arrive(&self) -> Result<(), Trouble> {
        Yield::default().await;
        let is_faulty = self.state().mood == UpstreamMood::Faulty;
        if is_faulty && self.dice.below(6) == 0 {
            self.clock.sleep(Duration::from_millis(self.dice.below(LATE_MS_MAX as usize) as u64)).await;
        }
        let mut state = self.state();
        if self.clock.mono_ms() < state.down_until_ms {
            return Err(Trouble::Passing { why: "nobody listens there".to_owned(), retry_after: None });
        }
        match state.troubles.pop_front().or_else(|| state.trouble.clone()) {
            Some(trouble) => Err(trouble),
            None if is_faulty => self.trouble().map_or(Ok(()), Err),
            None => Ok(()),
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        let failure = |error: &str| Failure::new(GENERATION_PIPELINE_FAILED, error);
        Some(match self.dice.below(60) {
            0..=3 => Trouble::Passing { why: "it answered 500".to_owned(), retry_after: None },
            4..=6 => {
                let retry_after = Some(RetryAfter::Ms(self.dice.between(0, 20_000)));
                Trouble::Passing { why: "it answered 429".to_owned(), retry_after }
            }
            7 => Trouble::Garbled("it is no JSON".to_owned()),
            8 if self.dice.below(4) == 0 => Trouble::Operators(failure("The upstream's key is wrong (401).")),
            9 if self.dice.below(4) == 0 => Trouble::Refused(failure("The upstream refused it (400).")),
            _ => return None,
        })
    }

    fn take(&self, submission: &Submission) -> Result<UpstreamId, Trouble> {
        let now_ms = self.clock.mono_ms();
        let (takes_ms, fails_with) = self.plan();
        let mut state = self.state();
        let is_known = |since_ms: i64| now_ms - since_ms < KEY_KNOWN_MS && !state.forgets_keys;
        let known = state.by_key.get(&submission.id).filter(|(_, since)| is_known(*since)).map(|(id, _)| id.clone());
        if let Some(id) = known {
            return Ok(id);
        }
        let fresh = UpstreamId::new(&format!("up-{}", state.jobs.len() + 1));
        let id = fresh.ok_or_else(|| Trouble::Garbled("no id".to_owned()))?;
        let job = Job { generation: submission.id, done_at_ms: now_ms + takes_ms, fails_with };
        state.jobs.insert(id.clone(), job);
        state.by_key.insert(submission.id, (id.clone(), now_ms));
        state.untold.insert(submission.id);
        if let Some(url) = &submission.webhook_url {
            state.told_of.push_back((submission.id, url.clone()));
            if state.told_of.len() > TOLD_OF_MAX {
                state.told_of.pop_front();
            }
        }
        drop(state);
        self.witness.tell(&Fact::UpstreamTook { generation: submission.id });
        Ok(id)
    }

    /// How long the next job takes, and how it ends.
    fn plan(&self) -> (i64, Option<Failure>) {
        let state = self.state();
        match state.mood {
            UpstreamMood::Prompt => (state.takes_ms, state.fails_with.clone()),
            UpstreamMood::Steady => (self.dice.between(1, TAKES_STEADILY_MS_MAX), None),
            UpstreamMood::Faulty => {
                let fails = self.dice.below(8) == 0;
                let failure = fails.then(|| Failure::new(GENERATION_INPUT_VIDEO_INVALID, "No face was found."));
                (self.dice.between(1, TAKES_MS_MAX), failure)
            }
        }
    }

    /// The way back.
    async fn answered(&self, generation: GenerationId) -> Result<(), Trouble> {
        // A crash of ours may fall between its commit and our hearing of it.
        Yield::default().await;
        let (late_ms, is_faulty) = {
            let state = self.state();
            (state.late_ms, state.mood == UpstreamMood::Faulty)
        };
        if late_ms > 0 {
            self.clock.sleep(Duration::from_millis(late_ms.unsigned_abs())).await;
        }
        let is_lost = is_faulty && self.dice.below(5) == 0;
        let mut state = self.state();
        if is_lost || state.answers_lost > 0 {
            state.answers_lost = state.answers_lost.saturating_sub(1);
            return Err(Trouble::Passing { why: "it closed the connection".to_owned(), retry_after: None });
        }
        state.untold.remove(&generation);
        Ok(())
    }
}

#[async_trait]
impl Upstream for SimUpstream {
    async fn submit(&self, submission: &Submission) -> Result<UpstreamId, Trouble> {
        self.witness.tell(&Fact::Submitted(submission));
        self.arrive().await?;
        {
            let mut state = self.state();
            if state.keeps_record {
                state.submits.push(submission.clone());
            }
        }
        let id = self.take(submission)?;
        self.answered(submission.id).await?;
        Ok(id)
    }

    async fn look(&self, id: &UpstreamId) -> Result<Seen, Trouble> {
        let generation = {
            let state = self.state();
            let of_key =
                || state.by_key.iter().find(|(_, (of_key, _))| of_key == id).map(|(generation, _)| *generation);
            // A job that it has forgotten is looked at all the same.
            state.jobs.get(id).map(|job| job.generation).or_else(of_key)
        };
        if let Some(generation) = generation {
            self.witness.tell(&Fact::LookBegan { generation });
        }
        {
            let (mut state, now_ms) = (self.state(), self.clock.mono_ms());
            if state.keeps_record {
                state.looks_at_ms.push(now_ms);
            }
        }
        self.arrive().await?;
        let (state, now_ms) = (self.state(), self.clock.mono_ms());
        let job = state.jobs.get(id).ok_or(Trouble::Unknown)?;
        let (generation, seen) = (job.generation, seen(id, job, now_ms));
        drop(state);
        if seen == Seen::Working {
            self.witness.tell(&Fact::LookSawWork { generation });
        }
        Ok(seen)
    }

    async fn cancel(&self, id: &UpstreamId) -> Result<(), Trouble> {
        {
            let mut state = self.state();
            if state.keeps_record {
                state.cancels.push(id.clone());
            }
        }
        self.arrive().await?;
        let now_ms = self.clock.mono_ms();
        let mut state = self.state();
        if state.offers_no_cancel {
            return Err(Trouble::Unknown);
        }
        let job = state.jobs.get_mut(id).ok_or(Trouble::Unknown)?;
        if now_ms < job.done_at_ms {
            (job.done_at_ms, job.fails_with) = (now_ms, Some(Failure::new(GENERATION_PIPELINE_FAILED, "Canceled.")));
        }
        Ok(())
    }
}

fn seen(id: &UpstreamId, job: &Job, now_ms: i64) -> Seen {
    match &job.fails_with {
        _ if now_ms < job.done_at_ms => Seen::Working,
        Some(failure) => Seen::Failed(failure.clone()),
        None => Seen::Completed { url: format!("https://up.example/{}.mp4", id.as_str()), duration_ms: Some(9_980) },
    }
}
