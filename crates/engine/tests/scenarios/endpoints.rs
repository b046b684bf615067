//! Registered endpoints: whom an event goes to, what a pause, a disabling and a deletion do, and what is told about it.
use postsync_core::change::Change;
use postsync_core::delivery::{Delivery, ExhaustedReason, State};
use postsync_core::egress_rules::EgressRules;
use postsync_core::endpoint::{Draft, Endpoint, Input, State as EndpointState};
use postsync_core::ids::{EndpointId, OrgId};
use postsync_core::schedule::Schedule;
use postsync_engine::ports::{Spawn as _, StoreError};
use postsync_engine::{Bounds, NewEndpoint, Settings};
use postsync_sim::world::{Mood, Reply};
use postsync_sim::{INSTANT_MODEL, Stage};
use serde_json::{Value, json};

use crate::play::{ORG, Play, URL, body};

const HOUR_MS: i64 = 3_600_000;
pub(crate) const A: &str = "https://a.example/hook";
const B: &str = "https://b.example/hook";
const OPS: &str = "https://ops.example/hook";

pub(crate) fn org() -> OrgId {
    OrgId::new(ORG)
}

pub(crate) fn register(play: &mut Play, body: Value) -> NewEndpoint {
    let (engine, org) = (play.engine(), org());
    let draft = Draft::read(body.as_object().expect("an object"), &EgressRules::default()).expect("a good endpoint");
    let made = play.stage.run(60_000, async move { engine.register_endpoint(&org, draft).await });
    made.expect("an answer").expect("an endpoint")
}

fn ops(play: &mut Play) -> EndpointId {
    let events = json!(["delivery.exhausted", "endpoint.failing", "endpoint.disabled"]);
    register(play, json!({"url": OPS, "events": events})).endpoint.id
}

pub(crate) fn change(play: &mut Play, id: &EndpointId, change: impl FnOnce(&mut Endpoint) + Send + 'static) {
    let (engine, org, id) = (play.engine(), org(), id.clone());
    let now = engine.now();
    let by = move |endpoint: &Endpoint| {
        let mut next = endpoint.clone();
        change(&mut next);
        next.touch(now);
        Ok(next)
    };
    let changed = play.stage.run(60_000, async move { engine.change_endpoint(&org, &id, by).await });
    changed.expect("an answer").expect("a change");
}

pub(crate) fn move_by(play: &mut Play, id: &EndpointId, input: Input) {
    change(play, id, move |endpoint| assert!(endpoint.move_by(input)));
}

fn registered(play: &Play) -> Vec<Endpoint> {
    use futures::FutureExt as _;
    let found = play.stage.store.inner().endpoints(&org()).now_or_never();
    found.expect("at once").expect("a store that works")
}

fn state(play: &Play, id: &EndpointId) -> EndpointState {
    registered(play).into_iter().find(|endpoint| endpoint.id == *id).expect("the endpoint").state
}

/// As another process on the same disk does.
fn write(play: &Play, change: Change) {
    use futures::FutureExt as _;
    let applied = play.stage.store.inner().apply(vec![change]).now_or_never().expect("at once");
    assert_eq!(applied, Ok(postsync_engine::ports::Applied::Done));
}

/// Oldest first.
pub(crate) fn deliveries(play: &Play, id: &EndpointId) -> Vec<Delivery> {
    let all = play.stage.deliveries(&org()).into_iter().map(|record| record.delivery);
    let mut of: Vec<Delivery> = all.filter(|delivery| delivery.endpoint == *id).collect();
    of.reverse();
    of
}

fn urls(play: &Play) -> Vec<String> {
    let mut urls: Vec<String> = play.posts().iter().map(|(_, post)| post.url.clone()).collect();
    urls.sort();
    urls
}

/// What was told there, in its order: (type, data).
fn told(play: &Play) -> Vec<(String, Value)> {
    let to_ops = play.posts().into_iter().filter(|(_, post)| post.url == OPS).map(|(_, post)| body(&post));
    to_ops.map(|body| (body["type"].as_str().expect("a type").to_owned(), body["data"].clone())).collect()
}

fn long() -> Play {
    Play::with(Settings::default(), Bounds::default())
}

#[test]
fn each_that_takes_it_gets_it_once_and_under_its_own_secret() {
    let mut play = Play::new("0s,5s");
    let a = register(&mut play, json!({"url": A}));
    let b = register(&mut play, json!({"url": B, "events": ["generation.failed"]}));
    play.submit(INSTANT_MODEL, Some(URL));
    play.stage.run_ready();
    assert_eq!(urls(&play), [A, URL]);
    let secrets: Vec<_> =
        play.posts().iter().map(|(_, post)| (post.url.clone(), post.signing.current.secret.clone())).collect();
    for (url, secret) in secrets {
        assert_eq!(secret == a.secret, url == A, "{url}");
    }
    let events: Vec<_> = play.posts().iter().map(|(_, post)| (post.event, post.body.clone())).collect();
    assert_eq!(events[0], events[1], "one event");
    // Without a URL of its own; and with one that is registered, whatever the filter, spelled otherwise.
    play.submit(INSTANT_MODEL, None);
    play.submit(INSTANT_MODEL, Some("https://B.example:443/hook"));
    play.stage.run_ready();
    assert_eq!(urls(&play), [A, A, A, URL, B]);
    let to_b = play.posts().into_iter().find(|(_, post)| post.url == B).expect("one for b").1;
    assert_eq!(to_b.signing.current.secret, b.secret);
}

#[test]
fn with_another_query_it_is_a_receiver_of_its_own() {
    let mut play = Play::new("0s");
    let made = register(&mut play, json!({"url": A, "events": ["endpoint.failing"]}));
    play.submit(INSTANT_MODEL, Some("https://a.example/hook?x=1"));
    play.stage.run_ready();
    assert_eq!(urls(&play), ["https://a.example/hook?x=1"]);
    assert!(play.posts()[0].1.signing.current.secret != made.secret);
}

#[test]
fn an_endpoint_has_its_own_schedule() {
    let mut play = Play::new("0s,5s");
    register(&mut play, json!({"url": A, "schedule": ["1s", "2s", "4s"]}));
    play.stage.receivers.set_mood(A, Mood::Broken);
    play.submit(INSTANT_MODEL, None);
    play.stage.advance(60_000);
    let times_ms = play.post_times_ms();
    assert_eq!((times_ms.len(), times_ms[0]), (3, 1_000), "{times_ms:?}");
}

#[test]
fn a_paused_one_gets_everything_when_it_is_resumed() {
    let mut play = Play::new("0s,5s,1m");
    let id = register(&mut play, json!({"url": A})).endpoint.id;
    move_by(&mut play, &id, Input::Pause);
    for _ in 0..5 {
        play.submit(INSTANT_MODEL, None);
    }
    play.stage.advance(HOUR_MS);
    assert!(play.posts().is_empty());
    let is_parked = |d: &Delivery| matches!(d.state, State::Parked(_, postsync_core::parking::ParkReason::Paused));
    assert!(deliveries(&play, &id).iter().all(is_parked), "{:?}", deliveries(&play, &id));
    play.crash_and_restart();
    play.stage.advance(60_000);
    assert!(play.posts().is_empty(), "a restart does not resume it");
    move_by(&mut play, &id, Input::Resume);
    play.stage.advance(1_000);
    assert_eq!(urls(&play), [A; 5]);
    assert!(deliveries(&play, &id).iter().all(|d| matches!(d.state, State::Delivered(_)) && d.step == 0));
}

#[test]
fn what_is_pending_for_a_disabled_one_ends_and_nothing_new_is_made() {
    let mut play = long();
    let id = register(&mut play, json!({"url": A})).endpoint.id;
    play.stage.receivers.set_mood(A, Mood::Down);
    for _ in 0..600 {
        play.submit(INSTANT_MODEL, None);
    }
    play.stage.advance(30_000);
    let posts = play.posts().len();
    move_by(&mut play, &id, Input::Disable(postsync_core::endpoint::DisabledReason::Requested));
    play.stage.advance(1_000);
    let is_over = |d: &Delivery| matches!(d.state, State::Exhausted(_, ExhaustedReason::EndpointDisabled));
    assert_eq!(deliveries(&play, &id).iter().filter(|d| is_over(d)).count(), 600);
    play.submit(INSTANT_MODEL, None);
    play.submit(INSTANT_MODEL, Some(A));
    play.stage.advance(HOUR_MS);
    assert_eq!((deliveries(&play, &id).len(), play.posts().len()), (600, posts));
    play.stage.receivers.set_mood(A, Mood::Prompt);
    move_by(&mut play, &id, Input::Resume);
    play.submit(INSTANT_MODEL, None);
    play.stage.advance(10_000);
    assert!(matches!(deliveries(&play, &id)[600].state, State::Delivered(_)));
}

#[test]
fn what_is_pending_for_a_deleted_one_ends_also_when_the_server_dies_meanwhile() {
    let mut play = long();
    let id = register(&mut play, json!({"url": A})).endpoint.id;
    play.stage.receivers.set_mood(A, Mood::Broken);
    for _ in 0..20 {
        play.submit(INSTANT_MODEL, None);
    }
    play.stage.run_ready();
    let (engine, org, gone) = (play.engine(), org(), id.clone());
    play.stage.spawner().spawn(Box::pin(async move { drop(engine.remove_endpoint(&org, &gone).await) }));
    while !registered(&play).is_empty() {
        assert!(play.stage.step(), "it is never deleted");
    }
    play.crash_and_restart();
    play.stage.advance(2 * HOUR_MS);
    let over = deliveries(&play, &id);
    assert_eq!(over.len(), 20);
    assert!(over.iter().all(|d| matches!(d.state, State::Exhausted(_, ExhaustedReason::EndpointDisabled))), "{over:?}");
    assert!(over.iter().all(|d| d.attempts <= 1) && !play.posts().is_empty());
}

#[test]
fn the_rest_of_a_deleted_one_ends_at_the_next_start_not_when_it_is_due() {
    let mut play = Play::new("0s,1h,2h");
    let id = register(&mut play, json!({"url": A})).endpoint.id;
    let other = register(&mut play, json!({"url": B})).endpoint.id;
    play.stage.receivers.set_mood(A, Mood::Broken);
    play.stage.receivers.set_mood(B, Mood::Broken);
    for _ in 0..20 {
        play.submit(INSTANT_MODEL, None);
    }
    play.stage.advance(1_000);
    // Deleted, and dead before anything else.
    let gone = Change::RemoveEndpoint { org: org(), id: id.clone() };
    write(&play, gone);
    play.crash_and_restart();
    play.stage.advance(1_000);
    let over = deliveries(&play, &id);
    assert_eq!(over.len(), 20);
    assert!(over.iter().all(|d| matches!(d.state, State::Exhausted(_, ExhaustedReason::EndpointDisabled))), "{over:?}");
    let others = deliveries(&play, &other);
    assert!(others.iter().all(|d| matches!(d.state, State::Due(_) | State::Parked(..))), "what is another's goes on");
}

#[test]
fn what_another_process_disables_gets_nothing_after_a_second() {
    let mut play = Play::new("0s,3s,3s");
    let id = register(&mut play, json!({"url": A})).endpoint.id;
    play.stage.receivers.set_mood(A, Mood::Broken);
    play.submit(INSTANT_MODEL, None);
    play.stage.run_ready();
    assert_eq!(play.posts().len(), 1);
    let mut next = registered(&play).remove(0);
    assert!(next.move_by(Input::Disable(postsync_core::endpoint::DisabledReason::Requested)));
    next.touch(play.engine().now());
    write(&play, Change::ChangeEndpoint(Box::new(next)));
    play.stage.advance(1_100);
    play.submit(INSTANT_MODEL, None);
    play.stage.advance(60_000);
    assert_eq!((play.posts().len(), deliveries(&play, &id).len()), (1, 1));
    let state = deliveries(&play, &id)[0].state;
    assert!(matches!(state, State::Exhausted(_, ExhaustedReason::EndpointDisabled)), "{state:?}");
}

#[test]
fn a_pause_outlives_the_process() {
    let mut play = Play::new("0s,5s,1m");
    let id = register(&mut play, json!({"url": A})).endpoint.id;
    play.stage.receivers.set_mood(A, Mood::Broken);
    play.submit(INSTANT_MODEL, None);
    play.stage.run_ready();
    let posts = play.posts().len();
    // One that is due while nobody is there, and those that were parked for the pause.
    move_by(&mut play, &id, Input::Pause);
    (0..3).for_each(|_| _ = play.submit(INSTANT_MODEL, None));
    play.stage.run_ready();
    for down_ms in [0, 10_000] {
        play.stage.kill();
        play.stage.clock.advance(down_ms);
        play.start();
        play.stage.advance(HOUR_MS);
        assert_eq!(play.posts().len(), posts, "after {down_ms} ms");
    }
    play.stage.receivers.set_mood(A, Mood::Prompt);
    move_by(&mut play, &id, Input::Resume);
    play.stage.advance(120_000);
    assert!(deliveries(&play, &id).iter().all(|d| matches!(d.state, State::Delivered(_))));
}

#[test]
fn gone_disables_it_and_is_told() {
    let mut play = Play::new("0s,5s,1m");
    let ops = ops(&mut play);
    let id = register(&mut play, json!({"url": A})).endpoint.id;
    play.stage.receivers.set_mood(A, Mood::Gone);
    play.submit(INSTANT_MODEL, None);
    play.stage.advance(1_000);
    assert_eq!(state(&play, &id).reason().map(|reason| reason.as_str()), Some("gone"));
    let mut told = told(&play);
    told.sort_by(|(a, _), (b, _)| a.cmp(b));
    let types: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(types, ["delivery.exhausted", "endpoint.disabled"]);
    assert_eq!(told[0].1["deliveryId"], deliveries(&play, &id)[0].id.to_string());
    assert_eq!((&told[1].1["endpointId"], &told[1].1["reason"]), (&json!(id.as_str()), &json!("gone")));
    play.submit(INSTANT_MODEL, None);
    play.stage.advance(1_000);
    assert_eq!((deliveries(&play, &id).len(), deliveries(&play, &ops).len()), (1, 2));
}

#[test]
fn only_failures_are_told_after_a_day_and_end_it_after_five() {
    let mut play = long();
    ops(&mut play);
    let id = register(&mut play, json!({"url": A})).endpoint.id;
    play.stage.receivers.set_mood(A, Mood::Broken);
    let types = |play: &Play| -> Vec<String> {
        told(play).into_iter().map(|(kind, _)| kind).filter(|kind| kind.starts_with("endpoint.")).collect()
    };
    for _ in 0..5 {
        play.submit(INSTANT_MODEL, None);
        play.stage.advance(4 * HOUR_MS);
    }
    assert_eq!(types(&play), Vec::<String>::new());
    for _ in 5..8 {
        play.submit(INSTANT_MODEL, None);
        play.stage.advance(4 * HOUR_MS);
    }
    assert_eq!(types(&play), ["endpoint.failing"]);
    // What is known survives a restart.
    play.crash_and_restart();
    for _ in 8..29 {
        play.submit(INSTANT_MODEL, None);
        play.stage.advance(4 * HOUR_MS);
    }
    assert_eq!(state(&play, &id), EndpointState::Enabled);
    for _ in 29..33 {
        play.submit(INSTANT_MODEL, None);
        play.stage.advance(4 * HOUR_MS);
    }
    assert_eq!(state(&play, &id).reason().map(|reason| reason.as_str()), Some("failing"));
    assert_eq!(types(&play), ["endpoint.failing", "endpoint.disabled"]);
    assert!(deliveries(&play, &id).iter().all(|d| matches!(d.state, State::Exhausted(..))));
}

#[test]
fn a_success_in_between_begins_anew() {
    let mut play = long();
    ops(&mut play);
    let id = register(&mut play, json!({"url": A})).endpoint.id;
    for n in 0..35 {
        play.stage.receivers.set_mood(A, if n % 5 == 4 { Mood::Prompt } else { Mood::Broken });
        play.submit(INSTANT_MODEL, None);
        play.stage.advance(4 * HOUR_MS);
    }
    assert_eq!(state(&play, &id), EndpointState::Enabled);
    assert!(told(&play).iter().all(|(kind, _)| kind == "delivery.exhausted"), "{:?}", told(&play));
}

#[test]
fn operational_events_do_not_wait_behind_what_they_are_about_and_nothing_is_told_of_them() {
    let mut play = Play::new("0s,1s");
    // One and the same endpoint takes both, and is slow.
    let events = json!(["generation.completed", "delivery.exhausted"]);
    let id = register(&mut play, json!({"url": OPS, "events": events, "concurrency": 1})).endpoint.id;
    play.stage.receivers.script(OPS, [Reply::status(500), Reply::status(500)]);
    play.submit(INSTANT_MODEL, None);
    play.stage.advance(1_200);
    let first = play.posts().into_iter().map(|(_, post)| body(&post)).find(|body| body["type"] == "delivery.exhausted");
    assert!(first.is_some(), "{:?}", urls(&play));
    // All that is operational fails, and no word follows of that.
    play.stage.receivers.set_mood(OPS, Mood::Broken);
    let before = deliveries(&play, &id).len();
    play.submit(INSTANT_MODEL, None);
    play.stage.advance(60_000);
    let of = deliveries(&play, &id);
    assert_eq!(of.len(), before + 2, "the generation's, and the word of its end");
    assert!(of.iter().skip(before).all(|d| matches!(d.state, State::Exhausted(_, ExhaustedReason::ScheduleEnded))));
}

#[test]
fn what_waited_too_long_for_its_receiver_is_told_too() {
    let mut play = long();
    ops(&mut play);
    play.stage.receivers.set_mood(URL, Mood::Down);
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(80 * HOUR_MS);
    let told = told(&play);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0].1["generationId"], &told[0].1["reason"]),
        (&json!(id.to_string()), &json!("destination_down"))
    );
}

#[test]
fn a_test_goes_to_one_endpoint_alone() {
    let mut play = Play::new("0s,5s");
    let id = register(&mut play, json!({"url": A, "events": ["generation.failed"]})).endpoint.id;
    register(&mut play, json!({"url": B}));
    let (engine, org, of) = (play.engine(), org(), id.clone());
    let sent = play.stage.run(60_000, async move { engine.test_endpoint(&org, &of).await });
    let due = sent.expect("an answer").expect("a test");
    play.stage.run_ready();
    assert_eq!(urls(&play), [A]);
    let of = deliveries(&play, &id);
    assert_eq!((of.len(), of[0].id, of[0].origin.as_str()), (1, due.delivery.id, "test"));
    assert!(matches!(of[0].state, State::Delivered(_)));
}

#[test]
fn endpoints_that_nobody_can_read_hold_up_nobody_else() {
    let schedule = Schedule::parse("0s,10s,60s").expect("a schedule");
    let mut play = Play::with(Settings { schedule, in_flight_max: 8, ..Settings::default() }, Bounds::default());
    let hooks: Vec<String> = (0..12).map(|n| format!("https://h{n}.example/hook")).collect();
    for hook in &hooks {
        register(&mut play, json!({"url": hook}));
        play.stage.receivers.script(hook, [Reply::status(500)]);
    }
    play.submit(INSTANT_MODEL, None);
    play.stage.advance(2_000);
    let sent = play.posts().len();
    assert_eq!(sent, hooks.len());
    play.stage.store.set_endpoints_damaged(org(), Some(StoreError::Key("sealed under another key".to_owned())));
    play.stage.advance(12_000);
    // Some slots are kept for first attempts: what it needs is one for another.
    play.stage.receivers.script(URL, [Reply::status(500)]);
    let other = play.submit_this(Stage::request("acme", INSTANT_MODEL, Some(URL)));
    play.stage.advance(20_000);
    assert!(play.is_delivered(other), "their slots go on to others");
    assert_eq!(play.posts().len(), sent + 2, "and nothing is sent without a look at its endpoint");
    play.stage.store.set_endpoints_damaged(org(), None);
    play.stage.advance(5_000);
    assert_eq!(play.posts().len(), sent + 2 + hooks.len(), "nothing of it is lost");
}
