//! What becomes of a generation that its owner cancels, wherever it is, and of one that is removed.
use postsync_core::error_code::GENERATION_CANCELED;
use postsync_core::generation::{Generation, Status};
use postsync_core::ids::{GenerationId, OrgId};
use postsync_engine::{CancelError, RemoveError};
use postsync_sim::world::{DRIPPING_HOST, Work, WorkResult};
use postsync_sim::{INSTANT_MODEL, SLOW_MODEL, Stage};

use crate::play::{ORG, Play, URL, body};

const HOUR: Work = Work { takes_ms: 3_600_000, result: WorkResult::Done };

fn cancel(play: &mut Play, org: &str, id: GenerationId) -> Result<Generation, CancelError> {
    let (engine, org) = (play.engine(), OrgId::new(org));
    play.stage.run(1_000, async move { engine.cancel(&org, id).await }).expect("an answer")
}

fn remove(play: &mut Play, org: &str, id: GenerationId) -> Result<(), RemoveError> {
    let (engine, org) = (play.engine(), OrgId::new(org));
    play.stage.run(1_000, async move { engine.remove_generation(&org, id).await }).expect("an answer")
}

/// It is over, its webhook says why, and the place is free for the next one.
fn is_over(play: &mut Play, id: GenerationId) {
    assert_eq!(play.failed_with(id), GENERATION_CANCELED);
    play.stage.advance(1_000);
    assert!(play.is_delivered(id));
    let posts = play.posts();
    let told: Vec<_> = posts.iter().map(|(_, post)| body(post)).filter(|body| body["id"] == id.to_string()).collect();
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["status"], &told[0]["error_code"]), (&"FAILED".into(), &"generation_canceled".into()));
    assert_eq!(play.engine().progress_percent(id), None);
    assert!(!play.stage.media.folders().contains(&id), "its folder is gone");
}

#[test]
fn work_stops_within_a_second_also_where_it_is_deaf() {
    let deaf = Work { takes_ms: 0, result: WorkResult::IsDeaf };
    for work in [HOUR, Work { takes_ms: 0, result: WorkResult::Hangs }, deaf] {
        let mut play = Play::new("0s");
        play.stage.slow.script([work]);
        let id = play.submit(SLOW_MODEL, Some(URL));
        play.stage.advance(1_000);
        assert_eq!(play.generation(id).status(), Status::Processing);
        let canceled = cancel(&mut play, ORG, id).unwrap();
        assert_eq!(canceled, play.generation(id));
        is_over(&mut play, id);
        let next = play.submit(SLOW_MODEL, None);
        play.stage.advance(1_000);
        assert_eq!(play.generation(next).status(), Status::Completed, "its place is free");
    }
}

#[test]
fn what_has_its_inputs_fetched_is_canceled_too() {
    let mut play = Play::new("0s");
    play.stage.fetch.set_host_drips(true);
    let mut new = Stage::request(ORG, SLOW_MODEL, Some(URL));
    new.request.input = new.request.input.replace("in.example", DRIPPING_HOST);
    let id = play.submit_this(new);
    play.stage.advance(60_000);
    assert_eq!(play.generation(id).status(), Status::Pending);
    assert!(play.stage.media.folders().contains(&id), "it is being fetched");
    cancel(&mut play, ORG, id).unwrap();
    is_over(&mut play, id);
}

#[test]
fn what_waits_for_its_turn_is_canceled_and_never_made() {
    let mut play = Play::new("0s");
    // More than are begun at once: some wait for a place, some in the backlog.
    play.stage.slow.script(vec![HOUR; 40]);
    let ids: Vec<_> = (0..40).map(|_| play.submit(SLOW_MODEL, Some(URL))).collect();
    play.stage.advance(1_000);
    let (first, waiting) = (ids[0], &ids[1..]);
    assert_eq!(play.generation(first).status(), Status::Processing);
    for id in waiting.iter().rev() {
        cancel(&mut play, ORG, *id).unwrap();
    }
    waiting.iter().for_each(|id| is_over(&mut play, *id));
    cancel(&mut play, ORG, first).unwrap();
    let after = play.submit(INSTANT_MODEL, None);
    play.stage.advance(10_000);
    assert_eq!(play.generation(after).status(), Status::Completed);
    assert!(play.stage.is_settled());
}

#[test]
fn what_has_ended_or_is_anothers_is_not_canceled() {
    let mut play = Play::new("0s");
    let done = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.slow.script([HOUR]);
    let working = play.submit(SLOW_MODEL, None);
    play.stage.advance(1_000);
    let before = play.generation(done);
    assert!(matches!(cancel(&mut play, ORG, done), Err(CancelError::Ended)));
    assert_eq!(play.generation(done), before);
    assert!(matches!(cancel(&mut play, "o2", working), Err(CancelError::Unknown)));
    assert_eq!(play.generation(working).status(), Status::Processing);
    cancel(&mut play, ORG, working).unwrap();
    assert!(matches!(cancel(&mut play, ORG, working), Err(CancelError::Ended)));
}

#[test]
fn a_cancel_survives_a_crash_right_after_it() {
    let mut play = Play::new("0s");
    play.stage.slow.script([HOUR, HOUR]);
    let id = play.submit(SLOW_MODEL, Some(URL));
    play.stage.advance(1_000);
    cancel(&mut play, ORG, id).unwrap();
    play.crash_and_restart();
    play.stage.advance(60_000);
    assert_eq!(play.failed_with(id), GENERATION_CANCELED);
    assert!(play.is_delivered(id));
}

#[test]
fn what_is_removed_takes_its_video_along_and_its_webhook_is_delivered() {
    let mut play = Play::new("0s,1m");
    let removed = play.submit(SLOW_MODEL, None);
    play.stage.advance(1_000);
    assert_eq!(play.stage.media.kept().len(), 1);
    assert!(matches!(remove(&mut play, "o2", removed), Err(RemoveError::Unknown)));
    remove(&mut play, ORG, removed).unwrap();
    assert!(play.stage.media.kept().is_empty());
    assert!(matches!(remove(&mut play, ORG, removed), Err(RemoveError::Unknown)));

    play.stage.receivers.set_mood(URL, postsync_sim::world::Mood::Broken);
    let told = play.submit(SLOW_MODEL, Some(URL));
    play.stage.advance(1_000);
    remove(&mut play, ORG, told).unwrap();
    play.stage.receivers.set_mood(URL, postsync_sim::world::Mood::Healthy);
    play.stage.advance(120_000);
    assert_eq!(play.posts().len(), 2, "refused once, then taken");
    assert_eq!(body(&play.posts()[1].1)["id"], told.to_string());

    play.stage.slow.script([HOUR]);
    let working = play.submit(SLOW_MODEL, None);
    play.stage.advance(1_000);
    assert!(matches!(remove(&mut play, ORG, working), Err(RemoveError::NotEnded)));
    assert_eq!(play.generation(working).status(), Status::Processing);
}
