//! Speech jobs.
use async_trait::async_trait;
use postsync_core::idempotency::{IdempotencyKey, KEPT_MS};
use postsync_core::ids::{OrgId, SpeechJobId};
use postsync_core::speech_job::{SPEECH_JOBS_OPEN_MAX, SpeechJob, SpeechJobChange, SpeechState};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{SpeechJobStore, SpeechTurn, StoreError};

use super::Memory;
use super::tables::Tables;
use crate::refusal::{Refusal, duplicate};

#[async_trait]
impl SpeechJobStore for Memory {
    async fn speech_job(&self, org: &OrgId, id: SpeechJobId) -> Result<Option<SpeechJob>, StoreError> {
        Ok(self.tables().speech_jobs.get(&id).filter(|job| job.org == *org).cloned())
    }

    async fn speech_job_of_key(&self, org: &OrgId, key: &IdempotencyKey) -> Result<Option<SpeechJob>, StoreError> {
        Ok(self.tables().newest_of_key(org, key).cloned())
    }

    async fn next_speech_job(&self, turn: SpeechTurn) -> Result<Option<SpeechJob>, StoreError> {
        let SpeechTurn { lane, after, not } = turn;
        let fits = |job: &&SpeechJob| !job.is_final() && job.words.lane() == lane && !not.contains(&job.id);
        let place = |job: &&SpeechJob| (after.as_ref().is_some_and(|after| job.org <= *after), job.org.clone(), job.id);
        Ok(self.tables().speech_jobs.values().filter(fits).min_by_key(place).cloned())
    }
}

impl Tables {
    fn newest_of_key(&self, org: &OrgId, key: &IdempotencyKey) -> Option<&SpeechJob> {
        let has_key = |job: &&SpeechJob| job.org == *org && job.key.as_ref().is_some_and(|(known, _)| known == key);
        self.speech_jobs.values().filter(has_key).max_by_key(|job| (job.created_at, job.id))
    }

    pub(super) fn change_speech_job(&mut self, change: SpeechJobChange) -> Result<(), Refusal> {
        match change {
            SpeechJobChange::Add(job) => self.add_speech_job(*job),
            SpeechJobChange::Start { id, tries, at } => {
                let fits = |job: &SpeechJob| !job.is_final() && job.tries.checked_add(1) == Some(tries);
                self.move_speech_job(id, fits, tries, SpeechState::Processing, at)
            }
            SpeechJobChange::Release { id, tries, at } => {
                let fits = |job: &SpeechJob| job.state == SpeechState::Processing && job.tries == tries;
                self.move_speech_job(id, fits, tries.saturating_sub(1), SpeechState::Pending, at)
            }
            SpeechJobChange::End { id, tries, ending, at } => {
                let fits = |job: &SpeechJob| !job.is_final() && job.tries == tries;
                let state = ending.map_or_else(SpeechState::Failed, SpeechState::Completed);
                self.move_speech_job(id, fits, tries, state, at)
            }
            SpeechJobChange::Forget { before, limit } => self.forget_speech_jobs(before, limit),
        }
    }

    fn add_speech_job(&mut self, job: SpeechJob) -> Result<(), Refusal> {
        if self.speech_jobs.contains(&job.id) {
            return Err(duplicate("speech job"));
        }
        let open = self.speech_jobs.values().filter(|other| other.org == job.org && !other.is_final()).count();
        let of_key = job.key.as_ref().and_then(|(key, _)| self.newest_of_key(&job.org, key));
        let is_kept = of_key.is_some_and(|before| before.created_at.plus_ms(KEPT_MS) > job.created_at);
        if open >= SPEECH_JOBS_OPEN_MAX || is_kept {
            return Err(Refusal::Stale);
        }
        self.speech_jobs.put(job.id, job);
        Ok(())
    }

    fn move_speech_job(
        &mut self,
        id: SpeechJobId,
        fits: impl Fn(&SpeechJob) -> bool,
        tries: u32,
        state: SpeechState,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let found = self.speech_jobs.get(&id).filter(|job| fits(job)).ok_or(Refusal::Stale)?.clone();
        self.speech_jobs.put(id, SpeechJob { tries, state, updated_at: at, ..found });
        Ok(())
    }

    fn forget_speech_jobs(&mut self, before: Timestamp, limit: usize) -> Result<(), Refusal> {
        let over = |job: &&SpeechJob| job.is_final() && job.created_at < before;
        let mut old: Vec<_> = self.speech_jobs.values().filter(over).map(|job| (job.created_at, job.id)).collect();
        old.sort_unstable();
        old.truncate(limit);
        old.iter().for_each(|(_, id)| self.speech_jobs.remove(id));
        if old.is_empty() { Err(Refusal::Stale) } else { Ok(()) }
    }
}
