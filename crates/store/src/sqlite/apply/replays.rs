//! Replays: the place of a walk is its fence, and moves in the commit that makes the deliveries of a page.
use postsync_core::change::ReplayStep;
use postsync_core::ids::DeliveryId;
use postsync_core::limits::{REPLAYS_RUNNING_MAX, REPLAYS_RUNNING_OF_ONE_MAX};
use postsync_core::replay::Replay;
use postsync_core::time::Timestamp;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;

const ADD: &str =
    "INSERT INTO replays (id, org, status, created_at, ended_at, of_status, generation, endpoint, since, until,
    error, again, count, made, skipped, read_to)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16
    WHERE (SELECT count(*) FROM replays INDEXED BY replays_running WHERE status = 'running' AND id > 0) < ?17
    AND (SELECT count(*) FROM replays INDEXED BY replays_running WHERE status = 'running' AND id > 0 AND org = ?2) < ?18";

/// With the end the count is what it came to.
const ADVANCE: &str = "UPDATE replays SET read_to = ?3, made = made + ?4, skipped = skipped + ?5, ended_at = ?6,
    status = CASE WHEN ?6 IS NULL THEN 'running' ELSE 'done' END,
    count = CASE WHEN ?6 IS NULL THEN count ELSE made + ?4 + skipped + ?5 END
    WHERE id = ?1 AND read_to = ?2 AND status = 'running'";

const MARK: &str = "UPDATE deliveries SET replayed_at = ?3 WHERE id = ?1 AND replayed_at IS ?2";

impl Unit<'_> {
    pub(super) fn add_replay(&mut self, r: &Replay) -> Result<(), Refusal> {
        let f = &r.filter;
        let max = |bound: usize| i64::try_from(bound).unwrap_or(i64::MAX);
        self.fenced(
            ADD,
            params![
                r.id.0,
                r.org.as_str(),
                r.status(),
                r.created_at.0,
                r.ended_at.map(|at| at.0),
                f.status.map(|status| status.as_str()),
                f.generation.map(|id| id.0.into_bytes()),
                f.endpoint.as_ref().map(|id| id.as_str()),
                f.since.map(|at| at.0),
                f.until.map(|at| at.0),
                f.error.map(|error| error.as_str()),
                f.again,
                r.count.map(u64::cast_signed),
                r.made.cast_signed(),
                r.skipped.cast_signed(),
                r.read_to.0,
                max(REPLAYS_RUNNING_MAX),
                max(REPLAYS_RUNNING_OF_ONE_MAX)
            ],
        )
    }

    pub(super) fn advance_replay(&mut self, s: &ReplayStep) -> Result<(), Refusal> {
        let (made, skipped) = (s.made.cast_signed(), s.skipped.cast_signed());
        self.fenced(ADVANCE, params![s.id.0, s.from.0, s.to.0, made, skipped, s.ended_at.map(|at| at.0)])
    }

    pub(super) fn mark_replayed(
        &mut self,
        id: DeliveryId,
        before: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        self.fenced(MARK, params![id.0, before.map(|at| at.0), at.0])
    }
}
