//! What endpoints' owners set: how fast, how many at once, and pauses.
use postsync_core::delivery::State;
use postsync_core::endpoint_limits::{EndpointLimits, EndpointRules};
use postsync_core::ids::{EndpointId, GenerationId, OrgId};
use postsync_core::parking::ParkReason;
use postsync_core::target::implicit_endpoint;
use postsync_engine::{Bounds, Settings};
use postsync_sim::world::{Mood, Reply};
use postsync_sim::{INSTANT_MODEL, Stage};

use crate::play::{ORG, Play, URL};

/// On the same host as [`URL`].
const NEIGHBOUR: &str = "https://app.example/other";

const HOUR_MS: i64 = 3_600_000;

fn endpoint() -> EndpointId {
    implicit_endpoint(&OrgId::new(ORG), URL)
}

fn set(play: &Play, rules: EndpointRules) {
    play.engine().set_endpoint_rules(&endpoint(), rules);
}

fn limited(per_second: Option<u32>, concurrency: Option<u32>) -> EndpointRules {
    EndpointRules { limits: EndpointLimits { per_second, concurrency }, is_paused: false }
}

const PAUSED: EndpointRules =
    EndpointRules { limits: EndpointLimits { per_second: None, concurrency: None }, is_paused: true };

fn many(play: &mut Play, count: usize) -> Vec<GenerationId> {
    let ids = (0..count).map(|_| play.submit(INSTANT_MODEL, Some(URL))).collect();
    play.stage.run_ready();
    ids
}

fn times_to(play: &Play, url: &str) -> Vec<i64> {
    play.posts().iter().filter(|(_, post)| post.url == url).map(|(at_ms, _)| *at_ms).collect()
}

fn paused(play: &Play, ids: &[GenerationId]) -> usize {
    let is_paused =
        |id: &&GenerationId| matches!(play.delivery(**id).delivery.state, State::Parked(_, ParkReason::Paused));
    ids.iter().filter(is_paused).count()
}

#[test]
fn an_endpoint_gets_no_more_in_a_second_than_its_owner_wants() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    set(&play, limited(Some(5), None));
    let ids = many(&mut play, 40);
    play.stage.advance(10_000);
    assert!(ids.iter().all(|id| play.is_delivered(*id)));
    let times = times_to(&play, URL);
    let wanted: Vec<i64> = (0..40).map(|n| n * 200).collect();
    assert_eq!(times, wanted, "one each 200 ms, and none waits longer");
}

#[test]
fn the_limit_of_one_endpoint_holds_up_no_other_of_its_host() {
    let mut play = Play::with(Settings::default(), Bounds { queue_max: 16, ..Bounds::default() });
    set(&play, limited(Some(1), None));
    many(&mut play, 100);
    for _ in 0..50 {
        let began_ms = play.stage.clock.mono_ms();
        let id = play.submit_this(Stage::request("o2", INSTANT_MODEL, Some(NEIGHBOUR)));
        play.stage.run_ready();
        assert!(play.is_delivered(id));
        assert_eq!(times_to(&play, NEIGHBOUR).last(), Some(&began_ms), "at once");
        play.stage.advance(100);
    }
    assert_eq!(times_to(&play, URL).len(), 6, "at once, and one with each of five seconds");
}

#[test]
fn no_more_is_under_way_than_its_owner_wants() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    set(&play, limited(None, Some(3)));
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(1_000); 60]);
    many(&mut play, 60);
    play.stage.advance(5_500);
    let in_second = |n: i64| times_to(&play, URL).iter().filter(|at| **at / 1_000 == n).count();
    assert_eq!((0..6).map(in_second).collect::<Vec<_>>(), [2, 3, 3, 3, 3, 3]);
    // Taken back, the window opens again.
    set(&play, EndpointRules::default());
    play.stage.advance(3_000);
    assert!(times_to(&play, URL).iter().filter(|at| **at / 1_000 == 8).count() > 6);
}

#[test]
fn what_is_for_a_paused_endpoint_waits_and_follows_when_it_is_resumed() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(500); 10]);
    let mut ids = many(&mut play, 10);
    // Two are under way, eight wait in memory.
    set(&play, PAUSED);
    play.stage.advance(2_000);
    assert_eq!((times_to(&play, URL).len(), paused(&play, &ids)), (2, 8));
    ids.extend(many(&mut play, 5));
    let neighbour = play.submit(INSTANT_MODEL, Some(NEIGHBOUR));
    // Longer than its schedule: nothing is lost by a pause.
    play.stage.advance(100 * HOUR_MS);
    assert!(play.is_delivered(neighbour));
    assert_eq!((times_to(&play, URL).len(), paused(&play, &ids)), (2, 13));
    set(&play, EndpointRules::default());
    play.stage.advance(5_000);
    assert!(ids.iter().all(|id| play.log(*id) == [("delivered", 0)]), "no step was used");
}

#[test]
fn a_pause_holds_back_retries_and_short_schedules_too() {
    let mut play = Play::new("0s,10s,60s");
    play.stage.receivers.set_mood(URL, Mood::Broken);
    let ids = many(&mut play, 3);
    play.stage.advance(2_000);
    set(&play, PAUSED);
    play.stage.advance(120_000);
    assert_eq!((times_to(&play, URL).len(), paused(&play, &ids)), (3, 3));
    play.stage.receivers.set_mood(URL, Mood::Prompt);
    set(&play, EndpointRules::default());
    play.stage.advance(2_000);
    assert!(ids.iter().all(|id| play.log(*id) == [("failed", 0), ("delivered", 1)]));
}

#[test]
fn a_paused_endpoint_is_not_the_probe_of_its_host() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    play.stage.receivers.set_mood(URL, Mood::Down);
    play.stage.receivers.set_mood(NEIGHBOUR, Mood::Down);
    let ids = many(&mut play, 20);
    play.stage.advance(1_000);
    let neighbour = play.submit(INSTANT_MODEL, Some(NEIGHBOUR));
    set(&play, PAUSED);
    let before = times_to(&play, URL).len();
    play.stage.receivers.set_mood(NEIGHBOUR, Mood::Prompt);
    play.stage.advance(60_000);
    assert!(play.is_delivered(neighbour), "its host is back");
    assert_eq!(times_to(&play, URL).len(), before);
    play.stage.receivers.set_mood(URL, Mood::Prompt);
    set(&play, EndpointRules::default());
    play.stage.advance(60_000);
    assert!(ids.iter().all(|id| play.is_delivered(*id)));
}

#[test]
fn a_host_that_is_back_does_not_stay_closed_behind_all_that_a_paused_endpoint_has_there() {
    // None of them is in its endpoint's own lane: the circuit opens by failures to connect before there is a backlog.
    let mut play = Play::with(Settings::default(), Bounds::default());
    play.stage.receivers.set_mood(URL, Mood::Down);
    play.stage.receivers.set_mood(NEIGHBOUR, Mood::Down);
    many(&mut play, 8);
    play.stage.advance(2_000);
    many(&mut play, 600);
    let neighbour = play.submit(INSTANT_MODEL, Some(NEIGHBOUR));
    play.stage.run_ready();
    set(&play, PAUSED);
    play.stage.receivers.set_mood(NEIGHBOUR, Mood::Prompt);
    // The probe's time, and not one look at the lane each second for sixteen of the others.
    play.stage.advance(12_000);
    assert!(play.is_delivered(neighbour), "its host is back");
}
