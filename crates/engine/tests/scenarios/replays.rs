//! What was given up, or taken and lost, is delivered again.
use std::collections::BTreeMap;

use postsync_core::delivery::{Origin, State};
use postsync_core::ids::{DeliveryId, EventId, OrgId, ReplayId};
use postsync_core::outcome::SendError;
use postsync_core::replay::{EndedAs, Filter, Replay};
use postsync_core::schedule::Schedule;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{DeliveryRecord, Spawn as _};
use postsync_engine::{Bounds, ReplayError, Settings};
use postsync_sim::world::{Mood, Reply};
use postsync_sim::{INSTANT_MODEL, PostSeen};

use crate::play::{ORG, Play, URL};

const OTHER: &str = "https://other.example/webhook";

/// More than an answer takes.
const ANSWER_MS_MAX: i64 = 60_000;

fn play(replay_max: usize) -> Play {
    let settings = Settings { schedule: Schedule::parse("0s").expect("a schedule"), ..Settings::default() };
    Play::with(settings, Bounds { replay_max, ..Bounds::default() })
}

/// So many deliveries that were given up, and a receiver that is well again.
fn given_up(replay_max: usize, count: usize) -> Play {
    let mut play = play(replay_max);
    play.stage.receivers.set_mood(URL, Mood::Broken);
    for _ in 0..count {
        play.submit(INSTANT_MODEL, Some(URL));
        play.stage.advance(1_000);
    }
    assert!(all(&play).iter().all(|r| matches!(r.delivery.state, State::Exhausted(..))));
    play.stage.receivers.set_mood(URL, Mood::Prompt);
    play.stage.advance(3_600_000);
    play
}

pub(crate) fn exhausted() -> Filter {
    Filter { status: Some(EndedAs::Exhausted), ..Filter::default() }
}

fn org() -> OrgId {
    OrgId::new(ORG)
}

pub(crate) fn begin(play: &mut Play, filter: Filter) -> Result<Replay, ReplayError> {
    let engine = play.engine();
    play.stage.run(ANSWER_MS_MAX, async move { engine.replay(org(), filter).await }).expect("an answer")
}

fn count(play: &mut Play, filter: Filter) -> u64 {
    let engine = play.engine();
    let counted = play.stage.run(ANSWER_MS_MAX, async move { engine.count_for_replay(org(), filter).await });
    counted.expect("an answer").expect("a store that works").expect("a number")
}

pub(crate) fn one(play: &mut Play, id: DeliveryId) -> Result<DeliveryRecord, ReplayError> {
    let engine = play.engine();
    play.stage.run(ANSWER_MS_MAX, async move { engine.replay_one(&org(), id).await }).expect("an answer")
}

/// Oldest first.
fn all(play: &Play) -> Vec<DeliveryRecord> {
    let mut all = play.stage.deliveries(&org());
    all.reverse();
    all
}

fn replayed(play: &Play) -> Vec<DeliveryRecord> {
    all(play).into_iter().filter(|r| r.delivery.origin == Origin::Replay).collect()
}

/// How many replays each event has.
fn by_event(play: &Play) -> BTreeMap<EventId, usize> {
    let mut of: BTreeMap<EventId, usize> = all(play).iter().map(|r| (r.event.id, 0)).collect();
    replayed(play).iter().for_each(|r| *of.entry(r.event.id).or_default() += 1);
    of
}

pub(crate) fn read(play: &Play, id: ReplayId) -> Option<Replay> {
    use futures::FutureExt as _;
    play.stage.store.inner().replay(&org(), id).now_or_never().expect("at once").expect("a store that works")
}

#[test]
fn a_replay_delivers_the_same_bytes_under_a_new_delivery() {
    let mut play = given_up(200, 5);
    let (before, first_posts) = (all(&play), play.posts());
    let replay = begin(&mut play, exhausted()).expect("a replay");
    assert_eq!((replay.count, replay.made), (Some(5), 0));
    play.stage.advance(1_000);
    let done = read(&play, replay.id).expect("on disk");
    assert_eq!((done.made, done.skipped, done.count, done.status()), (5, 0, Some(5), "done"));
    let made = replayed(&play);
    for (old, new) in before.iter().zip(&made) {
        let (old_id, new_id) = (old.delivery.id, new.delivery.id);
        assert!(new_id > old_id && new.event == old.event && new.delivery.url == old.delivery.url);
        assert_eq!((new.delivery.attempts, new.delivery.step), (1, 0), "its attempts count from 1");
        assert!(new.delivery.created_at >= replay.created_at && matches!(new.delivery.state, State::Delivered(_)));
    }
    assert!(all(&play).starts_with(&before), "what was stays as it was");
    let mut again: Vec<PostSeen> =
        play.posts().split_off(first_posts.len()).into_iter().map(|(_, post)| post).collect();
    again.sort_by_key(|post| post.event);
    for (first, again) in first_posts.iter().map(|(_, post)| post).zip(&again) {
        assert_eq!((&again.body, again.event, again.attempt), (&first.body, first.event, 1));
        assert!(again.is_replay && !first.is_replay && again.delivery != first.delivery);
    }
    assert_eq!(again.len(), 5);
    // All of them have been taken now: the same again finds nothing.
    assert_eq!(count(&mut play, exhausted()), 0);
    assert_eq!(count(&mut play, Filter { again: true, ..exhausted() }), 5);
    assert_eq!(count(&mut play, Filter { error: Some(SendError::HttpStatus), again: true, ..exhausted() }), 5);
    assert_eq!(count(&mut play, Filter { error: Some(SendError::TlsExpired), again: true, ..exhausted() }), 0);
    assert_eq!(count(&mut play, Filter { status: Some(EndedAs::Delivered), ..Filter::default() }), 5);
}

#[test]
fn what_was_taken_is_delivered_again_once_a_run_however_often_it_was() {
    let mut play = given_up(200, 4);
    let taken = Filter { status: Some(EndedAs::Delivered), ..Filter::default() };
    begin(&mut play, exhausted()).expect("a replay");
    play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(10_000);
    let first_range = Filter { until: Some(play.engine().now()), ..taken.clone() };
    for run in 1..=3 {
        let replay = begin(&mut play, taken.clone()).expect("a replay");
        assert_eq!(replay.count, Some(5), "run {run}: each event once, those that only a replay has delivered too");
        play.stage.advance(10_000);
    }
    // What was made since lies behind the range, and stands for nothing in it.
    assert_eq!(count(&mut play, first_range), 5);
    assert_eq!(by_event(&play).into_values().collect::<Vec<_>>(), [4, 4, 4, 4, 3]);
}

#[test]
fn a_time_range_is_that_of_the_events() {
    let mut play = given_up(200, 6);
    let times: Vec<Timestamp> = all(&play).iter().map(|r| r.delivery.created_at).collect();
    let range = Filter { since: Some(times[1]), until: Some(times[3]), ..exhausted() };
    assert_eq!(begin(&mut play, range).expect("a replay").count, Some(3));
    play.stage.advance(1_000);
    let events: Vec<EventId> = all(&play)[1..4].iter().map(|r| r.event.id).collect();
    assert_eq!(replayed(&play).iter().map(|r| r.event.id).collect::<Vec<_>>(), events);
}

#[test]
fn wherever_the_server_dies_nothing_is_skipped_and_nothing_made_twice() {
    let (mut unanswered, mut unfinished, mut polls) = (0, 0, 0);
    loop {
        let mut play = given_up(3, 10);
        let engine = play.engine();
        // Writes take their time, and a kill on their way there may come before or after they are on disk.
        play.stage.store.set_faulty(true);
        let (tell, mut told) = futures::channel::oneshot::channel();
        play.stage.spawner().spawn(Box::pin(async move {
            let _ = tell.send(engine.replay(org(), exhausted()).await.map(|replay| replay.id));
        }));
        for _ in 0..polls {
            if !play.stage.step() && !play.stage.wake_next(i64::MAX) {
                break;
            }
        }
        let answer = told.try_recv().ok().flatten().map(|answer| answer.expect("a replay"));
        let is_done = |play: &Play, id| read(play, id).is_some_and(|replay| replay.ended_at.is_some());
        let was_done = answer.is_some_and(|id| is_done(&play, id));
        play.stage.kill();
        play.stage.store.set_faulty(false);
        play.start();
        play.stage.advance(60_000);
        let times: Vec<usize> = by_event(&play).into_values().collect();
        if let Some(id) = answer {
            assert!(is_done(&play, id), "killed after {polls} polls, it does not go on");
            assert_eq!(times, [1; 10], "killed after {polls} polls");
        } else {
            unanswered += 1;
            assert!(times == [1; 10] || times == [0; 10], "killed after {polls} polls: {times:?}");
        }
        unfinished += usize::from(answer.is_some() && !was_done);
        if was_done {
            break;
        }
        polls += 1;
    }
    assert!(unanswered > 1 && unfinished > 10, "kills at every place: {unanswered}, {unfinished}");
}

#[test]
fn two_at_once_do_not_send_the_same_twice_unless_they_are_told_to() {
    let mut play = given_up(4, 10);
    let ids = [exhausted(), exhausted()].map(|filter| begin(&mut play, filter).expect("a replay").id);
    play.stage.advance(10_000);
    assert!(by_event(&play).into_values().all(|times| times == 1));
    let replays = ids.map(|id| read(&play, id).expect("on disk"));
    assert_eq!(replays[0].made + replays[1].made, 10);
    assert!(replays.iter().all(|replay| replay.count == Some(replay.made) && replay.ended_at.is_some()));

    let again = Filter { again: true, ..exhausted() };
    for filter in [again.clone(), again] {
        begin(&mut play, filter).expect("a replay");
    }
    play.stage.advance(10_000);
    assert!(by_event(&play).into_values().all(|times| times == 3));
}

#[test]
fn it_leaves_only_so_many_waiting_and_what_is_new_goes_first() {
    let mut play = given_up(5, 40);
    // One that takes its time: two at once at first, then more.
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(2_000); 60]);
    let replay = begin(&mut play, exhausted()).expect("a replay");
    let (mut most, mut new) = (0, Vec::new());
    for turn in 0..200 {
        play.stage.advance(100);
        let waiting = replayed(&play).iter().filter(|r| matches!(r.delivery.state, State::Due(_))).count();
        most = most.max(waiting);
        if turn % 30 == 5 {
            let began_ms = play.stage.clock.mono_ms();
            new.push((play.submit(INSTANT_MODEL, Some(URL)), began_ms));
        }
        if read(&play, replay.id).expect("on disk").ended_at.is_some() {
            break;
        }
    }
    assert!((3..=5).contains(&most), "{most} were left waiting");
    assert!(new.len() > 3, "what is new came in between");
    play.stage.advance(60_000);
    assert!(all(&play).iter().skip(40).all(|r| matches!(r.delivery.state, State::Delivered(_))));
    for (id, began_ms) in new {
        let delivery = play.delivery(id).delivery.id;
        let (sent_ms, _) = play.posts().into_iter().find(|(_, post)| post.delivery == delivery).expect("a POST");
        // A slot is free within one answer of the receiver, and then it is the new one's turn.
        assert!(sent_ms - began_ms <= 4_000, "{} ms", sent_ms - began_ms);
    }
}

#[test]
fn a_receiver_that_is_down_does_not_hold_up_a_walk() {
    let schedule = Schedule::parse("0s,11m").expect("a schedule");
    let settings = Settings { schedule, ..Settings::default() };
    let mut play = Play::with(settings, Bounds { replay_max: 4, ..Bounds::default() });
    for url in [URL, OTHER] {
        play.stage.receivers.set_mood(url, Mood::Down);
    }
    for _ in 0..30 {
        play.submit(INSTANT_MODEL, Some(URL));
    }
    play.submit(INSTANT_MODEL, Some(OTHER));
    play.stage.advance(3 * 3_600_000);
    assert!(all(&play).iter().all(|r| matches!(r.delivery.state, State::Exhausted(..))), "all were given up");
    play.stage.receivers.set_mood(OTHER, Mood::Prompt);
    let replay = begin(&mut play, exhausted()).expect("a replay");
    assert_eq!(replay.count, Some(31));
    play.stage.advance(20_000);
    assert_eq!(read(&play, replay.id).map(|replay| (replay.made, replay.status())), Some((31, "done")));
    let last = replayed(&play).pop().expect("the last one");
    assert_eq!(last.delivery.url, OTHER);
    play.stage.advance(400_000);
    assert!(matches!(all(&play).pop().map(|r| r.delivery.state), Some(State::Delivered(_))));
    play.stage.receivers.set_mood(URL, Mood::Prompt);
    play.stage.advance(600_000);
    assert!(replayed(&play).iter().all(|r| matches!(r.delivery.state, State::Delivered(_))));
}

#[test]
fn one_delivery_may_be_had_again_once_it_has_ended() {
    let mut play = given_up(200, 1);
    let old = all(&play)[0].delivery.id;
    assert_eq!(one(&mut play, DeliveryId(7)), Err(ReplayError::NotFound));
    for times in 1..=3 {
        let made = one(&mut play, old).expect("a delivery").delivery;
        assert_eq!((made.origin, made.url.as_str()), (Origin::Replay, URL));
        play.stage.advance(10);
        assert_eq!(replayed(&play).len(), times);
    }
    assert!(play.posts().iter().skip(1).all(|(_, post)| post.is_replay && post.attempt == 1));

    play.stage.receivers.script(URL, [Reply::status(200).after_ms(5_000)]);
    let waiting = one(&mut play, old).expect("a delivery").delivery.id;
    assert_eq!(one(&mut play, waiting).map(|_| ()), Err(ReplayError::NotEnded));
    play.stage.advance(5_000);
    assert!(one(&mut play, waiting).is_ok());
}

#[test]
fn an_organization_may_have_sixteen_running() {
    let mut play = given_up(1, 40);
    play.stage.receivers.script(URL, [Reply::status(200).after_ms(10_000); 40]);
    let begun: Vec<_> = (0..17).map(|_| begin(&mut play, exhausted()).map(|_| ())).collect();
    assert!(begun[..16].iter().all(Result::is_ok));
    assert_eq!(begun[16], Err(ReplayError::TooMany));
    play.stage.advance(500_000);
    assert!(begin(&mut play, exhausted()).is_ok());
    assert!(by_event(&play).into_values().all(|times| times == 1));
}
