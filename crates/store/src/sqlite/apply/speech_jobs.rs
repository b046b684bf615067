//! Speech jobs: rare, so written plainly.
use postsync_core::generation::Failure;
use postsync_core::idempotency::KEPT_MS;
use postsync_core::ids::{AssetId, SpeechJobId};
use postsync_core::speech_job::{SPEECH_JOBS_OPEN_MAX, SpeechJob, SpeechJobChange, SpeechState};
use postsync_core::time::Timestamp;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;

const ADD: &str =
    "INSERT INTO speech_jobs (id, org, status, is_open, tries, created_at, updated_at, provider, voice, script,
        stability, similarity, asset, error_code, error, key, fingerprint, lane)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?20
    WHERE (SELECT count(*) FROM speech_jobs WHERE org = ?2 AND is_open = 1) < ?18
        AND NOT EXISTS (SELECT 1 FROM speech_jobs WHERE org = ?2 AND key = ?16 AND created_at > ?19)";

const START: &str = "UPDATE speech_jobs SET status = 'PROCESSING', tries = ?2, updated_at = ?3
    WHERE id = ?1 AND is_open = 1 AND tries = ?2 - 1";

const RELEASE: &str = "UPDATE speech_jobs SET status = 'PENDING', tries = ?2 - 1, updated_at = ?3
    WHERE id = ?1 AND status = 'PROCESSING' AND tries = ?2";

const END: &str =
    "UPDATE speech_jobs SET status = ?3, is_open = 0, asset = ?4, error_code = ?5, error = ?6, updated_at = ?7
    WHERE id = ?1 AND is_open = 1 AND tries = ?2";

const FORGET: &str = "DELETE FROM speech_jobs WHERE id IN (
    SELECT id FROM speech_jobs INDEXED BY speech_jobs_ended WHERE is_open = 0 AND created_at < ?1
    ORDER BY created_at, id LIMIT ?2)";

/// Those that look for rows, for the test that none of them scans.
#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[ADD, START, RELEASE, END, FORGET];

impl Unit<'_> {
    pub(super) fn change_speech_job(&mut self, change: &SpeechJobChange) -> Result<(), Refusal> {
        match change {
            SpeechJobChange::Add(job) => self.add_speech_job(job),
            SpeechJobChange::Start { id, tries, at } => self.fenced(START, params![id.0.as_bytes(), tries, at.0]),
            SpeechJobChange::Release { id, tries, at } => self.fenced(RELEASE, params![id.0.as_bytes(), tries, at.0]),
            SpeechJobChange::End { id, tries, ending, at } => self.end_speech_job(*id, *tries, ending, *at),
            SpeechJobChange::Forget { before, limit } => {
                self.fenced(FORGET, params![before.0, i64::try_from(*limit).unwrap_or(i64::MAX)])
            }
        }
    }

    fn add_speech_job(&mut self, job: &SpeechJob) -> Result<(), Refusal> {
        let (asset, failure) = match &job.state {
            SpeechState::Completed(asset) => (Some(asset.0.into_bytes()), None),
            SpeechState::Failed(failure) => (None, Some(failure)),
            SpeechState::Pending | SpeechState::Processing => (None, None),
        };
        self.fenced(
            ADD,
            params![
                job.id.0.as_bytes(),
                job.org.as_str(),
                job.status(),
                !job.is_final(),
                job.tries,
                job.created_at.0,
                job.updated_at.0,
                job.words.provider.as_str(),
                job.words.voice,
                job.words.script,
                job.words.stability_permille,
                job.words.similarity_permille,
                asset,
                failure.map(|failure| failure.code.as_str()),
                failure.map(|failure| failure.error.as_str()),
                job.key.as_ref().map(|(key, _)| key.as_str()),
                job.key.as_ref().map(|(_, fingerprint)| fingerprint.0),
                SPEECH_JOBS_OPEN_MAX as i64,
                job.created_at.plus_ms(-KEPT_MS).0,
                job.words.lane().as_str()
            ],
        )
    }

    fn end_speech_job(
        &mut self,
        id: SpeechJobId,
        tries: u32,
        ending: &Result<AssetId, Failure>,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let (status, asset, code, error) = match ending {
            Ok(asset) => ("COMPLETED", Some(asset.0.into_bytes()), None, None),
            Err(Failure { code, error }) => ("FAILED", None, Some(code.as_str()), Some(error.as_str())),
        };
        self.fenced(END, params![id.0.as_bytes(), tries, status, asset, code, error, at.0])
    }
}
