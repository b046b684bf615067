//! Who has something spoken in a run.
use postsync_core::ids::OrgId;
use postsync_core::speech::{Provider, Words};
use postsync_engine::ports::Spawn as _;

use super::Run;
use crate::facts::Fact;

impl Run {
    /// A client has a script spoken when it is its turn.
    pub(super) fn have_spoken(&self) {
        let Some(engine) = self.stage.engine() else { return };
        let org = OrgId::new(&self.some_org());
        let (provider, voice) =
            if self.stage.dice.below(2) == 0 { (Provider::Espeak, "en-us") } else { (Provider::ElevenLabs, "v1") };
        let words = Words {
            provider,
            voice: voice.to_owned(),
            script: "Good morning.".to_owned(),
            stability_permille: 500,
            similarity_permille: 750,
        };
        let witness = self.stage.witness.clone();
        self.stage.spawner().spawn(Box::pin(async move {
            if let Ok((job, _)) = engine.submit_speech_job(&org, words, None).await {
                witness.tell(&Fact::SpeechAcknowledged(job.id));
            }
        }));
    }
}
