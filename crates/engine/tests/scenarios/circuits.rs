//! Receivers that are down, slow or many: who waits for whom, and who does not.
use std::collections::BTreeMap;
use std::time::Duration;

use postsync_core::delivery::{ExhaustedReason, State};
use postsync_core::generation::{NewGeneration, Request};
use postsync_core::ids::GenerationId;
use postsync_core::outcome::{Outcome, SendError};
use postsync_core::parking::ParkReason;
use postsync_core::schedule::Schedule;
use postsync_engine::ports::StoreError;
use postsync_engine::{Bounds, Settings};
use postsync_sim::world::{Mood, Reply};
use postsync_sim::{INSTANT_MODEL, Stage};

use crate::play::{ORG, Play, URL};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// On the same host as [`URL`].
const NEIGHBOUR: &str = "https://app.example/other";
const ELSEWHERE: &str = "https://other.example/hook";

/// Failures in a row that open a circuit.
const FAILURES: usize = 8;

fn many(play: &mut Play, url: &str, count: usize) -> Vec<GenerationId> {
    let ids = (0..count).map(|_| play.submit(INSTANT_MODEL, Some(url))).collect();
    play.stage.run_ready();
    ids
}

fn parked(play: &Play, ids: &[GenerationId]) -> usize {
    ids.iter().filter(|id| matches!(play.delivery(**id).delivery.state, State::Parked(..))).count()
}

fn posts_to(play: &Play, url: &str) -> Vec<i64> {
    play.posts().iter().filter(|(_, post)| post.url == url).map(|(at_ms, _)| *at_ms).collect()
}

fn unreachable_host(play: &Play, url: &str) {
    play.stage.receivers.set_mood(url, Mood::Down);
}

#[test]
fn what_is_for_a_dead_host_is_parked_and_asked_for_by_one_probe_at_a_time() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    unreachable_host(&play, URL);
    let ids = many(&mut play, URL, 40);
    play.stage.advance(10_000);
    assert!(parked(&play, &ids) >= 30, "{} are parked", parked(&play, &ids));
    let before = posts_to(&play, URL).len();
    // Probes at 5, 10, 20, 40, 80, 160 s and then each 5 minutes, one each.
    play.stage.advance(HOUR_MS);
    let probes = posts_to(&play, URL).len() - before;
    assert!((10..=22).contains(&probes), "{probes} probes in an hour");

    play.stage.receivers.set_mood(URL, Mood::Prompt);
    play.stage.advance(6 * MINUTE_MS);
    assert_eq!(parked(&play, &ids), 0);
    let waited = ids.iter().filter(|id| !play.is_delivered(**id)).count();
    // Those that were probes too, at once with the others; but not the eight whose failures opened the circuit.
    assert!(waited <= FAILURES, "{waited} wait for their next point");
    play.stage.advance(3 * HOUR_MS);
    assert!(ids.iter().all(|id| play.is_delivered(*id)));
    // Whoever waited has lost nothing by it: one attempt, at its first step.
    let untouched = ids.iter().filter(|id| play.log(**id) == [("delivered", 0)]).count();
    assert!(untouched >= 15, "{untouched} were delivered by their first attempt");
}

#[test]
fn each_is_a_probe_once_between_two_of_its_points_and_then_what_is_new_is_one() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    unreachable_host(&play, URL);
    // Its eighth failure, after 8 hours, opens the circuit; its next point is 12 hours away, so nothing is parked.
    let old = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(8 * HOUR_MS + HOUR_MS / 2);
    assert_eq!(play.log(old).len(), FAILURES);
    // Its point may have been half an hour late: by then the first probe may be asked for.
    play.stage.advance(6 * MINUTE_MS);
    let first = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(1_000);
    assert_eq!((play.log(first), parked(&play, &[first])), (vec![("failed", 0)], 1), "it is the probe");
    // A probe again after its point at 5 s, and then not before its point at a minute.
    play.stage.advance(35_000);
    assert_eq!(play.log(first), [("failed", 0); 2]);
    let second = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(1_000);
    assert_eq!((play.log(second).len(), play.log(first).len()), (1, 2), "what is new is the probe");
    play.stage.receivers.set_mood(URL, Mood::Prompt);
    play.stage.advance(2 * MINUTE_MS);
    assert!(play.is_delivered(first) && play.is_delivered(second));
}

/// Forty webhooks of one organization on a host, one each half second: how long each waits for its POST. None is ever parked.
fn waits_of_a_neighbour(play: &mut Play) -> Vec<i64> {
    let mut waits = Vec::new();
    for _ in 0..40 {
        let began_ms = play.stage.clock.mono_ms();
        let id = play.submit_this(Stage::request("o2", INSTANT_MODEL, Some(NEIGHBOUR)));
        play.stage.run_ready();
        let posts = posts_to(play, NEIGHBOUR);
        assert_eq!(posts.len(), waits.len() + 1, "it is sent at once");
        waits.extend(posts.last().map(|at_ms| at_ms - began_ms));
        play.stage.advance(500);
        assert_eq!(play.log(id), [("delivered", 0)]);
    }
    waits
}

#[test]
fn one_tenants_broken_url_is_not_its_neighbours() {
    let mut alone = Play::with(Settings::default(), Bounds::default());
    let undisturbed = waits_of_a_neighbour(&mut alone);
    for slow_ms in [0, 2_000, 14_000] {
        let mut play = Play::with(Settings::default(), Bounds { queue_max: 400, ..Bounds::default() });
        // It has more due than memory holds for it, and takes its time to say 500.
        play.stage.receivers.script(URL, [Reply::status(500).after_ms(slow_ms); 2_000]);
        let broken = many(&mut play, URL, 400);
        assert_eq!(waits_of_a_neighbour(&mut play), undisturbed, "500 after {slow_ms} ms");
        let ended = |id: &&GenerationId| matches!(play.delivery(**id).delivery.state, State::Exhausted(..));
        assert_eq!(broken.iter().filter(ended).count(), 0);
        assert!(parked(&play, &broken) >= 100, "{} are parked", parked(&play, &broken));
    }
}

#[test]
fn one_that_begins_to_hang_leaves_places_on_a_host_that_is_shared() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    // Its window is as wide as can be, and then none of them comes back for a minute.
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(100); 200]);
    many(&mut play, URL, 200);
    play.submit_this(Stage::request("o2", INSTANT_MODEL, Some(NEIGHBOUR)));
    play.stage.advance(60_000);
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(14_000); 60]);
    let before = posts_to(&play, URL).len();
    many(&mut play, URL, 60);
    assert_eq!(posts_to(&play, URL).len() - before, 24, "three quarters");
    let id = play.submit_this(Stage::request("o2", INSTANT_MODEL, Some(NEIGHBOUR)));
    play.stage.run_ready();
    play.stage.advance(100);
    assert!(play.is_delivered(id));
}

#[test]
fn a_host_that_is_down_holds_back_all_of_its_endpoints() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    unreachable_host(&play, URL);
    unreachable_host(&play, NEIGHBOUR);
    many(&mut play, URL, FAILURES + 4);
    // Longer than so many failures take one after the other, shorter than until the first probe.
    play.stage.advance(2_800);
    let id = play.submit(INSTANT_MODEL, Some(NEIGHBOUR));
    play.stage.advance(1_000);
    assert_eq!(posts_to(&play, NEIGHBOUR), [0i64; 0], "it waits for the probe that another sends");
    let State::Parked(_, ParkReason::Down) = play.delivery(id).delivery.state else {
        panic!("{:?}", play.delivery(id).delivery.state)
    };
}

#[test]
fn a_black_hole_costs_the_others_nothing() {
    let mut play = Play::with(Settings { in_flight_max: 16, ..Settings::default() }, Bounds::default());
    let hangs = Reply::of(Outcome::Failed(SendError::ResponseTimeout)).after_ms(15_000);
    play.stage.receivers.script(URL, [hangs; 400]);
    for n in 0..100 {
        play.submit(INSTANT_MODEL, Some(URL));
        let began_ms = play.stage.clock.mono_ms();
        let id = play.submit(INSTANT_MODEL, Some(ELSEWHERE));
        play.stage.run_ready();
        assert!(play.is_delivered(id), "number {n}");
        assert_eq!(posts_to(&play, ELSEWHERE).last(), Some(&began_ms));
        play.stage.advance(50);
    }
}

#[test]
fn what_waits_longer_than_its_schedule_ends() {
    let mut play = Play::new("0s,1m,20m");
    unreachable_host(&play, URL);
    let ids = many(&mut play, URL, 20);
    // Its last point, and ten minutes for a probe to have had its turn.
    play.stage.advance(40 * MINUTE_MS);
    for id in &ids {
        let state = play.delivery(*id).delivery.state;
        let ended =
            matches!(state, State::Exhausted(_, ExhaustedReason::DestinationDown | ExhaustedReason::ScheduleEnded));
        assert!(ended, "{state:?}");
    }
    let down = |id: &&GenerationId| {
        matches!(play.delivery(**id).delivery.state, State::Exhausted(_, ExhaustedReason::DestinationDown))
    };
    assert!(ids.iter().filter(down).count() >= 10);
}

#[test]
fn a_short_schedule_is_not_held_back() {
    let mut play = Play::new("0s,10s,60s");
    unreachable_host(&play, URL);
    let ids = many(&mut play, URL, 20);
    play.stage.advance(5_000);
    assert_eq!(parked(&play, &ids), 0);
    play.stage.advance(10 * MINUTE_MS);
    for id in ids {
        assert_eq!(play.log(id), [("failed", 0), ("failed", 1), ("failed", 2)]);
    }
}

#[test]
fn what_is_parked_over_a_restart_is_asked_for_at_once_by_one_probe() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    unreachable_host(&play, URL);
    let ids = many(&mut play, URL, 30);
    play.stage.advance(10_000);
    let (waiting, before) = (parked(&play, &ids), posts_to(&play, URL).len());
    play.crash_and_restart();
    play.stage.advance(1_000);
    assert_eq!(posts_to(&play, URL).len(), before + 1, "one probe, within a second");
    assert!(parked(&play, &ids) >= waiting - 1);
    play.stage.receivers.set_mood(URL, Mood::Prompt);
    play.stage.advance(2 * MINUTE_MS);
    assert!(ids.iter().all(|id| play.is_delivered(*id)));
}

#[test]
fn what_does_not_fit_in_memory_waits_on_disk_and_follows_in_turn() {
    let bounds = Bounds { queue_max: 4, queued_max: 8, ..Bounds::default() };
    let mut play = Play::with(Settings::default(), bounds);
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(1_000); 60]);
    let ids = many(&mut play, URL, 60);
    play.stage.advance(500);
    let backlog =
        |id: &&GenerationId| matches!(play.delivery(**id).delivery.state, State::Parked(_, ParkReason::Backlog));
    assert!(ids.iter().filter(backlog).count() >= 50, "{}", ids.iter().filter(backlog).count());
    play.stage.advance(2 * MINUTE_MS);
    assert!(ids.iter().all(|id| play.log(*id) == [("delivered", 0)]));
}

#[test]
fn the_window_opens_by_one_with_each_success() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(1_000); 200]);
    many(&mut play, URL, 200);
    play.stage.advance(5_500);
    let mut at_once = BTreeMap::<i64, usize>::new();
    for at_ms in posts_to(&play, URL) {
        *at_once.entry(at_ms / 1_000).or_default() += 1;
    }
    let per_second: Vec<usize> = at_once.into_values().collect();
    assert_eq!(per_second, [2, 4, 8, 16, 32, 32]);
}

#[test]
fn retries_leave_slots_for_what_is_new() {
    let settings = Settings { in_flight_max: 8, delivery_timeout: Duration::from_secs(15), ..Settings::default() };
    let mut play = Play::with(settings, Bounds::default());
    // Twelve receivers fail once and hang then: their retries want all the slots.
    let hangs = Reply::of(Outcome::Failed(SendError::ResponseTimeout)).after_ms(15_000);
    for n in 0..12 {
        let url = format!("https://r{n}.example/hook");
        play.stage.receivers.script(&url, [Reply::status(500), hangs]);
        play.submit(INSTANT_MODEL, Some(&url));
        play.stage.run_ready();
    }
    play.stage.advance(8_000);
    let under_way = play.posts().len() - 12;
    assert_eq!(under_way, 6, "three quarters of the slots");
    let id = play.submit_this(Stage::request(ORG, INSTANT_MODEL, Some(ELSEWHERE)));
    play.stage.run_ready();
    assert!(play.is_delivered(id));
}

#[test]
fn a_clock_that_is_set_to_next_year_ends_nothing_that_waits() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    unreachable_host(&play, URL);
    let ids = many(&mut play, URL, 40);
    play.stage.advance(10_000);
    let before = parked(&play, &ids);
    play.stage.clock.set_wall_ahead_ms(365 * 24 * HOUR_MS);
    play.stage.advance(2_000);
    play.stage.clock.set_wall_ahead_ms(0);
    let now = parked(&play, &ids);
    assert!(before >= 30 && now >= before - 2, "{before} were parked, {now} are left");
}

#[test]
fn a_store_that_refuses_for_a_while_forgets_no_lane() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    unreachable_host(&play, URL);
    let ids = many(&mut play, URL, 40);
    play.stage.advance(10_000);
    let waiting: Vec<GenerationId> = ids.iter().copied().filter(|id| parked(&play, &[*id]) == 1).collect();
    play.stage.receivers.set_mood(URL, Mood::Prompt);
    // The probe leaves before, its outcome and all that follows from it come while nothing can be written.
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(8_000)]);
    play.stage.advance(8_000);
    play.stage.store.refuse_for(30_000, StoreError::Busy);
    play.stage.advance(2 * MINUTE_MS);
    assert!(waiting.iter().all(|id| play.is_delivered(*id)), "{} are still parked", parked(&play, &waiting));
}

#[test]
fn what_was_parked_over_weeks_is_tried_before_it_is_given_up() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    unreachable_host(&play, URL);
    let ids = many(&mut play, URL, 30);
    play.stage.advance(10_000);
    let waiting: Vec<GenerationId> = ids.iter().copied().filter(|id| parked(&play, &[*id]) == 1).collect();
    play.stage.kill();
    play.stage.advance(28 * 24 * HOUR_MS);
    play.stage.receivers.set_mood(URL, Mood::Prompt);
    play.start();
    play.stage.advance(2 * MINUTE_MS);
    assert!(waiting.len() >= 15 && waiting.iter().all(|id| play.is_delivered(*id)));
}

#[test]
fn a_host_that_is_back_is_found_behind_an_endpoint_that_hangs() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    unreachable_host(&play, URL);
    unreachable_host(&play, NEIGHBOUR);
    many(&mut play, URL, 30);
    let others = many(&mut play, NEIGHBOUR, 30);
    play.stage.advance(10_000);
    let waiting: Vec<GenerationId> = others.iter().copied().filter(|id| parked(&play, &[*id]) == 1).collect();
    play.stage.receivers.set_mood(URL, Mood::Silent);
    play.stage.receivers.set_mood(NEIGHBOUR, Mood::Prompt);
    play.stage.advance(5 * MINUTE_MS);
    let delivered = waiting.iter().filter(|id| play.is_delivered(**id)).count();
    assert!(waiting.len() >= 20 && delivered == waiting.len(), "{delivered} of {}", waiting.len());
}

#[test]
fn a_slow_endpoint_with_a_backlog_leaves_room_for_its_neighbours() {
    let bounds = Bounds { queue_max: 16, ..Bounds::default() };
    let mut play = Play::with(Settings::default(), bounds);
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(14_000); 300]);
    many(&mut play, URL, 300);
    play.stage.advance(1_000);
    let id = play.submit_this(Stage::request("o2", INSTANT_MODEL, Some(NEIGHBOUR)));
    play.stage.advance(15_000);
    assert!(play.is_delivered(id), "it waited for one answer at most");
}

#[test]
fn what_is_for_a_host_that_never_comes_back_ends_all_of_it() {
    let bounds = Bounds { queue_max: 16, ..Bounds::default() };
    let mut play = Play::with(Settings::default(), bounds);
    unreachable_host(&play, URL);
    let ids = many(&mut play, URL, 200);
    play.stage.advance(80 * HOUR_MS);
    let ended = |id: &&GenerationId| matches!(play.delivery(**id).delivery.state, State::Exhausted(..));
    assert_eq!(ids.iter().filter(ended).count(), ids.len());
}

#[test]
fn what_waits_for_its_turn_longer_than_its_schedule_stays_where_it_is() {
    let settings = Settings { in_flight_max: 1, schedule: Schedule::parse("0s,5s").unwrap(), ..Settings::default() };
    let bounds = Bounds { queue_max: 4, queued_max: 8, ..Bounds::default() };
    let mut play = Play::with(settings, bounds);
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(14_000); 100]);
    let ids = many(&mut play, URL, 100);
    play.stage.advance(10 * MINUTE_MS - 10_000);
    let (waiting, facts) = (parked(&play, &ids) as u64, play.stage.witness.trace().1);
    play.stage.advance(MINUTE_MS);
    // Each is judged once. What else happens is half a dozen POSTs, and what is fed after them.
    let happened = play.stage.witness.trace().1 - facts;
    assert!(waiting >= 40, "{waiting} wait");
    assert!((waiting..waiting + 40).contains(&happened), "{happened} facts, {waiting} wait");
    play.stage.advance(20 * MINUTE_MS);
    assert!(ids.iter().all(|id| play.log(*id) == [("delivered", 0)]));
}

#[test]
fn large_bodies_are_fed_from_their_lane_once() {
    // An endpoint alone may have a third of it: three of them.
    let bounds = Bounds { queued_bytes_max: 3 * 250_000, ..Bounds::default() };
    let mut play = Play::with(Settings::default(), bounds);
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(1_000); 150]);
    let options = format!(r#"{{"note":"{}"}}"#, "x".repeat(90_000));
    let large = || {
        let new = Stage::request(ORG, INSTANT_MODEL, Some(URL));
        NewGeneration { request: Request { options: Some(options.clone()), ..new.request }, ..new }
    };
    let ids: Vec<GenerationId> = (0..150).map(|_| play.submit_this(large())).collect();
    play.stage.run_ready();
    assert!(play.delivery(ids[0]).event.body.len() > 90_000);
    let (waiting, facts) = (parked(&play, &ids) as u64, play.stage.witness.trace().1);
    play.stage.advance(2 * MINUTE_MS);
    assert!(ids.iter().all(|id| play.log(*id) == [("delivered", 0)]));
    // Out of its lane, the start, the POST, that it came, its answer, the outcome.
    let happened = play.stage.witness.trace().1 - facts;
    assert!(waiting >= 100, "{waiting} wait");
    assert!(happened <= 6 * waiting + 40, "{happened} facts, {waiting} waited");
}
