//! Speech jobs: one, one by its key, and those that wait.
use postsync_core::error_code::ErrorCode;
use postsync_core::generation::Failure;
use postsync_core::idempotency::{Fingerprint, IdempotencyKey};
use postsync_core::ids::{AssetId, OrgId, SpeechJobId};
use postsync_core::speech::{Provider, Words};
use postsync_core::speech_job::{SpeechJob, SpeechState};
use postsync_engine::ports::SpeechTurn;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};
use uuid::Uuid;

use super::round::round;
use super::rows::{time, unknown, word};
use super::{all, at_most};

macro_rules! columns {
    () => {
        "id, org, status, tries, created_at, updated_at, provider, voice, script, stability, similarity, asset, error_code, \
         error, key, fingerprint"
    };
}

const JOB: &str = concat!("SELECT ", columns!(), " FROM speech_jobs WHERE id = ?1 AND org = ?2");

const OF_KEY: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM speech_jobs INDEXED BY speech_jobs_by_key WHERE org = ?1 AND key = ?2
     ORDER BY created_at DESC, id DESC LIMIT 1"
);

/// The first organization behind one that has something in the lane; and what of one waits longest.
macro_rules! waiting {
    ($what:expr, $which:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM speech_jobs INDEXED BY speech_jobs_open WHERE is_open = 1 AND lane = ?1 AND ",
            $which
        )
    };
}
const ORG_BEHIND: &str = waiting!("org", "org > ?2 ORDER BY org LIMIT 1");
const OLDEST_OF: &str = waiting!(columns!(), "org = ?2 ORDER BY id LIMIT ?3");

/// For the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[JOB, OF_KEY, ORG_BEHIND, OLDEST_OF];

/// The same, and by what each must find its rows.
#[cfg(test)]
pub(super) const SEARCHES: &[(&str, &str)] = &[
    (ORG_BEHIND, "COVERING INDEX speech_jobs_open (lane=? AND org>?)"),
    (OLDEST_OF, "INDEX speech_jobs_open (lane=? AND org=?)"),
];

pub(in crate::sqlite) fn one(conn: &Connection, org: &OrgId, id: SpeechJobId) -> Result<Option<SpeechJob>> {
    conn.prepare_cached(JOB)?.query_row(params![id.0.as_bytes(), org.as_str()], job).optional()
}

pub(in crate::sqlite) fn of_key(conn: &Connection, org: &OrgId, key: &IdempotencyKey) -> Result<Option<SpeechJob>> {
    conn.prepare_cached(OF_KEY)?.query_row(params![org.as_str(), key.as_str()], job).optional()
}

/// There are few that are at work.
pub(in crate::sqlite) fn next(conn: &Connection, turn: &SpeechTurn) -> Result<Option<SpeechJob>> {
    let lane = turn.lane.as_str();
    let org_behind = |org: &str| conn.prepare_cached(ORG_BEHIND)?.query_row([lane, org], |row| row.get(0)).optional();
    round(turn.after.as_ref(), org_behind, |org| {
        let oldest = all(conn, OLDEST_OF, params![lane, org, at_most(turn.not.len() + 1)], job)?;
        Ok(oldest.into_iter().find(|job| !turn.not.contains(&job.id)))
    })
}

fn job(row: &Row<'_>) -> Result<SpeechJob> {
    let words = Words {
        provider: word(row, 6, Provider::parse)?,
        voice: row.get(7)?,
        script: row.get(8)?,
        stability_permille: row.get(9)?,
        similarity_permille: row.get(10)?,
    };
    let key = match row.get::<_, Option<[u8; 32]>>(15)? {
        Some(fingerprint) => Some((word(row, 14, IdempotencyKey::parse)?, Fingerprint(fingerprint))),
        None => None,
    };
    Ok(SpeechJob {
        id: SpeechJobId(row.get(0).map(Uuid::from_bytes)?),
        org: OrgId::new(row.get_ref(1)?.as_str()?),
        words,
        tries: row.get(3)?,
        state: state(row)?,
        created_at: time(row, 4)?,
        updated_at: time(row, 5)?,
        key,
    })
}

fn state(row: &Row<'_>) -> Result<SpeechState> {
    match row.get_ref(2)?.as_str()? {
        "PENDING" => Ok(SpeechState::Pending),
        "PROCESSING" => Ok(SpeechState::Processing),
        "COMPLETED" => Ok(SpeechState::Completed(AssetId(row.get(11).map(Uuid::from_bytes)?))),
        "FAILED" => {
            let error: String = row.get(13)?;
            Ok(SpeechState::Failed(Failure::new(word(row, 12, ErrorCode::parse)?, &error)))
        }
        other => Err(unknown(2, other)),
    }
}
