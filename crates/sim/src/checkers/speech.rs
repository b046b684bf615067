//! Whether words that were taken are spoken, once.
use std::collections::{BTreeMap, BTreeSet};

use postsync_core::asset::{AssetChange, InputType};
use postsync_core::change::Change;
use postsync_core::ids::SpeechJobId;
use postsync_core::speech_job::SpeechJobChange;

use super::{Checker, End, ensure};
use crate::facts::{Fact, Moment};

/// What was acknowledged ends, once; and there is one asset for each that was spoken.
#[derive(Default)]
pub(super) struct SpeechIsMadeOnce {
    acknowledged: BTreeSet<SpeechJobId>,
    ends: BTreeMap<SpeechJobId, u32>,
    spoken: usize,
    assets: usize,
}

impl Checker for SpeechIsMadeOnce {
    fn name(&self) -> &'static str {
        "speech_is_made_once"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::SpeechAcknowledged(id) => _ = self.acknowledged.insert(*id),
            Fact::Committed(Change::SpeechJob(SpeechJobChange::End { id, ending, .. })) => {
                self.spoken += usize::from(ending.is_ok());
                let ends = self.ends.entry(*id).or_default();
                *ends += 1;
                return ensure(*ends == 1, || format!("speech {id} has ended {ends} times"));
            }
            Fact::Committed(Change::Asset(AssetChange::Register(asset))) => {
                self.assets += usize::from(asset.input_type == InputType::Tts);
            }
            _ => {}
        }
        Ok(())
    }

    fn at_end(&mut self, _end: &End) -> Result<(), String> {
        let open = self.acknowledged.iter().find(|id| !self.ends.contains_key(id));
        ensure(open.is_none(), || format!("speech {open:?} was acknowledged and has not ended"))?;
        ensure(self.assets == self.spoken, || format!("{} were spoken, and {} assets made", self.spoken, self.assets))
    }
}
