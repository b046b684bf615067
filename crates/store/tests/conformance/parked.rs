//! What is held back: where it is found, what moves it on, and that nothing of it is lost.
use postsync_core::delivery::{Delivery, ExhaustedReason, State};
use postsync_core::event::Event;
use postsync_core::ids::DeliveryId;
use postsync_core::limits::DUE_PAGE_BYTES_MAX;
use postsync_core::parking::{Lane, ParkReason};
use postsync_engine::ports::{BacklogQuery, DeliveryFilter, DeliveryQuery, Store};

use super::world::*;

const A: &str = "https://a.example:443";
const B: &str = "imp_b";

async fn in_lane(store: &dyn Store, lane: &str, limit: usize) -> Vec<i64> {
    numbers(&store.parked(&Lane::stored(lane), limit, usize::MAX).await.unwrap())
}

async fn state(store: &dyn Store, number: i64) -> State {
    store.delivery(&org("default"), DeliveryId(number)).await.unwrap().unwrap().delivery.state
}

pub(crate) async fn what_is_parked_is_found_by_its_lane_and_not_due(store: &dyn Store) {
    for number in 1..=4 {
        deliver(store, number, 10 * number).await;
    }
    done(store, vec![park(3, A, 90), park(1, A, 80), park(2, B, 70)]).await;
    assert_eq!(numbers(&store.due(at(99), None, 9).await.unwrap()), [4]);
    assert_eq!(store.next_due(at(0)).await.unwrap(), Some(at(40)));
    assert_eq!((in_lane(store, A, 9).await, in_lane(store, A, 1).await), (vec![1, 3], vec![1]));
    assert_eq!(in_lane(store, B, 9).await, [2]);
    assert_eq!(in_lane(store, "nobody's", 9).await, [0i64; 0]);
    let lanes = store.parked_lanes(None, 9).await.unwrap();
    assert_eq!(lanes, [Lane::stored(A), Lane::stored(B)]);
    assert_eq!(store.parked_lanes(Some(Lane::stored(A)), 9).await.unwrap(), [Lane::stored(B)]);
    assert_eq!(store.parked_lanes(None, 1).await.unwrap(), [Lane::stored(A)]);
    assert_eq!(state(store, 1).await, State::Parked(at(10), ParkReason::Down));
    assert_eq!(store.parked(&Lane::stored(B), 1, 1).await.unwrap()[0].event, event(1_002, 1, "default"));
}

pub(crate) async fn what_comes_back_is_as_it_was(store: &dyn Store) {
    deliver(store, 1, 10).await;
    done(store, vec![start_attempt(1, 1)]).await;
    done(store, vec![settle(1, 1, State::Due(at(30)))]).await;
    let before = store.due(at(99), None, 9).await.unwrap();
    done(store, vec![after(1, park(1, A, 90))]).await;
    let parked = store.parked(&Lane::stored(A), 9, usize::MAX).await.unwrap();
    let held_back = Delivery { state: State::Parked(at(30), ParkReason::Down), ..before[0].delivery.clone() };
    assert_eq!(parked[0].delivery, held_back);
    done(store, vec![after(1, unpark(1))]).await;
    assert_eq!(store.due(at(99), None, 9).await.unwrap(), before);
    assert_eq!((in_lane(store, A, 9).await, store.parked_lanes(None, 9).await.unwrap()), (vec![], vec![]));
    assert_eq!(numbers(&store.parked_until(at(99), 9).await.unwrap()), [0i64; 0]);
}

/// By every filter, at each of its stations.
pub(crate) async fn what_is_parked_is_listed_as_that_and_not_as_due(store: &dyn Store) {
    for number in 1..=4 {
        deliver(store, number, 10).await;
    }
    let endpoint = store.delivery(&org("default"), DeliveryId(1)).await.unwrap().unwrap().delivery.endpoint;
    let listed = async |status, limit| {
        let base = DeliveryQuery {
            org: org("default"),
            status: Some(status),
            generation: None,
            endpoint: None,
            after: None,
            limit,
        };
        let by_endpoint = DeliveryQuery { endpoint: Some(endpoint.clone()), ..base.clone() };
        let by_generation = DeliveryQuery { generation: Some(gen_id(1)), ..base.clone() };
        let found = numbers(&store.deliveries(base).await.unwrap());
        for query in [by_endpoint, by_generation] {
            assert_eq!(numbers(&store.deliveries(query).await.unwrap()), found, "{status:?}");
        }
        found
    };
    let (due, parked, pending) = (DeliveryFilter::Due, DeliveryFilter::Parked, DeliveryFilter::Pending);
    done(store, vec![park(2, A, 90), park(3, B, 90), park(4, A, 90)]).await;
    assert_eq!((listed(due, 9).await, listed(parked, 9).await), (vec![1], vec![4, 3, 2]));
    assert_eq!((listed(pending, 9).await, listed(pending, 2).await), (vec![4, 3, 2, 1], vec![4, 3]));
    done(store, vec![unpark(4)]).await;
    assert_eq!((listed(due, 9).await, listed(parked, 9).await), (vec![4, 1], vec![3, 2]));
    done(store, vec![start_probe(2, 1)]).await;
    assert_eq!((listed(due, 9).await, listed(parked, 9).await), (vec![4, 2, 1], vec![3]));
    done(store, vec![settle(2, 1, State::Due(at(10))), after(1, park(2, A, 90))]).await;
    assert_eq!((listed(due, 9).await, listed(parked, 9).await), (vec![4, 1], vec![3, 2]));
    done(store, vec![after(1, exhaust(2, 75)), end_pending(3, 75)]).await;
    assert_eq!((listed(parked, 9).await, listed(DeliveryFilter::Exhausted, 9).await), (vec![], vec![3, 2]));
    stale(store, vec![park(1, A, 90), unpark(3)]).await;
    assert_eq!(listed(due, 9).await, [4, 1], "what is refused is listed as it was");
}

pub(crate) async fn parking_is_fenced(store: &dyn Store) {
    deliver(store, 1, 10).await;
    stale(store, vec![unpark(1)]).await;
    stale(store, vec![exhaust(1, 50)]).await;
    stale(store, vec![start_probe(1, 1)]).await;
    stale(store, vec![park(9, A, 90)]).await;
    stale(store, vec![wait_on(1, 95)]).await;
    done(store, vec![start_attempt(1, 1)]).await;
    stale(store, vec![after(1, park(1, A, 90))]).await;
    done(store, vec![settle(1, 1, State::Due(at(30)))]).await;
    // Who has read it before that attempt moves nothing.
    stale(store, vec![park(1, A, 90)]).await;
    done(store, vec![after(1, park(1, A, 90))]).await;
    stale(store, vec![after(1, park(1, B, 90))]).await;
    for change in [unpark(1), wait_on(1, 95), exhaust(1, 50)] {
        stale(store, vec![change.clone()]).await;
        stale(store, vec![after(2, change)]).await;
    }
    assert_eq!(state(store, 1).await, State::Parked(at(30), ParkReason::Down));
    stale(store, vec![start_attempt(1, 2)]).await;
    stale(store, vec![start_probe(1, 1)]).await;
    assert_eq!(in_lane(store, A, 9).await, [1], "a probe that is refused moves nothing");
    // Stale in the end, so nothing of it counts.
    stale(store, vec![after(1, unpark(1)), after(1, unpark(1))]).await;
    assert_eq!(in_lane(store, A, 9).await, [1]);
}

pub(crate) async fn a_probe_is_an_attempt_of_what_is_due_again(store: &dyn Store) {
    deliver(store, 1, 10).await;
    done(store, vec![park(1, A, 90)]).await;
    done(store, vec![start_probe(1, 1)]).await;
    assert_eq!(in_lane(store, A, 9).await, [0i64; 0]);
    assert_eq!(numbers(&store.open_attempts(None, 9).await.unwrap()), [1]);
    done(store, vec![settle(1, 1, State::Due(at(60)))]).await;
    assert_eq!(store.next_due(at(0)).await.unwrap(), Some(at(60)));
    let record = store.delivery(&org("default"), DeliveryId(1)).await.unwrap().unwrap();
    assert_eq!((record.attempts.len(), record.delivery.attempts), (1, 1));
}

pub(crate) async fn who_was_a_probe_is_passed_over_until_its_time(store: &dyn Store) {
    for (number, probe_ms) in [(1, 50), (2, 0), (3, 40)] {
        deliver(store, number, 10).await;
        done(store, vec![park_from(number, A, 90, probe_ms)]).await;
    }
    let probes = async |until_ms, limit| numbers(&store.probes(&Lane::stored(A), at(until_ms), limit).await.unwrap());
    assert_eq!((probes(39, 9).await, probes(40, 9).await), (vec![2], vec![2, 3]));
    assert_eq!((probes(50, 9).await, probes(50, 1).await), (vec![1, 2, 3], vec![1]));
    assert_eq!(in_lane(store, A, 9).await, [1, 2, 3], "it is fed with the others all the same");
    // Back in its lane in the commit that ends its attempt.
    done(store, vec![start_probe(2, 1)]).await;
    done(store, vec![settle(2, 1, State::Due(at(10))), after(1, park_from(2, A, 90, 60))]).await;
    assert_eq!((probes(59, 9).await, probes(60, 9).await), (vec![1, 3], vec![1, 2, 3]));
    assert_eq!(state(store, 2).await, State::Parked(at(10), ParkReason::Down));
}

pub(crate) async fn a_page_of_large_bodies_is_shorter(store: &dyn Store) {
    let body = vec![b'1'; 99_000];
    let in_page = i64::try_from(DUE_PAGE_BYTES_MAX / body.len() + 1).unwrap();
    for number in 1..=in_page + 2 {
        let event = Event { body: body.clone().into(), ..event(number + 1_000, 1, "default") };
        done(store, vec![add_event(&event), add_delivery(&delivery(number, &event, "app", 10))]).await;
    }
    let page: Vec<i64> = (1..=in_page).collect();
    assert_eq!(numbers(&store.due(at(99), None, 256).await.unwrap()), page);
    done(store, (1..=in_page + 2).map(|number| park(number, A, 90)).collect()).await;
    assert_eq!(in_lane(store, A, 256).await, page);
    let small = async |bytes_max| numbers(&store.parked(&Lane::stored(A), 256, bytes_max).await.unwrap());
    assert_eq!((small(1).await, small(99_500).await, small(198_000).await), (vec![1], vec![1, 2], vec![1, 2]));
    assert_eq!(store.parked_until(at(99), 256).await.unwrap().len(), page.len() + 2, "it is read without them");
    assert_eq!(numbers(&store.probes(&Lane::stored(A), at(99), 256).await.unwrap()), page);
}

pub(crate) async fn what_waits_is_counted_by_destination_and_organization(store: &dyn Store) {
    for number in 1..=5 {
        deliver(store, number, 10).await;
    }
    done(store, (1..=5).map(|number| park(number, [B, A][usize::from(number < 4)], 90)).collect()).await;
    let counted = async |whose: &str, after: Option<&str>, limit| {
        let query = BacklogQuery { org: org(whose), after: after.map(str::to_owned), limit };
        let found = store.backlogs(query).await.unwrap();
        found.into_iter().map(|backlog| (backlog.destination, backlog.parked)).collect::<Vec<_>>()
    };
    let (a, b) = (("https://a.example:443".to_owned(), 3), ("https://b.example:443".to_owned(), 2));
    assert_eq!(counted("default", None, 9).await, [a.clone(), b.clone()]);
    assert_eq!(counted("default", None, 1).await, [a]);
    assert_eq!(counted("default", Some("https://a.example:443"), 9).await, [b]);
    assert_eq!(counted("acme", None, 9).await, []);
    done(store, vec![unpark(2), unpark(4)]).await;
    assert_eq!(counted("default", Some("https://a.example:443"), 9).await, []);
}

pub(crate) async fn what_waited_too_long_ends(store: &dyn Store) {
    for (number, until_ms) in [(1, 90), (2, 70), (3, 80), (4, 70)] {
        deliver(store, number, 10).await;
        done(store, vec![park(number, A, until_ms)]).await;
    }
    let over = async |until_ms, limit| numbers(&store.parked_until(at(until_ms), limit).await.unwrap());
    assert_eq!((over(69, 9).await, over(80, 9).await, over(99, 2).await), (vec![], vec![2, 4, 3], vec![2, 4]));
    done(store, vec![exhaust(2, 75), exhaust(4, 75)]).await;
    assert_eq!((over(99, 9).await, in_lane(store, A, 9).await), (vec![3, 1], vec![1, 3]));
    assert_eq!(state(store, 2).await, State::Exhausted(at(75), ExhaustedReason::DestinationDown));
    stale(store, vec![exhaust(2, 76)]).await;
    stale(store, vec![unpark(2)]).await;
}

pub(crate) async fn what_waits_on_is_over_later(store: &dyn Store) {
    for (number, until_ms) in [(1, 70), (2, 80)] {
        deliver(store, number, 10).await;
        done(store, vec![park(number, A, until_ms)]).await;
    }
    let over = async |until_ms| numbers(&store.parked_until(at(until_ms), 9).await.unwrap());
    done(store, vec![wait_on(1, 90)]).await;
    assert_eq!((over(89).await, over(90).await, in_lane(store, A, 9).await), (vec![2], vec![2, 1], vec![1, 2]));
    assert_eq!(state(store, 1).await, State::Parked(at(10), ParkReason::Down));
    let read = store.parked_until(at(90), 9).await.unwrap();
    assert!(read.iter().all(|due| due.event.body.is_empty()), "what only waits on is read without its bodies");
    done(store, vec![unpark(1)]).await;
    stale(store, vec![wait_on(1, 95)]).await;
}

pub(crate) async fn what_is_pending_can_be_ended_at_once(store: &dyn Store) {
    for number in [1, 2, 3] {
        deliver(store, number, 5).await;
    }
    done(store, vec![park(1, "https://app.example.com:443", 90)]).await;
    done(store, vec![start_attempt(3, 1)]).await;
    done(store, vec![end_pending(1, 40)]).await;
    done(store, vec![end_pending(2, 41)]).await;
    // What is under way ends by its own outcome.
    stale(store, vec![end_pending(3, 42)]).await;
    stale(store, vec![end_pending(2, 43)]).await;
    for (number, ms) in [(1, 40), (2, 41)] {
        let found = store.delivery(&org("default"), DeliveryId(number)).await.unwrap().unwrap();
        assert_eq!(found.delivery.state, State::Exhausted(at(ms), ExhaustedReason::EndpointDisabled));
    }
    assert!(store.due(at(1_000), None, 9).await.unwrap().is_empty());
    assert!(store.parked_lanes(None, 9).await.unwrap().is_empty());
    assert_eq!(numbers(&store.open_attempts(None, 9).await.unwrap()), [3]);
}
