//! Cloned voices.
use async_trait::async_trait;
use postsync_core::ids::OrgId;
use postsync_core::voice::{CLONED_VOICES_MAX, ClonedVoice, VoiceChange};
use postsync_engine::ports::{StoreError, VoiceStore};

use super::Memory;
use super::tables::Tables;
use crate::refusal::Refusal;

#[async_trait]
impl VoiceStore for Memory {
    async fn cloned_voices(&self, org: &OrgId) -> Result<Vec<ClonedVoice>, StoreError> {
        let mut found: Vec<_> = self.tables().voices.values().filter(|voice| voice.org == *org).cloned().collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    async fn voices_of_others(&self, org: &OrgId, ids: Vec<String>) -> Result<Vec<String>, StoreError> {
        let tables = self.tables();
        let is_theirs = |id: &String| tables.voices.get(id).is_some_and(|voice| voice.org != *org);
        Ok(ids.into_iter().filter(is_theirs).collect())
    }
}

impl Tables {
    pub(super) fn change_voice(&mut self, change: VoiceChange) -> Result<(), Refusal> {
        match change {
            VoiceChange::Add(voice) => {
                let of_it = self.voices.values().filter(|other| other.org == voice.org);
                let has_name = of_it.clone().any(|other| other.name == voice.name);
                if has_name || of_it.count() >= CLONED_VOICES_MAX || self.voices.contains(&voice.id) {
                    return Err(Refusal::Stale);
                }
                self.voices.put(voice.id.clone(), *voice);
                Ok(())
            }
            VoiceChange::Remove { org, id } => {
                self.voices.get(&id).filter(|voice| voice.org == org).ok_or(Refusal::Stale)?;
                self.voices.remove(&id);
                Ok(())
            }
        }
    }
}
