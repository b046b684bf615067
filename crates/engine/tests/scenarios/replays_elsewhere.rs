//! Replays of what was for a registered endpoint that is not what it was.
use postsync_core::delivery::{Delivery, State};
use postsync_core::endpoint::{DisabledReason, Input};
use postsync_core::ids::{DeliveryId, EndpointId};
use postsync_engine::ReplayError;
use postsync_sim::world::Mood;
use postsync_sim::{INSTANT_MODEL, PostSeen};
use serde_json::json;

use crate::endpoints::{A, change, deliveries, move_by, org, register};
use crate::play::Play;
use crate::replays::{begin, exhausted, one, read};

const MOVED: &str = "https://moved.example/hook";
const DISABLE: Input = Input::Disable(DisabledReason::Requested);

/// One delivery for a registered endpoint that was given up, and a receiver that is well again.
fn given_up() -> (Play, EndpointId, DeliveryId) {
    let mut play = Play::new("0s");
    let id = register(&mut play, json!({"url": A})).endpoint.id;
    play.stage.receivers.set_mood(A, Mood::Broken);
    play.submit(INSTANT_MODEL, None);
    play.stage.advance(1_000);
    play.stage.receivers.set_mood(A, Mood::Prompt);
    let old = deliveries(&play, &id).remove(0);
    assert!(matches!(old.state, State::Exhausted(..)));
    (play, id, old.id)
}

fn remove(play: &mut Play, id: &EndpointId) {
    let (engine, gone) = (play.engine(), id.clone());
    let removed = play.stage.run(60_000, async move { engine.remove_endpoint(&org(), &gone).await });
    removed.expect("an answer").expect("a removal");
}

/// Replays it by itself, and then with all others.
fn replay_twice(play: &mut Play, old: DeliveryId) -> [Delivery; 2] {
    let first = one(play, old).expect("a delivery").delivery.id;
    play.stage.advance(1_000);
    let all = postsync_core::replay::Filter { again: true, ..exhausted() };
    let replay = begin(play, all).expect("a replay").id;
    play.stage.advance(1_000);
    let done = read(play, replay).expect("on disk");
    assert_eq!((done.made, done.skipped, done.status()), (1, 0, "done"));
    let records = play.stage.deliveries(&org()).into_iter().map(|record| record.delivery);
    let [second, again, _] = records.collect::<Vec<_>>().try_into().expect("three deliveries");
    assert_eq!(again.id, first);
    [again, second]
}

fn last_post(play: &Play) -> PostSeen {
    play.posts().pop().expect("a POST").1
}

#[test]
fn of_a_deleted_one_goes_to_its_url() {
    let (mut play, id, old) = given_up();
    let own = play.posts()[0].1.signing.current.secret.clone();
    remove(&mut play, &id);
    for made in replay_twice(&mut play, old) {
        assert!(!made.endpoint.is_registered() && made.url == A, "{made:?}");
        assert!(matches!(made.state, State::Delivered(_)), "{made:?}");
    }
    assert!(last_post(&play).is_replay && last_post(&play).signing.current.secret != own);
}

#[test]
fn of_one_that_was_registered_anew_goes_to_that_under_its_secret() {
    let (mut play, id, old) = given_up();
    remove(&mut play, &id);
    let anew = register(&mut play, json!({"url": A}));
    for made in replay_twice(&mut play, old) {
        assert_eq!((&made.endpoint, made.url.as_str()), (&anew.endpoint.id, A));
        assert!(matches!(made.state, State::Delivered(_)), "{made:?}");
    }
    assert!(last_post(&play).signing.current.secret == anew.secret);
}

#[test]
fn of_one_that_has_moved_goes_where_it_is_now() {
    let (mut play, id, old) = given_up();
    change(&mut play, &id, |endpoint| endpoint.url = MOVED.to_owned());
    for made in replay_twice(&mut play, old) {
        assert_eq!((&made.endpoint, made.url.as_str()), (&id, MOVED));
        assert!(matches!(made.state, State::Delivered(_)), "{made:?}");
    }
    assert_eq!(last_post(&play).url, MOVED);
}

#[test]
fn of_a_disabled_one_is_refused_until_it_is_resumed() {
    let (mut play, id, old) = given_up();
    move_by(&mut play, &id, DISABLE);
    let posts = play.posts().len();
    assert_eq!(one(&mut play, old).map(|_| ()), Err(ReplayError::Disabled));
    let replay = begin(&mut play, exhausted()).expect("a replay").id;
    play.stage.advance(1_000);
    let done = read(&play, replay).expect("on disk");
    assert_eq!((done.made, done.skipped, done.count, done.status()), (0, 1, Some(1), "done"));
    assert_eq!((deliveries(&play, &id).len(), play.posts().len()), (1, posts));
    // The same request finds it once more: it was not replayed.
    move_by(&mut play, &id, Input::Resume);
    begin(&mut play, exhausted()).expect("a replay");
    play.stage.advance(1_000);
    assert!(matches!(deliveries(&play, &id)[1].state, State::Delivered(_)));
}
