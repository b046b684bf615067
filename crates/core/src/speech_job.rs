//! Words that are spoken later: taken now, spoken when it is their turn, and an asset then.
//!
//! Promise: what was taken ends, whatever dies in between; work that takes its server down with it
//! [`SPEECH_JOB_TRIES_MAX`] times ends FAILED. No event tells of it: who wants to know asks.
use crate::generation::Failure;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::ids::{AssetId, OrgId, SpeechJobId};
use crate::speech::Words;
use crate::time::Timestamp;

/// Of one organization, those that have not ended.
pub const SPEECH_JOBS_OPEN_MAX: usize = 100;

/// How often one may take its server down with it.
pub const SPEECH_JOB_TRIES_MAX: u32 = 3;

/// How far one has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpeechState {
    /// It waits.
    Pending,
    /// It is being spoken.
    Processing,
    /// It was spoken, and is this asset.
    Completed(AssetId),
    /// It could not be spoken.
    Failed(Failure),
}

/// One script that is to be spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeechJob {
    /// Its id in the API.
    pub id: SpeechJobId,
    /// Whose it is.
    pub org: OrgId,
    /// What is to be said, and how.
    pub words: Words,
    /// How often it was begun.
    pub tries: u32,
    /// How far it has come.
    pub state: SpeechState,
    /// When it was taken.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
    /// What its client named the create by, with what it asked for.
    pub key: Option<(IdempotencyKey, Fingerprint)>,
}

impl SpeechJob {
    /// `PENDING`, as the API writes it.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self.state {
            SpeechState::Pending => "PENDING",
            SpeechState::Processing => "PROCESSING",
            SpeechState::Completed(_) => "COMPLETED",
            SpeechState::Failed(_) => "FAILED",
        }
    }

    /// Whether nothing happens to it any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self.state, SpeechState::Completed(_) | SpeechState::Failed(_))
    }
}

/// One thing to write down about a speech job.
#[derive(Clone, Debug)]
pub enum SpeechJobChange {
    /// It was taken. Fence: its organization has fewer than [`SPEECH_JOBS_OPEN_MAX`] open ones, and none that was taken with its
    /// key within [`KEPT_MS`](crate::idempotency::KEPT_MS).
    Add(Box<SpeechJob>),
    /// It is about to be spoken. Fence: it has not ended, and was begun `tries - 1` times.
    Start {
        /// Which.
        id: SpeechJobId,
        /// From 1.
        tries: u32,
        /// When.
        at: Timestamp,
    },
    /// It is handed back unharmed, and the start is not counted. Fence: it is at work with that count.
    Release {
        /// Which.
        id: SpeechJobId,
        /// Its count of starts before the release.
        tries: u32,
        /// When.
        at: Timestamp,
    },
    /// It has ended. Fence: it has not ended before, and was begun so often.
    End {
        /// Which.
        id: SpeechJobId,
        /// Its count of starts.
        tries: u32,
        /// The asset that it has become, or why there is none.
        ending: Result<AssetId, Failure>,
        /// When.
        at: Timestamp,
    },
    /// The oldest that have ended go, those that were taken before that time, at most so many. Fence: there is one.
    Forget {
        /// What was taken then stays.
        before: Timestamp,
        /// How many go with one commit.
        limit: usize,
    },
}
