//! Voices that are cloned: each is its organization's, whatever becomes of the answer.
use std::time::Duration;

use futures::FutureExt as _;
use postsync_core::asset::{Asset, AssetKind};
use postsync_core::change::Change;
use postsync_core::ids::{AssetId, MediaId, OrgId};
use postsync_engine::ports::{Applied, Voice};
use postsync_engine::{Bounds, Settings, VoiceError};
use postsync_sim::Fact;

use crate::play::{ORG, Play};

/// Somebody speaking, of [`ORG`].
fn sample(play: &Play) -> AssetId {
    let now = play.engine().now();
    let (id, media) = (AssetId::new(now, [1; 10]), MediaId::new(now, [1; 10]));
    play.stage.media.put(media);
    let asset = Asset::uploaded(id, OrgId::new(ORG), AssetKind::Audio, "a.wav".to_owned(), media, 1_000, now);
    let done = play.stage.store.inner().apply(vec![Change::AddAsset(Box::new(asset))]).now_or_never();
    assert!(matches!(done, Some(Ok(Applied::Done))), "{done:?}");
    id
}

fn clone(play: &mut Play, name: &'static str, sample: AssetId) -> Result<Voice, VoiceError> {
    let (engine, org) = (play.engine(), OrgId::new(ORG));
    let answer = play.stage.run(60_000, async move { engine.clone_voice(&org, name, sample).await });
    answer.expect("an answer")
}

/// Begins one, and lets it go on.
fn begin(play: &Play, name: &'static str, sample: AssetId) {
    use postsync_engine::ports::Spawn as _;
    let (engine, org) = (play.engine(), OrgId::new(ORG));
    play.stage.spawner().spawn(Box::pin(async move {
        let _ = engine.clone_voice(&org, name, sample).await;
    }));
}

/// The names that an organization is shown.
fn named(play: &mut Play, org: &str) -> Vec<String> {
    let (engine, org) = (play.engine(), OrgId::new(org));
    let voices = play.stage.run(60_000, async move { engine.voices(&org, None).await });
    voices.expect("an answer").expect("a list").into_iter().map(|voice| voice.name).collect()
}

#[test]
fn a_crash_at_any_moment_leaves_no_voice_to_somebody_else() {
    let mut made = 0;
    for polls in 0..40 {
        let mut play = Play::new("0s");
        play.stage.speech.answer_clones_late(50);
        let sample = sample(&play);
        begin(&play, "Ada", sample);
        for _ in 0..polls {
            if !play.stage.step() {
                let to_ms = play.stage.clock.mono_ms() + 10_000;
                play.stage.wake_next(to_ms);
            }
        }
        play.crash_and_restart();
        made += play.stage.speech.clones();
        assert_eq!(named(&mut play, "acme"), [""; 0], "killed after {polls} polls");
        let wanted = vec!["Ada"; play.stage.speech.clones()];
        assert_eq!(named(&mut play, ORG), wanted, "killed after {polls} polls");
        assert_eq!(named(&mut play, "acme"), [""; 0], "killed after {polls} polls");
        if wanted.is_empty() {
            play.stage.advance(600_000);
            assert!(clone(&mut play, "Ada", sample).is_ok(), "killed after {polls} polls");
        }
    }
    assert!((1..40).contains(&made), "{made} of 40 were made before the crash");
}

#[test]
fn a_stop_waits_for_an_answer_within_its_grace() {
    for (answers_after_ms, stops_after_ms) in [(1_000, 1_000), (600_000, 2_000)] {
        let settings = Settings { shutdown_grace: Duration::from_secs(2), ..Settings::default() };
        let mut play = Play::with(settings, Bounds::default());
        play.stage.speech.answer_clones_late(answers_after_ms);
        let sample = sample(&play);
        begin(&play, "Ada", sample);
        play.stage.run_ready();
        let (engine, began_ms) = (play.engine(), play.stage.clock.mono_ms());
        play.stage.witness.tell(&Fact::StopBegan);
        play.stage.run(60_000, async move { engine.stop().await }).expect("a stop is bounded");
        play.stage.witness.tell(&Fact::StopReturned);
        assert!(matches!(clone(&mut play, "Bea", sample), Err(VoiceError::Stopping)));
        play.stage.exit();
        assert_eq!(play.stage.clock.mono_ms() - began_ms, stops_after_ms);
        play.start();
        assert_eq!((named(&mut play, "acme"), named(&mut play, ORG)), (vec![], vec!["Ada".to_owned()]));
    }
}

#[test]
fn an_answer_that_is_lost_is_found_in_the_list_and_its_voice_can_be_deleted() {
    let mut play = Play::new("0s");
    play.stage.speech.lose_answers_to_clones();
    let sample = sample(&play);
    assert!(matches!(clone(&mut play, "Ada", sample), Err(VoiceError::Failed(_))));
    assert!(matches!(clone(&mut play, "Ada", sample), Err(VoiceError::SameName)), "it was looked for");
    assert_eq!((named(&mut play, "acme"), named(&mut play, ORG)), (vec![], vec!["Ada".to_owned()]));
    let (engine, org) = (play.engine(), OrgId::new(ORG));
    let deleted = play.stage.run(1_000, async move { engine.delete_voice(&org, "clone-1").await });
    assert!(matches!(deleted, Some(Ok(()))), "{deleted:?}");
    assert_eq!(play.stage.speech.clones(), 0);
}
