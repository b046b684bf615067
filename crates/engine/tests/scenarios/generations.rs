//! From the create to the end of a generation that goes well.
use std::time::Duration;

use postsync_core::generation::{Ending, State, Status};
use postsync_core::ids::OrgId;
use postsync_engine::{Bounds, Settings};
use postsync_sim::world::{Work, WorkResult};
use postsync_sim::{INSTANT_MODEL, SLOW_MODEL, Stage};

use crate::play::{ORG, Play, URL, body};

const DONE_IN_3_S: Work = Work { takes_ms: 3_000, result: WorkResult::Done };

#[test]
fn passthrough_goes_from_door_to_door_without_time_passing() {
    let mut play = Play::new("0s,5s");
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.run_ready();
    assert_eq!(play.generation(id).status(), Status::Completed);
    assert!(play.is_delivered(id));
    let posts = play.posts();
    let (at_ms, post) = &posts[0];
    assert_eq!((posts.len(), *at_ms, post.attempt, post.url.as_str()), (1, 0, 1, URL));
    let body = body(post);
    assert_eq!(body["id"], id.to_string());
    assert_eq!(body["status"], "COMPLETED");
    assert_eq!(body["outputUrl"], "https://in.example/v.mp4");
}

#[test]
fn a_slow_work_shows_its_progress_and_leaves_its_video_and_no_folder() {
    let mut play = Play::new("0s");
    play.stage.slow.script([DONE_IN_3_S]);
    let id = play.submit(SLOW_MODEL, Some(URL));
    play.stage.advance(1_000);
    assert_eq!(play.generation(id).status(), Status::Processing);
    assert_eq!((play.engine().progress_percent(id), play.stage.media.folders()), (Some(50), vec![id]));
    play.stage.advance(2_000);
    let State::Ended(_, Ending::Completed(output)) = play.generation(id).state else { panic!("not completed") };
    assert_eq!(play.stage.media.kept(), [output.media.unwrap()]);
    assert_eq!((play.engine().progress_percent(id), play.stage.media.folders()), (None, vec![]));
    assert_eq!(body(&play.posts()[0].1)["outputDuration"], 9.98);
}

#[test]
fn who_wants_no_webhook_gets_none() {
    let mut play = Play::new("0s");
    let id = play.submit(INSTANT_MODEL, None);
    play.stage.advance(60_000);
    assert_eq!(play.generation(id).status(), Status::Completed);
    assert!(play.posts().is_empty() && play.stage.is_settled());
}

#[test]
fn a_wait_ends_with_its_generation_and_not_with_its_timeout() {
    let mut play = Play::new("0s");
    play.stage.slow.script([DONE_IN_3_S]);
    let id = play.submit(SLOW_MODEL, None);
    let began_ms = play.stage.clock.mono_ms();
    for (timeout_s, status, waited_ms) in [(1, Status::Processing, 1_000), (60, Status::Completed, 3_000)] {
        let engine = play.engine();
        let timeout = Duration::from_secs(timeout_s);
        let waited = play.stage.run(90_000, async move { engine.wait_for_end(&OrgId::new(ORG), id, timeout).await });
        assert_eq!(waited.unwrap().unwrap().unwrap().status(), status);
        assert_eq!(play.stage.clock.mono_ms() - began_ms, waited_ms);
    }
}

#[test]
fn a_wait_for_what_is_not_there_is_answered_at_once() {
    let mut play = Play::new("0s");
    let id = play.submit(SLOW_MODEL, None);
    let engine = play.engine();
    let other = OrgId::new("o2");
    let waited = play.stage.run(0, async move { engine.wait_for_end(&other, id, Duration::from_secs(60)).await });
    assert_eq!(waited, Some(Ok(None)));
}

#[test]
fn what_does_not_fit_into_memory_is_read_back() {
    let mut play = Play::with(Settings::default(), Bounds { waiting_max: 3, read_max: 2, ..Bounds::default() });
    play.stage.slow.script([DONE_IN_3_S; 40]);
    let ids: Vec<_> = (0..20).map(|_| play.submit(SLOW_MODEL, None)).collect();
    play.stage.advance(3_000);
    let done = |play: &Play| ids.iter().filter(|id| play.generation(**id).is_final()).count();
    assert_eq!(done(&play), 2, "as many at once as the generator takes");
    play.stage.advance(10 * 3_000);
    assert_eq!(done(&play), 20);
}

#[test]
fn who_waits_in_the_store_is_not_overtaken_by_what_keeps_arriving() {
    for restarts in [false, true] {
        let mut play = Play::with(Settings::default(), Bounds { waiting_max: 3, read_max: 2, ..Bounds::default() });
        play.stage.slow.script([DONE_IN_3_S; 400]);
        let old: Vec<_> = (0..20).map(|_| play.submit(SLOW_MODEL, None)).collect();
        if restarts {
            play.crash_and_restart();
        }
        // Three arrive where two are done: the line never ends.
        for _ in 0..12 {
            for _ in 0..3 {
                play.submit(SLOW_MODEL, None);
            }
            play.stage.advance(3_000);
        }
        let waiting = old.iter().filter(|id| !play.generation(**id).is_final()).count();
        assert_eq!(waiting, 0, "of the oldest, in spite of as much time as they need (restarts: {restarts})");
    }
}

#[test]
fn memory_holds_so_many_bytes_of_what_waits_and_leaves_the_rest_to_the_store() {
    let bounds = Bounds { waiting_bytes_max: 100_000, ..Bounds::default() };
    let mut play = Play::with(Settings::default(), bounds);
    play.stage.slow.script([DONE_IN_3_S; 40]);
    let ids: Vec<_> = (0..20)
        .map(|_| {
            let mut new = Stage::request(ORG, SLOW_MODEL, None);
            new.request.options = Some(format!("{{\"x\":\"{}\"}}", "x".repeat(40_000)));
            play.submit_this(new)
        })
        .collect();
    play.stage.run_ready();
    let held_bytes = play.engine().waiting_bytes();
    assert!((1..=100_000).contains(&held_bytes), "{held_bytes} bytes are held");
    play.stage.advance(11 * 3_000);
    assert!(ids.iter().all(|id| play.generation(*id).is_final()), "a generation was forgotten");
    assert_eq!(play.engine().waiting_bytes(), 0);
}

#[test]
fn large_ones_are_read_back_in_pages_that_fit() {
    let mut play = Play::new("0s");
    play.stage.slow.script([DONE_IN_3_S; 40]);
    let ids: Vec<_> = (0..20)
        .map(|_| {
            let mut new = Stage::request(ORG, SLOW_MODEL, None);
            new.request.options = Some(format!("{{\"x\":\"{}\"}}", "x".repeat(1_000_000)));
            play.submit_this(new)
        })
        .collect();
    play.crash_and_restart();
    let held_bytes = play.engine().waiting_bytes();
    assert!((1..10_000_000).contains(&held_bytes), "{held_bytes} bytes are held");
    play.stage.advance(11 * 3_000);
    assert!(ids.iter().all(|id| play.generation(*id).is_final()), "a generation was forgotten");
}

#[test]
fn what_overflows_while_the_store_is_read_is_read_as_well() {
    let mut play = Play::with(Settings::default(), Bounds { waiting_max: 3, read_max: 2, ..Bounds::default() });
    play.stage.slow.script([DONE_IN_3_S; 60]);
    for _ in 0..12 {
        play.submit(SLOW_MODEL, None);
    }
    play.stage.advance(6_000);
    // Set back, the wall clock gives ids that lie before the place where the reading is.
    play.stage.clock.set_wall_ahead_ms(-60_000);
    let late: Vec<_> = (0..12).map(|_| play.submit(SLOW_MODEL, None)).collect();
    play.stage.advance(24 * 3_000);
    assert!(late.iter().all(|id| play.generation(*id).is_final()), "a generation was forgotten");
}
