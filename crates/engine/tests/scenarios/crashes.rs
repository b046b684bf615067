//! The server dies, and starts again on the same disk.
use postsync_core::generation::{Ending, State, Status};
use postsync_core::ids::MediaId;
use postsync_core::time::Timestamp;
use postsync_sim::world::{Reply, Work, WorkResult};
use postsync_sim::{INSTANT_MODEL, SLOW_MODEL};

use crate::play::{Play, URL};

#[test]
fn what_was_accepted_is_taken_up() {
    let mut play = Play::new("0s");
    play.stage.slow.script([Work { takes_ms: 10_000, result: WorkResult::Done }; 2]);
    let ids = [(); 4].map(|()| play.submit(SLOW_MODEL, Some(URL)));
    play.stage.advance(1_000);
    play.crash_and_restart();
    play.stage.run_ready();
    assert!(ids.iter().all(|id| play.generation(*id).status() == Status::Completed));
    assert_eq!(play.posts().len(), 4);
}

#[test]
fn an_attempt_that_may_have_been_received_is_made_again_under_the_next_number() {
    // The crash comes before the receiver has it, or after it has it and before we know.
    let on_its_way = Reply { way_there_ms: 10_000, ..Reply::status(200) };
    for reply in [on_its_way, Reply::status(200).after_ms(10_000)] {
        let mut play = Play::new("0s,1h");
        play.stage.receivers.script(URL, [reply]);
        let id = play.submit(INSTANT_MODEL, Some(URL));
        play.stage.advance(1_000);
        assert_eq!(play.log(id), [("open", 0)]);
        play.crash_and_restart();
        play.stage.run_ready();
        assert_eq!(play.log(id), [("interrupted", 0), ("delivered", 0)]);
        let message = play.delivery(id).attempts[0].end.as_ref().unwrap().message.clone();
        assert!(message.starts_with("interrupted, may have been received"), "{message}");
        let posts = play.posts();
        assert_eq!((posts[0].1.attempt, posts[1].1.attempt), (1, 2));
        assert_eq!((&posts[0].1.body, posts[0].1.event), (&posts[1].1.body, posts[1].1.event));
    }
}

#[test]
fn three_interruptions_are_free_and_the_fourth_uses_a_step() {
    let mut play = Play::new("0s,1m");
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(10_000); 4]);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    for _ in 0..4 {
        play.stage.advance(1_000);
        play.crash_and_restart();
    }
    play.stage.advance(70_000);
    let interrupted = ("interrupted", 0);
    assert_eq!(play.log(id), [interrupted, interrupted, interrupted, interrupted, ("delivered", 1)]);
    assert!(play.post_times_ms()[4] >= 54_000, "{:?}", play.post_times_ms());
}

#[test]
fn ids_go_on_above_what_is_on_disk_also_without_time_passing() {
    let mut play = Play::new("0s");
    let first = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.run_ready();
    play.stage.clock.set_wall_ahead_ms(-60_000);
    play.crash_and_restart();
    let second = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(120_000);
    let (first, second) = (play.delivery(first).delivery, play.delivery(second).delivery);
    assert!(second.id > first.id && second.event > first.event);
    assert!(play.stage.is_settled());
}

/// As a kill leaves them that comes between keeping them and the commit that names them; older and newer than all others.
fn leave_files(play: &Play, count: u8) {
    for n in 0..count {
        let at = Timestamp(i64::from(n)).plus_ms(if n % 2 == 0 { 0 } else { 1 << 46 });
        play.stage.media.put(MediaId::new(at, [n; 10]));
    }
}

#[test]
fn files_that_nothing_names_go_at_the_next_start() {
    let mut play = Play::new("0s");
    let id = play.submit(SLOW_MODEL, None);
    play.stage.run_ready();
    let State::Ended(_, Ending::Completed(output)) = play.generation(id).state else { panic!("it is completed") };
    leave_files(&play, 200);
    play.stage.advance(60_000);
    assert_eq!(play.stage.media.kept().len(), 201, "a running server removes nothing");
    play.crash_and_restart();
    assert_eq!(play.stage.media.kept(), [output.media.unwrap()]);
}

#[test]
fn files_beside_another_database_are_kept() {
    let mut play = Play::new("0s");
    leave_files(&play, 3);
    play.crash_and_restart();
    assert_eq!(play.stage.media.kept().len(), 3, "no row speaks for this database");
    play.submit(SLOW_MODEL, None);
    play.stage.run_ready();
    leave_files(&play, 255);
    play.stage.media.put(MediaId::new(Timestamp(9), [255; 10]));
    play.stage.media.put(MediaId::new(Timestamp(10), [255; 10]));
    play.crash_and_restart();
    assert_eq!(play.stage.media.kept().len(), 258, "no crash leaves so many");
}

#[test]
fn files_on_their_way_to_their_commit_are_not_taken_for_left_ones() {
    let mut play = Play::new("0s");
    play.submit(SLOW_MODEL, None);
    play.stage.run_ready();
    leave_files(&play, 1);
    play.stage.kill();
    play.stage.begin_life();
    while play.stage.engine().is_none() {
        assert!(play.stage.step(), "the engine starts");
    }
    let id = play.engine().new_media_id();
    play.stage.media.put(id);
    play.stage.run_ready();
    play.stage.advance(60_000);
    let kept = play.stage.media.kept();
    assert!(kept.len() == 2 && kept.contains(&id), "{kept:?}");
}
