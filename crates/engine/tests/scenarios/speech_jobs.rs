//! Words that are spoken when it is their turn: each once, whatever dies in between.
use postsync_core::asset::{AssetKind, InputType};
use postsync_core::error_code::{GENERATION_PIPELINE_FAILED, GENERATION_TIMEOUT};
use postsync_core::ids::OrgId;
use postsync_core::speech::{Provider, Words};
use postsync_core::speech_job::{SPEECH_JOBS_OPEN_MAX, SpeechJob, SpeechState};
use postsync_engine::SpeechJobError;
use postsync_sim::Fact;

use crate::play::{ORG, Play};

fn submit(play: &mut Play, org: &str) -> Result<SpeechJob, SpeechJobError> {
    submit_to(play, org, "en-us")
}

fn submit_to(play: &mut Play, org: &str, voice: &str) -> Result<SpeechJob, SpeechJobError> {
    let words = Words {
        provider: Provider::ElevenLabs,
        voice: voice.to_owned(),
        script: "Good morning.".to_owned(),
        stability_permille: 500,
        similarity_permille: 750,
    };
    let (engine, org) = (play.engine(), OrgId::new(org));
    let answer = play.stage.run(60_000, async move { engine.submit_speech_job(&org, words, None).await });
    answer.expect("an answer").map(|(job, _)| job)
}

fn found(play: &mut Play, job: &SpeechJob) -> SpeechJob {
    let (store, org, id) = (play.stage.store.inner().clone(), job.org.clone(), job.id);
    let found = play.stage.run(1_000, async move { store.speech_job(&org, id).await });
    found.expect("an answer").expect("a store that works").expect("a job")
}

fn assets(play: &mut Play) -> u64 {
    let (store, org) = (play.stage.store.inner().clone(), OrgId::new(ORG));
    let count = play.stage.run(1_000, async move { store.count_assets(&org, vec![AssetKind::Audio]).await });
    count.expect("an answer").expect("a store that works")
}

#[test]
fn it_becomes_an_asset() {
    let mut play = Play::new("0s");
    play.stage.speech.set_takes_ms(2_000);
    let job = submit(&mut play, ORG).unwrap();
    play.stage.advance(1_000);
    assert_eq!(found(&mut play, &job).state, SpeechState::Processing);
    play.stage.advance(2_000);
    let SpeechState::Completed(id) = found(&mut play, &job).state else { panic!("not spoken") };
    let (store, org) = (play.stage.store.inner().clone(), OrgId::new(ORG));
    let asset = play.stage.run(1_000, async move { store.asset(&org, id).await }).unwrap().unwrap().unwrap();
    assert_eq!((asset.input_type, asset.facts.duration_ms), (InputType::Tts, Some(1_000)));
    assert_eq!(play.stage.media.kept(), [asset.media().unwrap()]);
    assert!(play.stage.media.folders().is_empty());
}

#[test]
fn a_crash_at_any_moment_is_survived_and_makes_no_second_asset() {
    for polls in 0..40 {
        let mut play = Play::new("0s");
        play.stage.store.set_faulty(true);
        play.stage.speech.set_takes_ms(50);
        let job = submit(&mut play, ORG).unwrap();
        for _ in 0..polls {
            if !play.stage.step() {
                let to_ms = play.stage.clock.mono_ms() + 10_000;
                play.stage.wake_next(to_ms);
            }
        }
        play.crash_and_restart();
        play.stage.store.set_faulty(false);
        play.stage.advance(60_000);
        assert!(matches!(found(&mut play, &job).state, SpeechState::Completed(_)), "killed after {polls} polls");
        assert_eq!(assets(&mut play), 1, "killed after {polls} polls");
    }
}

#[test]
fn a_stop_hands_it_back_at_once_and_uncounted() {
    let mut play = Play::new("0s");
    play.stage.speech.set_takes_ms(60_000);
    let job = submit(&mut play, ORG).unwrap();
    for _ in 0..5 {
        play.stage.advance(2_000);
        let (engine, began_ms) = (play.engine(), play.stage.clock.mono_ms());
        play.stage.witness.tell(&Fact::StopBegan);
        play.stage.run(60_000, async move { engine.stop().await }).expect("a stop is bounded");
        play.stage.witness.tell(&Fact::StopReturned);
        play.stage.exit();
        assert_eq!(play.stage.clock.mono_ms(), began_ms, "nothing is gained by waiting");
        let back = found(&mut play, &job);
        assert_eq!((back.state, back.tries), (SpeechState::Pending, 0));
        play.start();
    }
    play.stage.advance(120_000);
    assert!(matches!(found(&mut play, &job).state, SpeechState::Completed(_)));
}

#[test]
fn what_kills_its_server_or_takes_for_ever_ends() {
    let mut play = Play::new("0s");
    play.stage.speech.set_takes_ms(60_000);
    let job = submit(&mut play, ORG).unwrap();
    for _ in 0..3 {
        play.stage.advance(2_000);
        play.crash_and_restart();
    }
    play.stage.advance(1_000);
    let SpeechState::Failed(failure) = found(&mut play, &job).state else { panic!("tried for ever") };
    assert_eq!((failure.code, play.stage.speech.spoken()), (GENERATION_PIPELINE_FAILED, 3));
    play.stage.speech.set_takes_ms(86_400_000);
    let job = submit(&mut play, ORG).unwrap();
    play.stage.advance(700_000);
    let SpeechState::Failed(failure) = found(&mut play, &job).state else { panic!("worked on for ever") };
    assert_eq!(failure.code, GENERATION_TIMEOUT);
    assert!(play.stage.media.kept().is_empty() && play.stage.media.folders().is_empty());
}

#[test]
fn one_organization_waits_for_no_other() {
    let mut play = Play::new("0s");
    play.stage.speech.set_takes_ms(10_000);
    let many: Vec<_> = (0..SPEECH_JOBS_OPEN_MAX).map(|_| submit(&mut play, ORG).unwrap()).collect();
    assert!(matches!(submit(&mut play, ORG), Err(SpeechJobError::TooMany)));
    let other = submit(&mut play, "acme").unwrap();
    play.stage.advance(21_000);
    assert!(matches!(found(&mut play, &other).state, SpeechState::Completed(_)), "it was next");
    play.stage.advance(10_000 * many.len() as i64 + 60_000);
    assert!(many.iter().all(|job| found(&mut play, job).is_final()));
    assert_eq!(assets(&mut play), many.len() as u64);
}

#[test]
fn of_many_organizations_each_has_its_turn() {
    let mut play = Play::new("0s");
    play.stage.speech.set_takes_ms(10_000);
    for org in [ORG, "acme"] {
        (0..50).for_each(|_| drop(submit(&mut play, org).unwrap()));
    }
    let others: Vec<_> = ["one", "two", "three"].map(|org| submit(&mut play, org).unwrap()).into();
    play.stage.advance(60_500);
    for job in others {
        assert!(matches!(found(&mut play, &job).state, SpeechState::Completed(_)), "{}", job.org.as_str());
    }
}

#[test]
fn what_is_spoken_elsewhere_holds_up_nothing_that_is_spoken_here() {
    let mut play = Play::new("0s");
    play.stage.speech.set_takes_ms(1_000);
    play.stage.speech.set_elsewhere_takes_ms(500_000);
    let slow = submit_to(&mut play, ORG, "v1").unwrap();
    let quick = submit(&mut play, ORG).unwrap();
    play.stage.advance(2_000);
    assert!(matches!(found(&mut play, &quick).state, SpeechState::Completed(_)));
    assert_eq!(found(&mut play, &slow).state, SpeechState::Processing);
    play.stage.advance(500_000);
    assert!(matches!(found(&mut play, &slow).state, SpeechState::Completed(_)));
}
