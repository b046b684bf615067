//! Cloned voices: rare, so written plainly.
use postsync_core::voice::{CLONED_VOICES_MAX, ClonedVoice, VoiceChange};
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;

/// Its tag is new, and its name in its organization: both are unique.
const BEGIN: &str = "INSERT OR IGNORE INTO voices (tag, org, name, id, created_at)
    SELECT ?1, ?2, ?3, ?4, ?5 WHERE (SELECT count(*) FROM voices WHERE org = ?2) < ?6";

/// No other has that id: it is unique.
const NAME: &str = "UPDATE OR IGNORE voices SET id = ?2 WHERE tag = ?1 AND (id IS NULL OR id = ?2)";

const GIVE_UP: &str = "DELETE FROM voices WHERE tag = ?1 AND id IS NULL";

const REMOVE: &str = "DELETE FROM voices WHERE id = ?1 AND org = ?2";

/// Those that look for rows, for the test that none of them scans.
#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[BEGIN, NAME, GIVE_UP, REMOVE];

impl Unit<'_> {
    pub(super) fn change_voice(&mut self, change: &VoiceChange) -> Result<(), Refusal> {
        match change {
            VoiceChange::Begin(voice) => {
                let ClonedVoice { tag, org, name, id, created_at } = voice.as_ref();
                let max = CLONED_VOICES_MAX as i64;
                self.fenced(BEGIN, params![tag.0, org.as_str(), name, id, created_at.0, max])
            }
            VoiceChange::Name { tag, id } => self.fenced(NAME, params![tag.0, id]),
            VoiceChange::GiveUp { tag } => self.fenced(GIVE_UP, [tag.0]),
            VoiceChange::Remove { org, id } => self.fenced(REMOVE, params![id, org.as_str()]),
        }
    }
}
