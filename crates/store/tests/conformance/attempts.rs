//! The life of a delivery, fence by fence.
use bytes::Bytes;
use postsync_core::attempt::{Answer, Attempt, Word};
use postsync_core::change::Change;
use postsync_core::delivery::{Delivery, ExhaustedReason, State};
use postsync_core::ids::DeliveryId;
use postsync_core::limits::{ATTEMPTS_SHOWN_MAX, LIST_BYTES_MAX};
use postsync_engine::ports::{DeliveryRecord, Store};

use super::world::*;

async fn read(store: &dyn Store, number: i64) -> DeliveryRecord {
    store.delivery(&org("default"), DeliveryId(number)).await.unwrap().unwrap()
}

pub(crate) async fn a_start_wants_the_next_number(store: &dyn Store) {
    stale(store, vec![start_attempt(5, 1)]).await;
    deliver(store, 5, 0).await;
    for wrong in [2, 3] {
        stale(store, vec![start_attempt(5, wrong)]).await;
    }
    done(store, vec![start_attempt(5, 1)]).await;
    for open in [1, 2] {
        stale(store, vec![start_attempt(5, open)]).await;
    }
    done(store, vec![settle(5, 1, State::Due(at(50)))]).await;
    stale(store, vec![start_attempt(5, 1)]).await;
    done(store, vec![start_attempt(5, 2)]).await;
    done(store, vec![settle(5, 2, State::Delivered(at(60)))]).await;
    stale(store, vec![start_attempt(5, 3)]).await;
    assert_eq!(read(store, 5).await.attempts.len(), 2);
}

pub(crate) async fn an_end_wants_the_open_attempt(store: &dyn Store) {
    let delivered = |attempt| settle(5, attempt, State::Delivered(at(60)));
    stale(store, vec![delivered(1)]).await;
    deliver(store, 5, 0).await;
    stale(store, vec![delivered(0)]).await;
    stale(store, vec![delivered(1)]).await;
    done(store, vec![start_attempt(5, 1)]).await;
    stale(store, vec![delivered(2)]).await;
    done(store, vec![settle(5, 1, State::Due(at(50)))]).await;
    stale(store, vec![delivered(1)]).await;
    stale(store, vec![settle(5, 1, State::Due(at(90)))]).await;
    done(store, vec![start_attempt(5, 2)]).await;
    done(store, vec![delivered(2)]).await;
    for late in [delivered(2), settle(5, 2, State::Due(at(90))), delivered(3)] {
        stale(store, vec![late]).await;
    }
    assert_eq!(read(store, 5).await.delivery.state, State::Delivered(at(60)));
}

pub(crate) async fn an_attempt_reads_back_whole(store: &dyn Store) {
    deliver(store, 5, 0).await;
    done(store, vec![start_attempt(5, 1), settle(5, 1, State::Due(at(50))), start_attempt(5, 2)]).await;
    let attempt = |attempt: u32, end| {
        let started_at = at(10_000 + i64::from(attempt));
        Attempt { delivery: DeliveryId(5), attempt, step: attempt - 1, started_at, end }
    };
    let first = attempt(1, Some(attempt_end(Word::Failed)));
    assert_eq!(read(store, 5).await.attempts, [first.clone(), attempt(2, None)]);
    done(store, vec![settle(5, 2, State::Delivered(at(60)))]).await;
    assert_eq!(read(store, 5).await.attempts, [first, attempt(2, Some(attempt_end(Word::Delivered)))]);
}

/// An end with that answer, which sends it to be tried again.
fn answered(delivery: i64, attempt: u32, answer: Option<Answer>) -> Change {
    let Change::SettleAttempt(mut settlement) = settle(delivery, attempt, State::Due(at(50))) else { unreachable!() };
    settlement.end.answer = answer;
    Change::SettleAttempt(settlement)
}

pub(crate) async fn an_answer_without_a_body_is_not_no_answer(store: &dyn Store) {
    deliver(store, 5, 0).await;
    let answers = [
        None,
        Some(Answer::default()),
        Some(answer(b"", true)),
        Some(answer(b"no", false)),
        Some(answer(b"\xff", true)),
    ];
    for (attempt, answer) in (1..).zip(&answers) {
        done(store, vec![start_attempt(5, attempt), answered(5, attempt, answer.clone())]).await;
    }
    let read = read(store, 5).await.attempts.into_iter().map(|attempt| attempt.end.unwrap().answer);
    assert_eq!(read.collect::<Vec<_>>(), answers);
}

pub(crate) async fn of_large_answers_the_newest_are_shown(store: &dyn Store) {
    deliver(store, 5, 0).await;
    let large = Answer { body: Bytes::from(vec![b'x'; LIST_BYTES_MAX / 4]), ..Answer::default() };
    for attempt in 1..=9 {
        done(store, vec![start_attempt(5, attempt), answered(5, attempt, Some(large.clone()))]).await;
    }
    let numbers = read(store, 5).await.attempts.iter().map(|a| a.attempt).collect::<Vec<u32>>();
    assert_eq!(numbers, [6, 7, 8, 9]);
}

pub(crate) async fn a_delivery_lives_through_retries(store: &dyn Store) {
    let made = deliver(store, 5, 7).await;
    assert_eq!(read(store, 5).await.delivery, made);
    assert_eq!(read(store, 5).await.event, event(1_005, 1, "default"));
    done(store, vec![start_attempt(5, 1)]).await;
    assert_eq!(read(store, 5).await.delivery, Delivery { attempts: 1, ..made.clone() });
    done(store, vec![settle(5, 1, State::Due(at(50)))]).await;
    let again = Delivery { attempts: 1, step: 1, interrupted: 1, state: State::Due(at(50)), ..made };
    assert_eq!(read(store, 5).await.delivery, again);
    done(store, vec![start_attempt(5, 2), settle(5, 2, State::Delivered(at(60)))]).await;
    let delivered = Delivery { attempts: 2, step: 2, state: State::Delivered(at(60)), ..again };
    assert_eq!(read(store, 5).await.delivery, delivered);
}

pub(crate) async fn an_exhausted_one_says_why(store: &dyn Store) {
    for (number, reason) in [(5, ExhaustedReason::Gone), (6, ExhaustedReason::ScheduleEnded)] {
        deliver(store, number, 0).await;
        let state = State::Exhausted(at(70), reason);
        done(store, vec![start_attempt(number, 1), settle(number, 1, state)]).await;
        assert_eq!(read(store, number).await.delivery.state, state);
    }
    assert_eq!(store.due(at(i64::from(u32::MAX)), None, 9).await.unwrap(), []);
}

pub(crate) async fn a_start_may_ride_with_its_delivery(store: &dyn Store) {
    let event = event(7, 1, "default");
    let made = delivery(8, &event, "app", 0);
    // A start that does not fit is stale here too, and takes the delivery with it.
    stale(store, vec![add_event(&event), add_delivery(&made), start_attempt(8, 2)]).await;
    stale(store, vec![add_event(&event), add_delivery(&made), start_attempt(9, 1)]).await;
    let ended = Delivery { state: State::Delivered(at(1)), ..made.clone() };
    stale(store, vec![add_event(&event), add_delivery(&ended), start_attempt(8, 1)]).await;
    done(store, vec![add_event(&event), add_delivery(&made), start_attempt(8, 1)]).await;
    let found = read(store, 8).await;
    assert_eq!(found.delivery, Delivery { attempts: 1, ..made });
    assert_eq!(found.attempts.len(), 1);
    stale(store, vec![start_attempt(8, 1)]).await;
    assert_eq!(store.due(at(9_999), None, 9).await.unwrap(), []);
    assert_eq!(numbers(&store.open_attempts(None, 9).await.unwrap()), [8]);
    done(store, vec![settle(8, 1, State::Due(at(2)))]).await;
    assert_eq!(numbers(&store.due(at(2), None, 9).await.unwrap()), [8]);
}

pub(crate) async fn of_many_attempts_the_newest_are_shown(store: &dyn Store) {
    deliver(store, 5, 0).await;
    let last = u32::try_from(ATTEMPTS_SHOWN_MAX).unwrap() + 2;
    let mut changes = Vec::new();
    for attempt in 1..last {
        changes.extend([start_attempt(5, attempt), settle(5, attempt, State::Due(at(50)))]);
    }
    done(store, changes).await;
    let numbers = async || read(store, 5).await.attempts.iter().map(|a| a.attempt).collect::<Vec<u32>>();
    assert_eq!(numbers().await, (2..last).collect::<Vec<u32>>());
    done(store, vec![start_attempt(5, last)]).await;
    assert_eq!(numbers().await, (3..=last).collect::<Vec<u32>>(), "an open one counts");
}
