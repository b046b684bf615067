//! The server is asked to stop: what can end does, the rest is handed back, and all of that is on disk.
use std::time::Duration;

use postsync_core::generation::Status;
use postsync_core::ids::OrgId;
use postsync_core::outcome::SendError;
use postsync_engine::ports::StoreError;
use postsync_engine::{Bounds, Settings, SubmitError};
use postsync_sim::world::{Reply, Work, WorkResult};
use postsync_sim::{Fact, INSTANT_MODEL, SLOW_MODEL, Stage};

use crate::play::{ORG, Play, URL};

/// Stops, exits, and gives how long the stop took.
fn stop(play: &mut Play) -> i64 {
    let (engine, began_ms) = (play.engine(), play.stage.clock.mono_ms());
    play.stage.witness.tell(&Fact::StopBegan);
    play.stage.run(60_000, async move { engine.stop().await }).expect("a stop is bounded");
    play.stage.witness.tell(&Fact::StopReturned);
    play.stage.exit();
    play.stage.clock.mono_ms() - began_ms
}

#[test]
fn what_ends_within_the_grace_ends_and_nothing_waits_longer() {
    let mut play = Play::new("0s");
    play.stage.slow.script([Work { takes_ms: 3_000, result: WorkResult::Done }]);
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(2_000)]);
    let id = play.submit(SLOW_MODEL, Some(URL));
    play.stage.run_ready();
    assert_eq!(stop(&mut play), 5_000);
    assert!(play.is_delivered(id));
}

#[test]
fn an_idle_server_stops_at_once() {
    assert_eq!(stop(&mut Play::new("0s")), 0);
}

#[test]
fn work_is_handed_back_uncounted_and_the_next_start_takes_it_up() {
    for (result, ms) in [(WorkResult::Hangs, 20_000), (WorkResult::IsDeaf, 23_000)] {
        let mut play = Play::new("0s");
        for _ in 0..4 {
            play.stage.slow.script([Work { takes_ms: 0, result }]);
        }
        let id = play.submit(SLOW_MODEL, Some(URL));
        for _ in 0..4 {
            play.stage.advance(1_000);
            assert_eq!(stop(&mut play), ms);
            let generation = play.generation(id);
            assert_eq!((generation.status(), generation.tries), (Status::Pending, 0));
            assert!(play.stage.media.folders().is_empty());
            play.start();
        }
        play.stage.run_ready();
        assert_eq!(play.generation(id).status(), Status::Completed);
    }
}

#[test]
fn an_attempt_that_outlasts_the_grace_is_cut_and_made_again() {
    let settings = Settings { shutdown_grace: Duration::from_secs(2), ..Settings::default() };
    let mut play = Play::with(settings, Bounds::default());
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(10_000)]);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.run_ready();
    assert_eq!(stop(&mut play), 2_000);
    assert_eq!(play.log(id), [("interrupted", 0)]);
    play.start();
    play.stage.run_ready();
    assert_eq!(play.log(id), [("interrupted", 0), ("delivered", 0)]);
    let end = play.delivery(id).attempts[0].end.clone().unwrap();
    assert_eq!(end.error, Some(SendError::ShuttingDown));
    assert!(end.message.contains("may have been received"), "{}", end.message);
}

#[test]
fn an_answer_counts_once_its_head_is_complete() {
    for (status, log) in [(200, ("delivered", 0)), (500, ("failed", 0))] {
        let settings = Settings { shutdown_grace: Duration::from_secs(2), ..Settings::default() };
        let mut play = Play::with(settings, Bounds::default());
        play.stage.receivers.script(URL, [Reply::status(status).after_ms(500).with_body_ms(10_000)]);
        let id = play.submit(INSTANT_MODEL, Some(URL));
        play.stage.run_ready();
        assert_eq!(stop(&mut play), 2_000);
        assert_eq!(play.log(id), [log]);
        let end = play.delivery(id).attempts[0].end.clone().unwrap();
        assert_eq!(end.http_status, Some(status));
        assert!(end.message.contains("its head decides"), "{}", end.message);
        play.start();
        play.stage.run_ready();
        assert_eq!(play.posts().len(), 1, "nothing is sent again at once");
    }
}

#[test]
fn an_end_whose_receivers_nobody_can_read_is_handed_back() {
    let mut play = Play::new("0s");
    let org = OrgId::new(ORG);
    let damage = |play: &Play, error| play.stage.store.set_endpoints_damaged(org.clone(), error);
    play.stage.slow.script([Work { takes_ms: 3_000, result: WorkResult::Done }; 2]);
    let id = play.submit(SLOW_MODEL, Some(URL));
    damage(&play, Some(StoreError::Failed("no such page".to_owned())));
    play.stage.advance(60_000);
    assert_eq!(play.generation(id).status(), Status::Processing, "its end waits");
    assert_eq!(stop(&mut play), 20_000);
    let generation = play.generation(id);
    assert_eq!((generation.status(), generation.tries), (Status::Pending, 0));
    assert_eq!(play.stage.media.kept(), [], "nothing names its video");
    damage(&play, None);
    play.start();
    play.stage.advance(4_000);
    assert!(play.is_delivered(id));
}

#[test]
fn a_failure_that_is_handed_back_takes_no_start_back() {
    let mut play = Play::new("0s");
    let org = OrgId::new(ORG);
    play.stage.slow.script([Work { takes_ms: 10, result: WorkResult::Died }; 3]);
    play.stage.store.set_endpoints_damaged(org.clone(), Some(StoreError::Failed("no such page".to_owned())));
    let id = play.submit(SLOW_MODEL, Some(URL));
    play.stage.advance(1_000);
    assert_eq!((play.generation(id).tries, play.generation(id).status()), (3, Status::Processing), "its end waits");
    stop(&mut play);
    play.stage.store.set_endpoints_damaged(org, None);
    play.start();
    play.stage.run_ready();
    assert_eq!(play.generation(id).status(), Status::Failed, "it is not tried a fourth time");
}

#[test]
fn stops_use_no_step_however_many_there_are() {
    let settings = Settings { shutdown_grace: Duration::from_secs(2), ..Settings::default() };
    let mut play = Play::with(settings, Bounds::default());
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(10_000); 6]);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    for _ in 0..6 {
        play.stage.run_ready();
        stop(&mut play);
        play.start();
    }
    play.stage.run_ready();
    let log = play.log(id);
    assert_eq!((log.len(), log.iter().all(|(_, step)| *step == 0)), (7, true), "{log:?}");
    assert!(play.is_delivered(id));
}

#[test]
fn a_server_that_stops_takes_nothing_new_and_answers_who_waits() {
    let mut play = Play::new("0s");
    play.stage.slow.script([Work { takes_ms: 10_000, result: WorkResult::Done }]);
    let id = play.submit(SLOW_MODEL, None);
    let engine = play.engine();
    engine.refuse_new();
    assert!(!engine.is_accepting());
    let new = Stage::request(ORG, INSTANT_MODEL, None);
    let answer = play.stage.run(0, async move { engine.submit(new, Vec::new()).await });
    assert!(matches!(answer, Some(Err(SubmitError::Stopping))), "{answer:?}");
    let engine = play.engine();
    let org = play.generation(id).org;
    let waited = play.stage.run(0, async move { engine.wait_for_end(&org, id, Duration::from_secs(60)).await });
    assert_eq!(waited.map(|answer| answer.unwrap().unwrap().status()), Some(Status::Processing));
}
