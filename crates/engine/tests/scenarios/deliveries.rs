//! When deliveries are attempted, and when they end.
use std::sync::Arc;
use std::time::Duration;

use postsync_core::delivery::{ExhaustedReason, State};
use postsync_core::outcome::{Outcome, RetryAfter, SendError};
use postsync_core::schedule::Schedule;
use postsync_core::terms::Terms;
use postsync_engine::{Bounds, Settings};
use postsync_sim::INSTANT_MODEL;
use postsync_sim::Stage;
use postsync_sim::world::{Mood, Reply};

use crate::play::{ORG, Play, URL};

const HOUR_MS: i64 = 3_600_000;

fn later(status: u16, ms: i64) -> Reply {
    Reply::of(Outcome::Refused { status, retry_after: Some(RetryAfter::Ms(ms)) })
}

#[test]
fn the_default_schedule_is_kept_for_three_days_and_then_it_ends() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    play.stage.receivers.set_mood(URL, Mood::Broken);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(80 * HOUR_MS);
    let (times_ms, schedule) = (play.post_times_ms(), Schedule::default());
    assert_eq!(times_ms.len(), 11, "{times_ms:?}");
    for (step, at_ms) in (0..).zip(&times_ms) {
        let (point_ms, gap_ms) = (schedule.point_ms(step).unwrap(), schedule.gap_ms(step));
        assert!((at_ms - point_ms).abs() <= gap_ms / 10, "step {step} was made at {at_ms} ms");
    }
    // Eight failures in a row have opened the circuit: from then on it waited for a receiver that was down.
    let State::Exhausted(_, ExhaustedReason::DestinationDown) = play.delivery(id).delivery.state else {
        panic!("{:?}", play.delivery(id).delivery)
    };
    let attempts: Vec<u32> = play.posts().iter().map(|(_, post)| post.attempt).collect();
    assert_eq!(attempts, (1..=11).collect::<Vec<_>>());
}

#[test]
fn a_receiver_that_recovers_gets_the_same_bytes_under_the_next_number() {
    let mut play = Play::new("0s,5s,1m");
    play.stage.receivers.script(URL, [Reply::status(500), Reply::status(302), Reply::status(204)]);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(70_000);
    assert_eq!(play.log(id), [("failed", 0), ("failed", 1), ("delivered", 2)]);
    let posts = play.posts();
    assert!(posts.windows(2).all(|w| w[0].1.body == w[1].1.body && w[0].1.event == w[1].1.event));
}

#[test]
fn gone_ends_it_at_once() {
    let mut play = Play::new("0s,5s,1m");
    play.stage.receivers.set_mood(URL, Mood::Gone);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(HOUR_MS);
    assert_eq!(play.posts().len(), 1);
    assert!(matches!(play.delivery(id).delivery.state, State::Exhausted(_, ExhaustedReason::Gone)));
}

#[test]
fn retry_after_is_kept_and_one_last_attempt_follows_a_long_one() {
    let mut play = Play::new("0s,5s,1m");
    play.stage.receivers.script(URL, [later(503, 20_000), later(429, 600_000), Reply::status(500)]);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(HOUR_MS);
    assert_eq!(play.post_times_ms(), [0, 20_000, 620_000]);
    assert_eq!(play.log(id), [("failed", 0), ("failed", 1), ("failed", 2)]);
}

#[test]
fn a_schedule_may_begin_later_than_at_once() {
    let mut play = Play::new("5s,10s");
    play.stage.receivers.set_mood(URL, Mood::Broken);
    play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(HOUR_MS);
    let times_ms = play.post_times_ms();
    assert_eq!((times_ms.len(), times_ms[0]), (2, 5_000));
}

#[test]
fn one_step_is_one_attempt() {
    let mut play = Play::new("0s");
    play.stage.receivers.script(URL, [later(503, 1_000)]);
    play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(HOUR_MS);
    assert_eq!(play.posts().len(), 1);
}

#[test]
fn our_own_faults_use_no_step() {
    let mut play = Play::new("0s,1m");
    let unresolved = Reply { received: false, ..Reply::of(Outcome::Failed(SendError::ResolverDown)) };
    play.stage.receivers.script(URL, [unresolved, unresolved, Reply::status(500), Reply::status(200)]);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(90_000);
    assert_eq!(play.log(id), [("own_fault", 0), ("own_fault", 0), ("failed", 0), ("delivered", 1)]);
    assert_eq!(play.post_times_ms()[..3], [0, 5_000, 15_000]);
}

#[test]
fn each_organization_signs_with_its_own_secret_and_keeps_it() {
    let mut play = Play::new("0s");
    for org in [ORG, "o2", ORG, "o2"] {
        play.submit_this(Stage::request(org, INSTANT_MODEL, Some(URL)));
        play.stage.run_ready();
    }
    play.crash_and_restart();
    play.submit(INSTANT_MODEL, Some(URL));
    play.stage.run_ready();
    let secrets: Vec<String> =
        play.posts().iter().map(|(_, post)| post.signing.current.secret.expose().to_owned()).collect();
    assert_ne!(secrets[0], secrets[1]);
    assert_eq!((&secrets[2], &secrets[3], &secrets[4]), (&secrets[0], &secrets[1], &secrets[0]));
}

#[test]
fn no_more_are_under_way_than_there_are_slots_and_the_rest_follows() {
    let mut play = Play::with(Settings { in_flight_max: 3, ..Settings::default() }, Bounds::default());
    // Each to a receiver of its own: to one of them only two would go at first.
    for n in 0..8 {
        let url = format!("https://r{n}.example/hook");
        play.stage.receivers.script(&url, [Reply::status(200).after_ms(10_000)]);
        play.submit(INSTANT_MODEL, Some(&url));
    }
    play.stage.advance(9_999);
    assert_eq!(play.posts().len(), 3);
    play.stage.advance(20_001);
    assert_eq!(play.posts().len(), 8);
}

#[test]
fn what_comes_to_lie_behind_the_cursor_waits_for_one_round_at_most() {
    let mut play = Play::with(Settings { in_flight_max: 1, ..Settings::default() }, Bounds::default());
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(1_000); 2_000]);
    // More than a page, so that the round goes on behind a cursor.
    for _ in 0..300 {
        play.submit(INSTANT_MODEL, Some(URL));
    }
    play.stage.clock.set_wall_ahead_ms(-10_000);
    let behind = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.run_ready();
    play.stage.clock.set_wall_ahead_ms(0);
    // Two arrive where one is sent: a round that took them in as well would never end.
    for _ in 0..310 {
        for _ in 0..2 {
            play.submit(INSTANT_MODEL, Some(URL));
        }
        play.stage.advance(1_000);
    }
    assert!(play.is_delivered(behind));
}

#[test]
fn a_wall_clock_that_is_set_back_delays_and_loses_nothing() {
    let mut play = Play::new("0s,5s");
    play.stage.receivers.script(URL, [Reply::status(500)]);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.run_ready();
    play.stage.clock.set_wall_ahead_ms(-HOUR_MS);
    play.stage.advance(HOUR_MS);
    assert!(!play.is_delivered(id));
    play.stage.advance(10_000);
    assert!(play.is_delivered(id));
}

#[test]
fn a_generation_may_have_a_schedule_and_a_timeout_of_its_own() {
    let mut play = Play::new("0s,1h,2h");
    play.stage.receivers.set_mood(URL, Mood::Broken);
    let mut new = Stage::request(ORG, INSTANT_MODEL, Some(URL));
    new.request.terms =
        Terms { schedule: Some(Arc::new(Schedule::parse("10s,30s").unwrap())), timeout: Some(Duration::from_secs(3)) };
    let own = play.submit_this(new);
    play.stage.advance(20_000);
    play.crash_and_restart();
    play.stage.advance(4 * HOUR_MS);
    let at_ms = play.post_times_ms();
    assert_eq!(at_ms.len(), 2, "{at_ms:?}");
    // The first point has no gap that jitter could be a share of; the second may be two seconds off.
    assert!(at_ms[0] == 10_000 && (at_ms[1] - 30_000).abs() <= 2_000, "{at_ms:?}");
    assert!(matches!(play.delivery(own).delivery.state, State::Exhausted(_, ExhaustedReason::ScheduleEnded)));
    assert!(play.posts().iter().all(|(_, post)| post.timeout == Duration::from_secs(3)));
}
