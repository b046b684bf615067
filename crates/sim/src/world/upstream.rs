//! A server that makes generations for others: another process, so it outlives every crash of ours.
//!
//! It keeps its word about idempotency keys: the same key is the same job. How often it was asked, and how many jobs it has, is
//! what a relay is judged by.
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use postsync_core::generation::Failure;
use postsync_core::ids::GenerationId;
use postsync_core::relay::{Trouble, UpstreamId};
use postsync_engine::ports::{Seen, Submission, Upstream};

use super::Yield;
use crate::clock::VirtualClock;
use crate::executor::locked;

/// An upstream of the simulation.
pub struct SimUpstream {
    clock: VirtualClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    jobs: BTreeMap<UpstreamId, Job>,
    by_key: BTreeMap<GenerationId, UpstreamId>,
    submits: Vec<Submission>,
    looks_at_ms: Vec<i64>,
    takes_ms: i64,
    fails_with: Option<Failure>,
    is_down: bool,
    forgets_keys: bool,
    answers_lost: usize,
    troubles: VecDeque<Trouble>,
}

struct Job {
    done_at_ms: i64,
    fails_with: Option<Failure>,
}

impl SimUpstream {
    /// One that is done at once, and well.
    #[must_use]
    pub fn new(clock: VirtualClock) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
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
        self.state().is_down = is_down;
    }

    /// So many of the next submits are taken without us being told.
    pub fn lose_answers(&self, answers: usize) {
        self.state().answers_lost = answers;
    }

    /// What the next questions come to, in turn, in place of an answer.
    pub fn script(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.state().troubles.extend(troubles);
    }

    /// It knows none of its jobs and keys any more.
    pub fn forget_all(&self) {
        let mut state = self.state();
        state.jobs.clear();
        state.forgets_keys = true;
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

    fn unwell(&self) -> Option<Trouble> {
        let mut state = self.state();
        let down = || Trouble::Passing { why: "nobody listens there".to_owned(), retry_after: None };
        if state.is_down { Some(down()) } else { state.troubles.pop_front() }
    }
}

#[async_trait]
impl Upstream for SimUpstream {
    async fn submit(&self, submission: &Submission) -> Result<UpstreamId, Trouble> {
        Yield::default().await;
        if let Some(trouble) = self.unwell() {
            return Err(trouble);
        }
        let id = {
            let mut state = self.state();
            state.submits.push(submission.clone());
            let next = state.submits.len();
            let known = state.by_key.get(&submission.id).cloned().filter(|_| !state.forgets_keys);
            let fresh = UpstreamId::new(&format!("up-{next}"));
            let id = known.or(fresh).ok_or_else(|| Trouble::Garbled("no id".to_owned()))?;
            let job = Job { done_at_ms: self.clock.mono_ms() + state.takes_ms, fails_with: state.fails_with.clone() };
            state.jobs.entry(id.clone()).or_insert(job);
            state.by_key.insert(submission.id, id.clone());
            id
        };
        // A crash of ours may fall between its commit and our hearing of it.
        Yield::default().await;
        let mut state = self.state();
        if state.answers_lost > 0 {
            state.answers_lost -= 1;
            return Err(Trouble::Passing { why: "it closed the connection".to_owned(), retry_after: None });
        }
        Ok(id)
    }

    async fn look(&self, id: &UpstreamId) -> Result<Seen, Trouble> {
        Yield::default().await;
        let now_ms = self.clock.mono_ms();
        self.state().looks_at_ms.push(now_ms);
        if let Some(trouble) = self.unwell() {
            return Err(trouble);
        }
        let state = self.state();
        let job = state.jobs.get(id).ok_or(Trouble::Unknown)?;
        Ok(match &job.fails_with {
            _ if now_ms < job.done_at_ms => Seen::Working,
            Some(failure) => Seen::Failed(failure.clone()),
            None => {
                Seen::Completed { url: format!("https://up.example/{}.mp4", id.as_str()), duration_ms: Some(9_980) }
            }
        })
    }
}
