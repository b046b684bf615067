//! Listeners: how far each has come, what waits for it beside its feed, and what goes on record with its answers.
use std::time::Duration;

use bytes::Bytes;
use postsync_core::change::Change;
use postsync_core::delivery::{Origin, State};
use postsync_core::endpoint::EventFilter;
use postsync_core::event::EventType;
use postsync_core::feed::Seq;
use postsync_core::ids::{DeliveryId, EventId, ListenerName};
use postsync_core::limits::{LISTENER_IDLE_MS, LISTENER_QUEUE_MAX, LISTENERS_MAX};
use postsync_core::listener::{Answered, Listener, ListenerChange, LocalAnswer, Outgoing, Passed, endpoint_of};
use postsync_core::replay::Filter;
use postsync_core::sent::Sent;
use postsync_engine::ports::{ReplayQuery, Store};

use super::world::*;

fn name(text: &str) -> ListenerName {
    ListenerName::new(text)
}

fn listener(whose: &str, text: &str, seq: i64) -> Listener {
    Listener {
        org: org(whose),
        name: name(text),
        forward_to: "http://localhost:3000/webhook".to_owned(),
        events: EventFilter::default(),
        seq: Seq(seq),
        created_at: at(5),
        seen_at: at(5),
        answered: None,
    }
}

fn seat(listener: &Listener) -> Vec<Change> {
    vec![Change::Listener(ListenerChange::Seat(Box::new(listener.clone())))]
}

fn queue(whose: &str, event: i64, kind: EventType) -> Vec<Change> {
    vec![Change::Listener(ListenerChange::Queue { org: org(whose), event: EventId(event), kind })]
}

async fn seq(store: &dyn Store, whose: &str, text: &str) -> Option<i64> {
    store.listener(&org(whose), &name(text)).await.unwrap().map(|listener| listener.seq.0)
}

async fn queued(store: &dyn Store, whose: &str, text: &str) -> Vec<i64> {
    let queue = store.listener_queue(&org(whose), &name(text), 9_999).await.unwrap();
    queue.into_iter().map(|(id, _)| id.0).collect()
}

pub(crate) async fn a_listener_reads_back_whole_and_keeps_when_it_was_first_seen(store: &dyn Store) {
    let (b, a, theirs) = (listener("default", "b", 7), listener("default", "a", 0), listener("acme", "a", 1));
    for listener in [&b, &a, &theirs] {
        done(store, seat(listener)).await;
    }
    assert_eq!(store.listeners(&org("default")).await, Ok(vec![a.clone(), b.clone()]));
    let events = EventFilter::parse("generation.failed,batch.completed").unwrap();
    let again = Listener { forward_to: "http://[::1]/x".to_owned(), events, seq: Seq(2), seen_at: at(50), ..b.clone() };
    done(store, seat(&Listener { created_at: at(50), ..again.clone() })).await;
    assert_eq!(store.listener(&org("default"), &name("b")).await, Ok(Some(again)));
    assert_eq!(store.listener(&org("acme"), &name("b")).await, Ok(None));
}

pub(crate) async fn a_place_moves_on_and_never_back_by_an_answer(store: &dyn Store) {
    let it = listener("default", "a", 3);
    stale(store, vec![it.passes(Passed::Place(Seq(4)), None, at(6))]).await;
    done(store, seat(&it)).await;
    done(store, vec![it.passes(Passed::Place(Seq(9)), None, at(6))]).await;
    let answered = Some(Answered { status: 500, at: at(7) });
    done(store, vec![it.passes(Passed::Place(Seq(8)), answered, at(7))]).await;
    done(store, vec![it.passes(Passed::Again, None, at(8))]).await;
    let want = Listener { seq: Seq(9), answered, seen_at: at(8), ..it.clone() };
    assert_eq!(store.listener(&org("default"), &name("a")).await, Ok(Some(want)));
    // Who comes says where it begins: that may be further back.
    done(store, seat(&Listener { seq: Seq(1), ..it })).await;
    assert_eq!(seq(store, "default", "a").await, Some(1));
}

pub(crate) async fn what_has_no_place_waits_for_each_that_takes_it(store: &dyn Store) {
    let only_failed = EventFilter::parse("generation.failed,delivery.exhausted").unwrap();
    for (whose, text, events) in [
        ("default", "all", EventFilter::default()),
        ("default", "some", only_failed),
        ("acme", "all", EventFilter::default()),
    ] {
        done(store, seat(&Listener { events, ..listener(whose, text, 0) })).await;
    }
    let kept = event(2, 1, "default");
    done(store, vec![add_event(&kept)]).await;
    for (number, kind) in
        [(2, EventType::GenerationCompleted), (3, EventType::GenerationFailed), (4, EventType::DeliveryExhausted)]
    {
        done(store, queue("default", number, kind)).await;
    }
    assert_eq!(
        (queued(store, "default", "all").await, queued(store, "default", "some").await),
        (vec![2, 3], vec![3, 4])
    );
    assert_eq!(queued(store, "acme", "all").await, Vec::<i64>::new());
    let first = store.listener_queue(&org("default"), &name("all"), 1).await.unwrap();
    assert_eq!(first, vec![(EventId(2), Some(kept))]);
    done(store, vec![listener("default", "all", 0).passes(Passed::Queued(EventId(2)), None, at(6))]).await;
    let rest = store.listener_queue(&org("default"), &name("all"), 9).await.unwrap();
    assert_eq!(rest, vec![(EventId(3), None)], "what is not kept any more is told as that");
}

pub(crate) async fn both_have_their_bounds(store: &dyn Store) {
    for number in 0..LISTENERS_MAX {
        done(store, seat(&listener("default", &format!("{number:03}"), 0))).await;
    }
    let late = |ms: i64| Listener { seen_at: at(ms), created_at: at(ms), ..listener("default", "late", 0) };
    stale(store, seat(&late(5 + LISTENER_IDLE_MS))).await;
    done(store, seat(&Listener { seen_at: at(50), ..listener("default", "007", 0) })).await;
    for number in 0..=LISTENER_QUEUE_MAX {
        done(store, queue("default", number as i64 + 1, EventType::BatchCompleted)).await;
    }
    assert_eq!(queued(store, "default", "008").await.len(), LISTENER_QUEUE_MAX);
    done(store, seat(&late(6 + LISTENER_IDLE_MS))).await;
    let left: Vec<String> =
        store.listeners(&org("default")).await.unwrap().iter().map(|listener| listener.name.to_string()).collect();
    assert_eq!(left, ["007", "late"]);
    assert_eq!(queued(store, "default", "008").await, Vec::<i64>::new(), "their queues go with them");
}

pub(crate) async fn an_answer_is_on_record_and_no_replay_means_it(store: &dyn Store) {
    let it = listener("default", "a", 0);
    let happened = event(1, 1, "default");
    done(store, [seat(&it), vec![add_event(&happened)]].concat()).await;
    let place = Passed::Place(Seq(1));
    let of = Outgoing { delivery: DeliveryId(7), event: happened, place, attempt: 3, sent: Sent::by("0.1.0", 1) };
    let said =
        LocalAnswer::read(404, Duration::from_millis(2), Bytes::new(), Bytes::from_static(b"no"), false).unwrap();
    done(store, it.on_record(&of, said, at(60_000))).await;
    let record = store.delivery(&org("default"), DeliveryId(7)).await.unwrap().unwrap();
    let delivery = &record.delivery;
    assert_eq!(
        (delivery.origin, delivery.attempts, delivery.state),
        (Origin::Listener, 3, State::Delivered(at(60_000)))
    );
    assert_eq!(delivery.endpoint, endpoint_of(&it.org, &it.name));
    let [attempt] = &record.attempts[..] else { panic!("{:?}", record.attempts) };
    let end = attempt.end.as_ref().unwrap();
    assert_eq!((attempt.attempt, end.http_status, end.phases.total_us), (3, Some(404), Some(2_000)));
    assert_eq!(end.answer.as_ref().map(|answer| &answer.body[..]), Some(&b"no"[..]));
    assert_eq!(store.due(at(1_000_000), None, 9).await.unwrap(), Vec::new());
    let everything = ReplayQuery {
        org: org("default"),
        filter: Filter::default(),
        after: DeliveryId(0),
        until: DeliveryId(99),
        look: 99,
        limit: 99,
    };
    assert_eq!(store.replayable(everything).await.unwrap().found, Vec::new());
}
