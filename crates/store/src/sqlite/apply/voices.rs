//! Cloned voices: rare, so written plainly.
use postsync_core::voice::{CLONED_VOICES_MAX, VoiceChange};
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;

/// Its id is new, and its name in its organization: both are unique.
const ADD: &str = "INSERT OR IGNORE INTO voices (id, org, name, created_at)
    SELECT ?1, ?2, ?3, ?4 WHERE (SELECT count(*) FROM voices WHERE org = ?2) < ?5";

const REMOVE: &str = "DELETE FROM voices WHERE id = ?1 AND org = ?2";

/// Those that look for rows, for the test that none of them scans.
#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[ADD, REMOVE];

impl Unit<'_> {
    pub(super) fn change_voice(&mut self, change: &VoiceChange) -> Result<(), Refusal> {
        match change {
            VoiceChange::Add(voice) => {
                let max = CLONED_VOICES_MAX as i64;
                self.fenced(ADD, params![voice.id, voice.org.as_str(), voice.name, voice.created_at.0, max])
            }
            VoiceChange::Remove { org, id } => self.fenced(REMOVE, params![id, org.as_str()]),
        }
    }
}
