//! An organization with a limit: who is let in, who waits, who is refused, and that nobody who waits is forgotten.
use futures::FutureExt as _;
use postsync_core::access::{AccessChange, OrgLimits, Organization};
use postsync_core::change::Change;
use postsync_core::generation::Status;
use postsync_core::ids::{GenerationId, OrgId};
use postsync_core::plan::{Allowance, Plans};
use postsync_core::schedule::Schedule;
use postsync_engine::ports::{Applied, Spawn as _};
use postsync_engine::{Bounds, NoPlace, PlaceError, Settings, Submission, Wanted};
use postsync_sim::world::{Work, WorkResult};
use postsync_sim::{SLOW_MODEL, Stage};

use crate::play::{ORG, Play, URL};

const ANSWER_MS_MAX: i64 = 60_000;
const MINUTE: Work = Work { takes_ms: 20_000, result: WorkResult::Done };

fn settings(concurrency: u32, queued_max: usize) -> Settings {
    let plans = Plans { server: Allowance { concurrency, ..Allowance::default() }, ..Plans::default() };
    Settings { plans, queued_max, schedule: Schedule::parse("0s").expect("a schedule"), ..Settings::default() }
}

fn play(concurrency: u32, queued_max: usize) -> Play {
    let play = play_within(settings(concurrency, queued_max), Bounds::default());
    play.stage.slow.script(vec![MINUTE; 64]);
    play
}

fn play_within(settings: Settings, bounds: Bounds) -> Play {
    let play = Play::with(settings, bounds);
    let (id, created_at) = (OrgId::new(ORG), play.engine().now());
    let made = Organization { id, name: ORG.to_owned(), plan: None, concurrency: None, created_at };
    let done = play.stage.store.inner().apply(vec![Change::AddOrganization(made)]).now_or_never();
    assert!(matches!(done, Some(Ok(Applied::Done | Applied::Stale))));
    play
}

fn create(play: &mut Play, limit: u32, may_wait: bool) -> Result<GenerationId, NoPlace> {
    // Ids are in the order of their milliseconds.
    play.stage.advance(1);
    let engine = play.engine();
    let answer = play.stage.run(ANSWER_MS_MAX, async move {
        let place = match engine.take_place(&OrgId::new(ORG), Wanted { limit, may_wait }).await {
            Ok(place) => place,
            Err(PlaceError::Full(no)) => return Err(no),
            Err(PlaceError::Store(error)) => panic!("{error}"),
        };
        let plain = Submission::plain(Stage::request(ORG, SLOW_MODEL, Some(URL)));
        let generation = engine.submit_this(Submission { place, ..plain }).await.expect("an accepted generation");
        Ok(generation.id)
    });
    answer.expect("an answer")
}

fn held(play: &Play) -> Vec<GenerationId> {
    let held = play.stage.store.inner().held(None, 99).now_or_never().expect("at once").expect("a list");
    held.into_iter().map(|(_, id)| id).collect()
}

fn statuses(play: &Play, ids: &[GenerationId]) -> Vec<Status> {
    ids.iter().map(|id| play.generation(*id).status()).collect()
}

#[test]
fn over_the_limit_an_upload_waits_and_a_json_create_is_refused() {
    let mut play = play(1, 2);
    let first = create(&mut play, 1, false).unwrap();
    assert_eq!(create(&mut play, 1, false), Err(NoPlace { active: 1, limit: 1 }));
    let second = create(&mut play, 1, true).unwrap();
    let third = create(&mut play, 1, true).unwrap();
    assert_eq!(create(&mut play, 1, true), Err(NoPlace { active: 3, limit: 1 }), "as many wait as may");
    assert_eq!(held(&play), [second, third]);
    play.stage.advance(10_000);
    let all = [first, second, third];
    assert_eq!(statuses(&play, &all), [Status::Processing, Status::Pending, Status::Pending], "one at a time");

    play.stage.advance(12_000);
    assert_eq!(statuses(&play, &all), [Status::Completed, Status::Processing, Status::Pending]);
    assert_eq!(create(&mut play, 1, false), Err(NoPlace { active: 2, limit: 1 }), "nobody overtakes who waits");
    play.stage.advance(60_000);
    assert_eq!(statuses(&play, &all), [Status::Completed; 3]);
    assert_eq!((held(&play), play.posts().len()), (vec![], 3), "each has told its receiver");
    create(&mut play, 1, false).unwrap();
}

#[test]
fn a_create_that_comes_to_nothing_gives_its_place_back() {
    let mut play = play(1, 0);
    let (engine, org) = (play.engine(), OrgId::new(ORG));
    let wanted = Wanted { limit: 1, may_wait: true };
    let answer = play.stage.run(ANSWER_MS_MAX, async move {
        let place = engine.take_place(&org, wanted).await.unwrap();
        assert!(engine.take_place(&org, wanted).await.is_err());
        drop(place);
    });
    answer.expect("an answer");
    create(&mut play, 1, true).unwrap();
}

#[test]
fn after_a_crash_it_goes_on_from_what_is_on_disk() {
    let mut play = play(2, 9);
    let ids: Vec<GenerationId> = (0..5).map(|_| create(&mut play, 2, true).unwrap()).collect();
    play.stage.advance(1_000);
    play.crash_and_restart();
    assert_eq!(held(&play), ids[2..]);
    assert_eq!(create(&mut play, 2, false), Err(NoPlace { active: 5, limit: 2 }), "they are counted again");
    for _ in 0..30 {
        play.stage.advance(5_000);
        let at_work = statuses(&play, &ids).into_iter().filter(|status| *status == Status::Processing).count();
        assert!(at_work <= 2, "{at_work} at work");
    }
    assert_eq!(statuses(&play, &ids), [Status::Completed; 5]);
    assert_eq!(held(&play), []);
}

#[test]
fn without_a_limit_nothing_waits_any_more() {
    let mut play = play(1, 9);
    let ids: Vec<GenerationId> = (0..4).map(|_| create(&mut play, 1, true).unwrap()).collect();
    assert_eq!(held(&play), ids[1..]);
    play.stage.kill();
    play.stage.set_settings(settings(0, 9));
    play.start();
    assert_eq!(held(&play), []);
    play.stage.advance(120_000);
    assert_eq!(statuses(&play, &ids), [Status::Completed; 4]);
}

#[test]
fn who_has_no_limit_is_not_held_up_by_who_has_one() {
    let mut play = play(1, 9);
    create(&mut play, 1, true).unwrap();
    create(&mut play, 1, true).unwrap();
    let other = play.submit_this(Stage::request("other", postsync_sim::INSTANT_MODEL, Some(URL)));
    play.stage.run_ready();
    assert_eq!(play.generation(other).status(), Status::Completed);
}

/// While memory is behind, whatever is on disk may be read from there and end before its create has been answered.
#[test]
fn one_that_ends_before_its_commit_is_answered_gives_its_place_back() {
    let mut play = play_within(settings(1, 9), Bounds { waiting_max: 1, ..Bounds::default() });
    play.stage.slow.script(vec![Work { takes_ms: 2_000, result: WorkResult::Done }; 64]);
    // More than have their inputs fetched ahead, and than wait in memory.
    for _ in 0..14 {
        play.submit_this(Stage::request("other", SLOW_MODEL, Some(URL)));
    }
    play.stage.store.answer_a_create_late(ANSWER_MS_MAX - 1);
    let first = create(&mut play, 1, false).unwrap();
    assert_eq!(statuses(&play, &[first]), [Status::Completed], "ended while it was on its way back");
    create(&mut play, 1, false).unwrap();
}

/// The same of one that waits: its owner may end it as soon as it is on disk.
#[test]
fn one_that_is_canceled_before_its_commit_is_answered_waits_no_more() {
    let mut play = play(1, 1);
    create(&mut play, 1, false).unwrap();
    play.stage.store.answer_a_create_late(5_000);
    let (engine, org) = (play.engine(), OrgId::new(ORG));
    play.stage.spawner().spawn(Box::pin(async move {
        let place = engine.take_place(&org, Wanted { limit: 1, may_wait: true }).await.unwrap();
        let plain = Submission::plain(Stage::request(ORG, SLOW_MODEL, Some(URL)));
        drop(engine.submit_this(Submission { place, ..plain }).await);
    }));
    play.stage.run_ready();
    let (engine, id) = (play.engine(), held(&play)[0]);
    let canceled = play.stage.run(1_000, async move { engine.cancel(&OrgId::new(ORG), id).await });
    canceled.expect("an answer").expect("canceled");
    play.stage.advance(10_000);
    create(&mut play, 1, true).expect("its place among those that wait is free");
}

#[test]
fn one_that_is_canceled_while_it_waits_is_not_counted_after_a_crash() {
    let mut play = play(1, 2);
    let first = create(&mut play, 1, false).unwrap();
    let second = create(&mut play, 1, true).unwrap();
    let engine = play.engine();
    let canceled = play.stage.run(1_000, async move { engine.cancel(&OrgId::new(ORG), second).await });
    canceled.expect("an answer").expect("canceled");
    assert_eq!(held(&play), []);
    play.crash_and_restart();
    play.stage.advance(60_000);
    assert_eq!(statuses(&play, &[first, second]), [Status::Completed, Status::Failed]);
    create(&mut play, 1, false).expect("nobody is there any more");
}

/// As the operator does it beside the server.
fn set_concurrency(play: &Play, was: Option<u32>, now: Option<u32>) {
    let limits = |concurrency| OrgLimits { plan: None, concurrency };
    let change = AccessChange::Limit { org: OrgId::new(ORG), was: limits(was), now: limits(now) };
    let done = play.stage.store.inner().apply(vec![Change::Access(change)]).now_or_never();
    assert_eq!(done, Some(Ok(Applied::Done)));
}

#[test]
fn a_limit_that_is_raised_lets_in_who_waits_without_another_create() {
    let mut play = play(1, 9);
    let ids: Vec<GenerationId> = (0..5).map(|_| create(&mut play, 1, true).unwrap()).collect();
    assert_eq!(held(&play), ids[1..]);
    set_concurrency(&play, None, Some(3));
    play.stage.advance(1_100);
    assert_eq!(held(&play), ids[3..]);
    set_concurrency(&play, Some(3), Some(0));
    play.stage.advance(1_100);
    assert_eq!(held(&play), [], "without a limit all of them");
    // Who waits after that is looked after, too.
    set_concurrency(&play, Some(0), Some(1));
    play.stage.advance(1_100);
    let late = create(&mut play, 1, true).unwrap();
    assert_eq!(held(&play), [late]);
    set_concurrency(&play, Some(1), Some(9));
    play.stage.advance(1_100);
    assert_eq!(held(&play), []);
}

#[test]
fn a_first_limit_counts_what_is_open_already() {
    let mut play = play(0, 9);
    let ids: Vec<GenerationId> = (0..3).map(|_| create(&mut play, 0, true).unwrap()).collect();
    assert_eq!(create(&mut play, 3, false), Err(NoPlace { active: 3, limit: 3 }));
    let fourth = create(&mut play, 4, false).unwrap();
    assert_eq!(create(&mut play, 4, false), Err(NoPlace { active: 4, limit: 4 }));
    play.stage.advance(120_000);
    assert_eq!(statuses(&play, &[&ids[..], &[fourth]].concat()), [Status::Completed; 4]);
    for n in 1..=4 {
        assert!(create(&mut play, 4, false).is_ok(), "all of their places were given back: {n}");
    }
}
