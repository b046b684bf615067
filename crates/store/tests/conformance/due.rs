//! What is due, in which order, and what is not.
use postsync_core::delivery::{Delivery, State};
use postsync_core::ids::DeliveryId;
use postsync_engine::ports::{DueCursor, DueDelivery, Store};

use super::world::*;

pub(crate) async fn comes_in_order_behind_the_cursor(store: &dyn Store) {
    let mut made = Vec::new();
    for (number, due_ms) in [(1, 30), (2, 10), (3, 20), (4, 10), (5, 40)] {
        made.push(deliver(store, number, due_ms).await);
    }
    let due = async |until_ms, after: Option<(i64, i64)>, limit| {
        let after = after.map(|(ms, id)| DueCursor { at: at(ms), id: DeliveryId(id) });
        numbers(&store.due(at(until_ms), after, limit).await.unwrap())
    };
    assert_eq!(due(30, None, 9).await, [2, 4, 3, 1]);
    assert_eq!(due(30, None, 2).await, [2, 4]);
    assert_eq!(due(30, Some((10, 4)), 9).await, [3, 1]);
    assert_eq!(due(30, Some((10, 3)), 1).await, [4]);
    assert_eq!(due(30, Some((15, 999)), 9).await, [3, 1]);
    assert_eq!(due(9, None, 9).await, [0i64; 0]);
    assert_eq!(due(99, Some((40, 5)), 9).await, [0i64; 0]);
    let first = store.due(at(10), None, 1).await.unwrap();
    assert_eq!(first, [DueDelivery { delivery: made[1].clone(), event: event(1_002, 1, "default") }]);
}

pub(crate) async fn places_are_told_without_their_rows_and_rows_by_their_places(store: &dyn Store) {
    for (number, due_ms) in [(1, 30), (2, 10), (3, 20), (4, 10), (5, 40)] {
        deliver(store, number, due_ms).await;
    }
    done(store, vec![start_attempt(4, 1)]).await;
    let place = |(ms, id)| DueCursor { at: at(ms), id: DeliveryId(id) };
    let places = async |until_ms, after: Option<(i64, i64)>, limit| {
        store.due_places(at(until_ms), after.map(place), limit).await.unwrap()
    };
    assert_eq!(places(30, None, 9).await, [(30, 1), (10, 2), (20, 3)].map(place));
    assert_eq!(places(30, None, 2).await, [(10, 2), (20, 3)].map(place), "the first to be due");
    assert_eq!(places(30, Some((10, 2)), 1).await, [place((20, 3))]);
    assert_eq!(places(9, None, 9).await, []);
    let there = async |wanted: &[(i64, i64)]| {
        numbers(&store.due_at(wanted.iter().copied().map(place).collect()).await.unwrap())
    };
    assert_eq!(there(&[(30, 1), (10, 2), (20, 3)]).await, [1, 2, 3], "in the order of the places");
    assert_eq!(there(&[(10, 4), (99, 5), (40, 5), (7, 7)]).await, [5], "one is open, one is not there, one is nowhere");
    assert_eq!(there(&[]).await, [0i64; 0]);
}

pub(crate) async fn open_ones_are_left_out_and_found_after_a_crash(store: &dyn Store) {
    let first = deliver(store, 1, 10).await;
    for number in [2, 3, 4] {
        deliver(store, number, 10).await;
    }
    for number in [3, 1, 4] {
        done(store, vec![start_attempt(number, 1)]).await;
    }
    assert_eq!(numbers(&store.due(at(10), None, 9).await.unwrap()), [2]);
    let open =
        async |after: Option<i64>, limit| numbers(&store.open_attempts(after.map(DeliveryId), limit).await.unwrap());
    assert_eq!(open(None, 9).await, [1, 3, 4]);
    assert_eq!(open(Some(1), 1).await, [3]);
    let found = store.open_attempts(None, 1).await.unwrap();
    let want = DueDelivery { delivery: Delivery { attempts: 1, ..first }, event: event(1_001, 1, "default") };
    assert_eq!(found, [want]);
    done(store, vec![settle(3, 1, State::Due(at(5)))]).await;
    done(store, vec![settle(4, 1, State::Delivered(at(5)))]).await;
    assert_eq!(open(None, 9).await, [1]);
    assert_eq!(numbers(&store.due(at(10), None, 9).await.unwrap()), [3, 2]);
}

pub(crate) async fn next_due_looks_past_now(store: &dyn Store) {
    assert_eq!(store.next_due(at(0)).await.unwrap(), None);
    for (number, due_ms) in [(1, 30), (2, 10), (3, 20)] {
        deliver(store, number, due_ms).await;
    }
    for (now_ms, next_ms) in [(0, Some(10)), (10, Some(20)), (19, Some(20)), (20, Some(30)), (30, None)] {
        assert_eq!(store.next_due(at(now_ms)).await.unwrap(), next_ms.map(at), "after {now_ms}");
    }
    done(store, vec![start_attempt(3, 1)]).await;
    assert_eq!(store.next_due(at(10)).await.unwrap(), Some(at(30)), "an open attempt is not waited for");
    done(store, vec![settle(3, 1, State::Due(at(15)))]).await;
    assert_eq!(store.next_due(at(10)).await.unwrap(), Some(at(15)));
}

pub(crate) async fn what_ended_is_due_no_more(store: &dyn Store) {
    deliver(store, 1, 10).await;
    done(store, vec![start_attempt(1, 1), settle(1, 1, State::Delivered(at(11)))]).await;
    assert_eq!(store.due(at(99_999), None, 9).await.unwrap(), []);
    assert_eq!(store.open_attempts(None, 9).await.unwrap(), []);
    assert_eq!(store.next_due(at(0)).await.unwrap(), None);
}
