//! The disk is full, or the database busy, for a while.
use postsync_core::generation::Status;
use postsync_engine::SubmitError;
use postsync_engine::ports::StoreError;
use postsync_sim::world::{Reply, Work, WorkResult};
use postsync_sim::{INSTANT_MODEL, SLOW_MODEL, Stage};

use crate::play::{ORG, Play, URL};

#[test]
fn an_end_that_could_not_be_written_is_written_later() {
    for error in [StoreError::Full, StoreError::Busy, StoreError::Failed("once".to_owned())] {
        let mut play = Play::new("0s,1m");
        play.stage.slow.script([Work { takes_ms: 1_000, result: WorkResult::Done }]);
        let id = play.submit(SLOW_MODEL, Some(URL));
        play.stage.run_ready();
        play.stage.store.refuse_for(30_000, error);
        play.stage.advance(29_000);
        assert_eq!(play.generation(id).status(), Status::Processing);
        assert!(play.posts().is_empty(), "nothing leaves that is not on disk");
        play.stage.advance(2_000);
        assert_eq!(play.generation(id).status(), Status::Completed);
        assert!(play.is_delivered(id));
        assert_eq!(play.posts().len(), 1);
    }
}

#[test]
fn an_outcome_that_could_not_be_written_is_not_forgotten() {
    let mut play = Play::new("0s,5s");
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(1_000)]);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.run_ready();
    play.stage.store.refuse_for(60_000, StoreError::Full);
    play.stage.advance(120_000);
    assert_eq!(play.log(id), [("delivered", 0)]);
    assert_eq!(play.posts().len(), 1);
}

#[test]
fn a_start_that_could_not_be_written_sends_nothing_and_is_tried_again() {
    let mut play = Play::new("0s,5s");
    play.stage.receivers.script(URL, [Reply::status(500)]);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(1_000);
    play.stage.store.refuse_for(59_000, StoreError::Busy);
    play.stage.advance(58_000);
    assert_eq!(play.posts().len(), 1);
    play.stage.advance(3_000);
    assert_eq!(play.log(id), [("failed", 0), ("delivered", 1)]);
}

#[test]
fn a_create_that_could_not_be_written_is_refused_and_leaves_nothing() {
    let mut play = Play::new("0s");
    play.stage.store.refuse_for(1_000, StoreError::Full);
    let (engine, new) = (play.engine(), Stage::request(ORG, INSTANT_MODEL, Some(URL)));
    let answer = play.stage.run(0, async move { engine.submit(new, Vec::new()).await });
    assert!(matches!(answer, Some(Err(SubmitError::Store(StoreError::Full)))), "{answer:?}");
    play.stage.advance(60_000);
    assert!(play.stage.is_settled() && play.posts().is_empty());
}

#[test]
fn a_start_of_the_server_on_a_disk_that_refuses_starts_nothing() {
    let mut play = Play::new("0s");
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(60_000)]);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(1_000);
    play.stage.store.refuse_for(1_000, StoreError::Busy);
    play.crash_and_restart();
    assert!(play.stage.engine().is_none());
    play.stage.clock.advance(1_000);
    play.crash_and_restart();
    play.stage.run_ready();
    assert_eq!(play.log(id), [("interrupted", 0), ("delivered", 0)]);
}
