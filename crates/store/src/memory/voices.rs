//! Cloned voices.
use async_trait::async_trait;
use postsync_core::ids::OrgId;
use postsync_core::voice::{CLONED_VOICES_MAX, ClonedVoice, VoiceChange, VoiceTag};
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

    async fn clones_among(&self, ids: Vec<String>, tags: Vec<VoiceTag>) -> Result<Vec<ClonedVoice>, StoreError> {
        let is_meant =
            |voice: &&ClonedVoice| tags.contains(&voice.tag) || voice.id.as_ref().is_some_and(|id| ids.contains(id));
        Ok(self.tables().voices.values().filter(is_meant).cloned().collect())
    }

    async fn voices_of_others(&self, org: &OrgId, ids: Vec<String>) -> Result<Vec<String>, StoreError> {
        let tables = self.tables();
        let is_theirs = |id: &String| tables.voice_of_id(id).is_some_and(|voice| voice.org != *org);
        Ok(ids.into_iter().filter(is_theirs).collect())
    }
}

impl Tables {
    fn voice_of_id(&self, id: &str) -> Option<&ClonedVoice> {
        self.voices.values().find(|voice| voice.id.as_deref() == Some(id))
    }

    pub(super) fn change_voice(&mut self, change: VoiceChange) -> Result<(), Refusal> {
        match change {
            VoiceChange::Begin(voice) => {
                let of_it = self.voices.values().filter(|other| other.org == voice.org);
                let has_name = of_it.clone().any(|other| other.name == voice.name);
                if has_name || of_it.count() >= CLONED_VOICES_MAX || self.voices.contains(&voice.tag) {
                    return Err(Refusal::Stale);
                }
                self.voices.put(voice.tag, *voice);
                Ok(())
            }
            VoiceChange::Name { tag, id } => {
                let found = self.voices.get(&tag).ok_or(Refusal::Stale)?.clone();
                let is_free = self.voice_of_id(&id).is_none_or(|other| other.tag == tag);
                if !is_free || found.id.as_ref().is_some_and(|known| *known != id) {
                    return Err(Refusal::Stale);
                }
                self.voices.put(tag, ClonedVoice { id: Some(id), ..found });
                Ok(())
            }
            VoiceChange::GiveUp { tag } => {
                self.voices.get(&tag).filter(|voice| voice.id.is_none()).ok_or(Refusal::Stale)?;
                self.voices.remove(&tag);
                Ok(())
            }
            VoiceChange::Remove { org, id } => {
                let tag = self.voice_of_id(&id).filter(|voice| voice.org == org).ok_or(Refusal::Stale)?.tag;
                self.voices.remove(&tag);
                Ok(())
            }
        }
    }
}
