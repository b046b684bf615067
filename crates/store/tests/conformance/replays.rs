//! Replays: what a walk finds, where it is, what it leaves waiting.
use postsync_core::change::{Change, Parking, ReplayStep};
use postsync_core::delivery::{ExhaustedReason, Origin, State};
use postsync_core::ids::{DeliveryId, EndpointId, ReplayId};
use postsync_core::outcome::SendError;
use postsync_core::parking::ParkReason;
use postsync_core::replay::{Circumstances, EndedAs, Filter, Replay, replay_one};
use postsync_core::retention::Standing;
use postsync_engine::ports::{ReplayQuery, Store};

use super::world::*;

const EXHAUSTED: State = State::Exhausted(START, ExhaustedReason::ScheduleEnded);
const DELIVERED: State = State::Delivered(START);

fn replay(number: i64, filter: Filter) -> Replay {
    Replay::new(ReplayId(number), org("default"), filter, at(number), Some(7))
}

fn add_replay(replay: &Replay) -> Change {
    Change::AddReplay(Box::new(replay.clone()))
}

fn step(number: i64, from: i64, to: i64, ended_ms: Option<i64>) -> Change {
    let (from, to) = (DeliveryId(from), DeliveryId(to));
    let step = ReplayStep { id: ReplayId(number), from, to, made: 2, skipped: 1, ended_at: ended_ms.map(at) };
    Change::AdvanceReplay(Box::new(step))
}

fn mark(number: i64, before_ms: Option<i64>, ms: i64) -> Change {
    Change::MarkReplayed { id: DeliveryId(number), before: before_ms.map(at), at: at(ms) }
}

fn query(filter: Filter) -> ReplayQuery {
    let (after, until) = (DeliveryId(0), DeliveryId(900));
    ReplayQuery { org: org("default"), filter, after, until, look: 99, limit: 99 }
}

fn all_again() -> Filter {
    Filter { again: true, ..Filter::default() }
}

/// The ids that a page has, and how far it went.
async fn found(store: &dyn Store, query: ReplayQuery) -> (Vec<i64>, Option<i64>) {
    let page = store.replayable(query).await.unwrap();
    (page.found.iter().map(|o| o.delivery.id.0).collect(), page.read_to.map(|id| id.0))
}

/// 1 and 2 delivered, 3 and 4 exhausted, 5 due, 6 exhausted; the even ones of generation 2 and for `b`, the others of 1 and
/// for `app`. 7 is another organization's, and exhausted.
async fn fill(store: &dyn Store) {
    let states = [DELIVERED, DELIVERED, EXHAUSTED, EXHAUSTED, State::Due(at(50)), EXHAUSTED, EXHAUSTED];
    for (number, state) in (1i64..).zip(states) {
        let (generation, endpoint) = if number % 2 == 0 { (2, "b") } else { (1, "app") };
        let event = event(number + 100, generation, if number == 7 { "acme" } else { "default" });
        done(store, vec![add_event(&event), add_delivery(&delivery(number, &event, endpoint, 0))]).await;
        done(store, vec![start_attempt(number, 1), settle(number, 1, state)]).await;
    }
}

pub(crate) async fn a_replay_reads_back_whole(store: &dyn Store) {
    let whole = Filter {
        status: Some(EndedAs::Exhausted),
        generation: Some(gen_id(9)),
        endpoint: Some(EndpointId::new("app")),
        since: Some(at(1)),
        until: Some(at(2)),
        error: Some(SendError::TlsExpired),
        again: true,
    };
    let first = replay(20, whole);
    let second = Replay { count: None, ..replay(21, Filter::default()) };
    done(store, vec![add_replay(&second)]).await;
    done(store, vec![add_replay(&first)]).await;
    assert_eq!(store.replay(&org("default"), ReplayId(20)).await.unwrap(), Some(first.clone()));
    assert_eq!(store.replay(&org("acme"), ReplayId(20)).await.unwrap(), None);
    assert_eq!(store.replay(&org("default"), ReplayId(22)).await.unwrap(), None);
    assert_eq!(store.running_replays(9).await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(store.running_replays(1).await.unwrap(), [first]);
    assert!(store.apply(vec![add_replay(&second)]).await.is_err(), "an id is given once");
    assert_eq!(store.last_id().await.unwrap(), 21);
}

pub(crate) async fn the_place_of_a_walk_is_its_fence(store: &dyn Store) {
    let begun = replay(20, Filter::default());
    let read = async || store.replay(&org("default"), ReplayId(20)).await.unwrap().unwrap();
    stale(store, vec![step(20, 0, 3, None)]).await;
    done(store, vec![add_replay(&begun)]).await;
    stale(store, vec![step(20, 1, 3, None)]).await;
    done(store, vec![step(20, 0, 3, None)]).await;
    stale(store, vec![step(20, 0, 3, None)]).await;
    let moved = Replay { read_to: DeliveryId(3), made: 2, skipped: 1, ..begun };
    assert_eq!(read().await, moved);
    done(store, vec![step(20, 3, 20, Some(5))]).await;
    let ended = Replay { read_to: DeliveryId(20), made: 4, skipped: 2, count: Some(6), ended_at: Some(at(5)), ..moved };
    assert_eq!(read().await, ended);
    assert_eq!(store.running_replays(9).await.unwrap(), []);
    stale(store, vec![step(20, 20, 20, Some(6))]).await;
}

pub(crate) async fn a_walk_finds_what_its_filter_means(store: &dyn Store) {
    fill(store).await;
    let of = |status| Filter { status: Some(status), ..Filter::default() };
    let generation = |number| Filter { generation: Some(gen_id(number)), ..Filter::default() };
    let endpoint = |name| Filter { endpoint: Some(EndpointId::new(name)), ..Filter::default() };
    let error = |error| Filter { error: Some(error), ..Filter::default() };
    let cases: [(Filter, &[i64]); 12] = [
        (Filter::default(), &[1, 2, 3, 4, 6]),
        (of(EndedAs::Delivered), &[1, 2]),
        (of(EndedAs::Exhausted), &[3, 4, 6]),
        (generation(1), &[1, 3]),
        (Filter { status: Some(EndedAs::Exhausted), ..generation(2) }, &[4, 6]),
        (generation(3), &[]),
        (endpoint("b"), &[2, 4, 6]),
        (Filter { status: Some(EndedAs::Delivered), ..endpoint("b") }, &[2]),
        (Filter { endpoint: Some(EndpointId::new("app")), ..generation(2) }, &[]),
        (error(SendError::ConnectRefused), &[3, 4, 6]),
        (error(SendError::TlsExpired), &[]),
        // Made at the time of their events: 101 ms after the start of time, 102 and so on.
        (Filter { since: Some(at(102)), until: Some(at(104)), ..Filter::default() }, &[2, 3, 4]),
    ];
    for (filter, want) in cases {
        assert_eq!(found(store, query(filter.clone())).await, (want.to_vec(), None), "{filter:?}");
        let counted = store.count_replayable(query(filter)).await.unwrap();
        assert_eq!((counted.count, counted.read_to), (want.len() as u64, None));
    }
    let theirs = ReplayQuery { org: org("acme"), ..query(Filter::default()) };
    assert_eq!(found(store, theirs).await, (vec![7], None));
}

pub(crate) async fn a_walk_goes_on_where_it_stopped(store: &dyn Store) {
    fill(store).await;
    let all = || query(Filter::default());
    let after = |id| ReplayQuery { after: DeliveryId(id), ..all() };
    assert_eq!(found(store, after(2)).await, (vec![3, 4, 6], None));
    assert_eq!(found(store, ReplayQuery { until: DeliveryId(4), ..after(1) }).await, (vec![2, 3, 4], None));
    assert_eq!(found(store, ReplayQuery { limit: 2, ..after(1) }).await, (vec![2, 3], Some(3)));
    assert_eq!(found(store, ReplayQuery { limit: 2, ..after(3) }).await, (vec![4, 6], None));
    // What was looked at in vain is not looked at again.
    let refused = Filter { error: Some(SendError::ConnectRefused), ..Filter::default() };
    let looks = |id, look| ReplayQuery { look, after: DeliveryId(id), ..query(refused.clone()) };
    assert_eq!(found(store, looks(0, 2)).await, (vec![], Some(2)));
    assert_eq!(found(store, looks(2, 2)).await, (vec![3, 4], Some(4)));
    assert_eq!(found(store, looks(4, 2)).await, (vec![6], None));
    assert_eq!(found(store, ReplayQuery { limit: 1, ..looks(2, 2) }).await, (vec![3], Some(3)));
    let counted = store.count_replayable(looks(0, 3)).await.unwrap();
    assert_eq!((counted.count, counted.read_to.map(|id| id.0)), (1, Some(3)));
}

pub(crate) async fn what_was_replayed_is_remembered(store: &dyn Store) {
    fill(store).await;
    stale(store, vec![mark(99, None, 5)]).await;
    stale(store, vec![mark(3, Some(1), 5)]).await;
    done(store, vec![mark(3, None, 5), mark(1, None, 5)]).await;
    stale(store, vec![mark(3, None, 6)]).await;
    assert_eq!(found(store, query(Filter::default())).await.0, [2, 4, 6], "their replays stand for them");
    assert_eq!(found(store, query(all_again())).await.0, [2, 3, 4, 6]);
    let since = |ms| query(Filter { since: Some(at(ms)), ..all_again() });
    assert_eq!(found(store, since(5)).await.0, [2, 3, 4, 6]);
    assert_eq!(
        found(store, since(6)).await.0,
        [1, 2, 3, 4, 6],
        "a delivered one, whose replay is not meant, may be meant again"
    );
    assert_eq!(store.count_replayable(query(Filter::default())).await.unwrap().count, 3);
    let original = store.original(&org("default"), DeliveryId(3)).await.unwrap().unwrap();
    assert_eq!((original.replayed_at, original.has_event), (Some(at(5)), true));
    assert_eq!(original.delivery, store.delivery(&org("default"), DeliveryId(3)).await.unwrap().unwrap().delivery);
    assert_eq!(store.replayable(query(all_again())).await.unwrap().found[1], original);
    done(store, vec![mark(3, Some(5), 9)]).await;
    let original = store.original(&org("default"), DeliveryId(3)).await.unwrap().unwrap();
    assert_eq!(original.replayed_at, Some(at(9)));
    let aged = store.aged_deliveries(Some(DeliveryId(2)), DeliveryId(5), 9).await.unwrap();
    let standings: Vec<Standing> = aged.iter().map(|aged| aged.standing).collect();
    assert_eq!(standings, [Standing::Replayed, Standing::Exhausted], "it need not be kept for whoever replays it");
    assert_eq!(store.original(&org("acme"), DeliveryId(3)).await.unwrap(), None);
    assert_eq!(store.original(&org("default"), DeliveryId(99)).await.unwrap(), None);
}

pub(crate) async fn so_many_run_at_once_and_no_more(store: &dyn Store) {
    let of = |number, whose: &str| Replay { org: org(whose), ..replay(number, Filter::default()) };
    for number in 1..=16 {
        done(store, vec![add_replay(&of(number, "default"))]).await;
    }
    stale(store, vec![add_replay(&of(17, "default"))]).await;
    for number in 17..=256 {
        done(store, vec![add_replay(&of(number, &format!("o{}", number / 16)))]).await;
    }
    stale(store, vec![add_replay(&of(300, "acme"))]).await;
    done(store, vec![step(1, 0, 20, Some(5))]).await;
    done(store, vec![add_replay(&of(300, "acme"))]).await;
    stale(store, vec![add_replay(&of(301, "default"))]).await;
}

pub(crate) async fn old_replays_go_once_they_are_done(store: &dyn Store) {
    for number in 1..=5 {
        done(store, vec![add_replay(&replay(number, Filter::default()))]).await;
        if number != 2 {
            done(store, vec![step(number, 0, 20, Some(5))]).await;
        }
    }
    let forget = |before, limit| Change::ForgetReplays { before: ReplayId(before), limit };
    let left = async || {
        let mut left = Vec::new();
        for number in 1..=5 {
            if store.replay(&org("default"), ReplayId(number)).await.unwrap().is_some() {
                left.push(number);
            }
        }
        left
    };
    stale(store, vec![forget(1, 9)]).await;
    done(store, vec![forget(5, 2)]).await;
    assert_eq!(left().await, [2, 4, 5], "the oldest first, and none that is running");
    done(store, vec![forget(5, 2)]).await;
    stale(store, vec![forget(5, 2)]).await;
    assert_eq!(left().await, [2, 5]);
}

pub(crate) async fn a_replays_delivery_is_one_like_any_other(store: &dyn Store) {
    fill(store).await;
    let original = store.original(&org("default"), DeliveryId(3)).await.unwrap().unwrap();
    let schedule = postsync_core::schedule::Schedule::default();
    let given = Circumstances { registered: &[], servers: &schedule, now: at(60) };
    let made = replay_one(&original, DeliveryId(30), given).unwrap();
    done(store, made.0).await;
    let record = store.delivery(&org("default"), DeliveryId(30)).await.unwrap().unwrap();
    assert_eq!((&record.delivery, record.delivery.origin), (&made.1, Origin::Replay));
    assert_eq!(numbers(&store.due(at(60), None, 9).await.unwrap()), [5, 30]);
    // And may be replayed itself, once it has ended.
    done(store, vec![start_attempt(30, 1), settle(30, 1, EXHAUSTED)]).await;
    assert_eq!(found(store, query(Filter::default())).await.0, [1, 2, 4, 6, 30]);
}

pub(crate) async fn the_last_error_counts_also_of_what_ended_parked(store: &dyn Store) {
    for number in [5, 6] {
        deliver(store, number, 0).await;
    }
    done(store, vec![start_attempt(5, 1), settle(5, 1, State::Due(at(1)))]).await;
    done(store, vec![after(1, park(5, "lane", 9)), after(1, exhaust(5, 8))]).await;
    // Never tried.
    done(store, vec![park(6, "lane", 9), exhaust(6, 8)]).await;
    let refused = Filter { error: Some(SendError::ConnectRefused), ..Filter::default() };
    assert_eq!(found(store, query(refused)).await.0, [5]);
    assert_eq!(found(store, query(Filter::default())).await.0, [5, 6]);
}

pub(crate) async fn a_walk_that_begins_behind_its_end_finds_nothing(store: &dyn Store) {
    fill(store).await;
    for (after, until) in [(3, 2), (9, 0), (6, 6)] {
        let backwards = ReplayQuery { after: DeliveryId(after), until: DeliveryId(until), ..query(Filter::default()) };
        assert_eq!(found(store, backwards.clone()).await, (vec![], None), "behind {after} and up to {until}");
        assert_eq!(store.count_replayable(backwards).await.unwrap().count, 0);
    }
}

pub(crate) async fn what_waits_for_its_turn_is_told(store: &dyn Store) {
    // 1 due, 2 being attempted, 3 later, 4 in a backlog, 5 behind what is down, 6 ended.
    for (number, due_ms) in [(1, 5), (2, 5), (3, 50), (4, 5), (5, 5), (6, 5)] {
        deliver(store, number, due_ms).await;
    }
    let Change::Park(down) = park(4, "lane", 99) else { unreachable!() };
    let backlog = Parking { reason: ParkReason::Backlog, ..*down };
    done(store, vec![start_attempt(2, 1), Change::Park(Box::new(backlog)), park(5, "lane", 99)]).await;
    done(store, vec![start_attempt(6, 1), settle(6, 1, DELIVERED)]).await;
    let ids: Vec<DeliveryId> = [6, 5, 4, 3, 2, 1, 77].map(DeliveryId).to_vec();
    let waiting =
        async |ms| store.waiting(ids.clone(), at(ms)).await.unwrap().iter().map(|id| id.0).collect::<Vec<_>>();
    assert_eq!(waiting(5).await, [4, 2, 1]);
    assert_eq!(waiting(50).await, [4, 3, 2, 1]);
    assert_eq!(waiting(4).await, [4]);
}
