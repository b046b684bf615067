//! What is old: how it is found, and what goes with what.
use postsync_core::asset::{Asset, AssetKind};
use postsync_core::change::Change;
use postsync_core::delivery::{ExhaustedReason, State};
use postsync_core::event::Event;
use postsync_core::feed::Seq;
use postsync_core::generation::{Ending, Output};
use postsync_core::ids::{AssetId, DeliveryId, EventId, MediaId};
use postsync_core::retention::Standing;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{AgedAsset, AgedDelivery, AgedEvent, AgedOutput, FeedFrom, FeedQuery, Store};
use uuid::Uuid;

use super::world::*;

fn forget(numbers: &[i64]) -> Change {
    Change::ForgetDeliveries(numbers.iter().copied().map(DeliveryId).collect())
}

fn forget_events(numbers: &[i64]) -> Change {
    Change::ForgetEvents(numbers.iter().copied().map(EventId).collect())
}

fn exhausted() -> State {
    State::Exhausted(at(50), ExhaustedReason::ScheduleEnded)
}

/// Delivered or exhausted at its first attempt.
async fn ended(store: &dyn Store, number: i64, state: State) {
    deliver(store, number, 10).await;
    done(store, vec![start_attempt(number, 1)]).await;
    done(store, vec![settle(number, 1, state)]).await;
}

async fn is_there(store: &dyn Store, number: i64) -> bool {
    store.delivery(&org("default"), DeliveryId(number)).await.unwrap().is_some()
}

async fn has_event(store: &dyn Store, number: i64) -> bool {
    store.event_of_any(EventId(number)).await.unwrap().is_some()
}

/// The last place of the feed that is a hole.
async fn forgotten(store: &dyn Store) -> i64 {
    let query = FeedQuery { org: org("default"), from: FeedFrom::After(Seq(0)), limit: 1, bytes_max: 1 };
    store.feed(query).await.unwrap().span.forgotten.0
}

pub(crate) async fn old_deliveries_are_found_as_they_stand(store: &dyn Store) {
    ended(store, 1, State::Delivered(at(50))).await;
    ended(store, 2, exhausted()).await;
    for number in [3, 4, 5] {
        deliver(store, number, 10).await;
    }
    done(store, vec![park(4, "imp_b", 90), start_attempt(5, 1)]).await;
    let found = async |after: Option<i64>, before, limit| {
        let page = store.aged_deliveries(after.map(DeliveryId), DeliveryId(before), limit).await.unwrap();
        page.iter().map(|aged| (aged.id.0, aged.standing, aged.attempts)).collect::<Vec<_>>()
    };
    let all = found(None, 9, 9).await;
    let standings: Vec<_> = all.iter().map(|(id, standing, _)| (*id, *standing)).collect();
    let open = Standing::Open;
    assert_eq!(standings, [(1, Standing::Delivered), (2, Standing::Exhausted), (3, open), (4, open), (5, open)]);
    assert_eq!((all[0].2, all[1].2), (1, 1), "what goes with those that have ended");
    assert_eq!(found(Some(1), 4, 9).await.len(), 2);
    done(store, vec![Change::MarkReplayed { id: DeliveryId(2), before: None, at: at(60) }]).await;
    assert_eq!(found(None, 3, 9).await, [all[0], (2, Standing::Replayed, 1)]);
    let all = found(None, 9, 9).await;
    assert_eq!(found(Some(1), 9, 1).await, [all[1]]);
    assert_eq!(found(None, 1, 9).await, []);
    assert_eq!(found(Some(7), 3, 9).await, []);
}

pub(crate) async fn a_delivery_goes_with_its_attempts_and_its_event(store: &dyn Store) {
    ended(store, 1, State::Delivered(at(50))).await;
    ended(store, 2, exhausted()).await;
    done(store, vec![forget(&[1])]).await;
    assert!(!is_there(store, 1).await && !has_event(store, 1_001).await);
    assert_eq!(forgotten(store).await, 1, "the feed begins behind it");
    assert!(is_there(store, 2).await && has_event(store, 1_002).await);
    stale(store, vec![forget(&[1])]).await;
    stale(store, vec![forget(&[2, 1])]).await;
    assert!(is_there(store, 2).await, "all of a list or nothing");
    // The same number again: no attempt of the old one is left.
    deliver(store, 1, 10).await;
    let found = store.delivery(&org("default"), DeliveryId(1)).await.unwrap().unwrap();
    assert_eq!(found.attempts, []);
}

pub(crate) async fn what_is_to_be_delivered_never_goes(store: &dyn Store) {
    for number in 1..=3 {
        deliver(store, number, 10).await;
    }
    done(store, vec![park(2, "imp_b", 90), start_attempt(3, 1)]).await;
    for number in 1..=3 {
        stale(store, vec![forget(&[number])]).await;
        stale(store, vec![forget_events(&[1_000 + number])]).await;
    }
    done(store, vec![settle(3, 1, State::Due(at(60)))]).await;
    stale(store, vec![forget(&[3])]).await;
    assert_eq!(numbers(&store.due(at(99), None, 9).await.unwrap()), [1, 3]);
}

/// About a generation or about none, of many deliveries or of none.
pub(crate) async fn an_event_goes_with_the_last_of_its_deliveries(store: &dyn Store) {
    let mut next = 1;
    for generation in [Some(gen_id(1)), None] {
        let event = Event { generation, ..event(100 + next, 1, "default") };
        let (first, second) = (next, next + 1);
        next += 2;
        let of = |number| add_delivery(&delivery(number, &event, "app", 10));
        done(store, vec![add_event(&event), of(first), of(second)]).await;
        for number in [first, second] {
            done(store, vec![start_attempt(number, 1)]).await;
            done(store, vec![settle(number, 1, exhausted())]).await;
        }
        done(store, vec![forget(&[second])]).await;
        assert!(has_event(store, event.id.0).await, "the other may be replayed");
        stale(store, vec![forget_events(&[event.id.0])]).await;
        let aged = store.aged_events(Some(EventId(event.id.0 - 1)), EventId(200), 9).await.unwrap();
        assert_eq!(aged, [AgedEvent { id: event.id, has_delivery: true, bytes: event.body.len() as u64 }]);
        done(store, vec![forget(&[first])]).await;
        assert!(!has_event(store, event.id.0).await);
        stale(store, vec![forget_events(&[event.id.0])]).await;
    }
}

pub(crate) async fn events_that_nobody_was_to_be_told_go_too(store: &dyn Store) {
    let alone = Event { generation: None, ..event(7, 1, "default") };
    done(store, vec![add_event(&alone), add_event(&event(8, 1, "default"))]).await;
    deliver(store, 1, 10).await;
    let page = store.aged_events(None, EventId(2_000), 9).await.unwrap();
    let found: Vec<_> = page.iter().map(|aged| (aged.id.0, aged.has_delivery)).collect();
    assert_eq!(found, [(7, false), (8, false), (1_001, true)]);
    assert_eq!(store.aged_events(Some(EventId(7)), EventId(1_001), 9).await.unwrap().len(), 1);
    assert_eq!(store.aged_events(None, EventId(2_000), 1).await.unwrap()[0].id, EventId(7));
    stale(store, vec![forget_events(&[7, 1_001])]).await;
    assert_eq!(forgotten(store).await, 0, "what was refused is no hole");
    done(store, vec![forget_events(&[7, 8])]).await;
    assert!(forgotten(store).await > 0, "a reader in front of it is told");
    assert!(!has_event(store, 7).await && has_event(store, 1_001).await);
}

pub(crate) async fn old_videos_are_found_and_it_is_kept_how_far_they_are_gone(store: &dyn Store) {
    let media = |number: u128| MediaId(Uuid::from_u128(number));
    for (number, file) in [(1, 30), (2, 10), (3, 20)] {
        let output =
            Output { url: "https://lips.example.com/r".to_owned(), duration_ms: None, media: Some(media(file)) };
        done(store, vec![add(&generation(number, "default", "mesh-1")), end(number, 0, Ending::Completed(output))])
            .await;
    }
    done(store, vec![add(&generation(4, "default", "mesh-1")), end(4, 0, failed())]).await;
    // Of 2 a delivery is left, whatever came of it; of 3 one has gone.
    for number in [2, 3] {
        let event = event(number + 100, u128::try_from(number).unwrap(), "default");
        done(store, vec![add_event(&event), add_delivery(&delivery(number, &event, "app", 10))]).await;
        done(store, vec![start_attempt(number, 1), settle(number, 1, exhausted())]).await;
    }
    done(store, vec![forget(&[3])]).await;
    let found = async |after, before, limit| store.aged_outputs(media(after), media(before), limit).await.unwrap();
    let aged = |file, is_named| AgedOutput { id: media(file), is_named };
    assert_eq!(found(0, 99, 9).await, [aged(10, true), aged(20, false), aged(30, false)]);
    assert_eq!(found(10, 30, 9).await, [aged(20, false)]);
    assert_eq!(found(0, 99, 2).await, [aged(10, true), aged(20, false)]);
    let to = |ms| Change::RemovedOutputs { before: at(ms) };
    assert_eq!(store.removed_outputs().await, Ok(Timestamp(0)));
    done(store, vec![to(5)]).await;
    stale(store, vec![to(5)]).await;
    stale(store, vec![to(4)]).await;
    assert_eq!(store.removed_outputs().await, Ok(at(5)));
    let kept = store.generation_of_any(gen_id(2)).await.unwrap().unwrap();
    assert!(kept.is_final(), "the generation stays, and says that there was a video");
}

pub(crate) async fn old_uploads_are_found_and_go(store: &dyn Store) {
    let asset = |number: u128| {
        let (id, file) = (AssetId(Uuid::from_u128(number)), MediaId(Uuid::from_u128(100 + number)));
        Asset::uploaded(id, org("default"), AssetKind::Audio, "a.wav".to_owned(), file, 1, at(1))
    };
    done(store, [3, 1, 2].map(|number| Change::AddAsset(Box::new(asset(number)))).to_vec()).await;
    let found = async |after: Option<u128>, before, limit| {
        let after = after.map(|after| AssetId(Uuid::from_u128(after)));
        let page = store.aged_assets(after, AssetId(Uuid::from_u128(before)), limit).await.unwrap();
        let aged = |AgedAsset { id, media, .. }: AgedAsset| (id.0.as_u128(), media.unwrap().0.as_u128());
        page.into_iter().map(aged).collect::<Vec<_>>()
    };
    assert_eq!(found(None, 3, 9).await, [(1, 101), (2, 102)]);
    assert_eq!(found(None, 9, 1).await, [(1, 101)]);
    assert_eq!(found(Some(1), 9, 1).await, [(2, 102)]);
    assert_eq!(found(Some(3), 9, 9).await, []);
    assert_eq!(found(Some(3), 3, 9).await, []);
    let forget =
        |numbers: &[u128]| Change::ForgetAssets(numbers.iter().map(|n| AssetId(Uuid::from_u128(*n))).collect());
    stale(store, vec![forget(&[1, 7])]).await;
    done(store, vec![forget(&[1, 2])]).await;
    assert_eq!(found(None, 9, 9).await, [(3, 103)]);
    assert_eq!(store.asset(&org("default"), AssetId(Uuid::from_u128(1))).await, Ok(None));
    assert!(!store.give_back().await.unwrap(), "so little is not worth it");
}

/// Attempts by the hundred, as a delivery has them that only our own faults hold back.
pub(crate) async fn many_attempts_go_with_their_delivery(store: &dyn Store) {
    deliver(store, 1, 10).await;
    for attempt in 1..=300 {
        done(store, vec![start_attempt(1, attempt)]).await;
        let state = if attempt == 300 { State::Delivered(at(50)) } else { State::Due(at(10)) };
        done(store, vec![settle(1, attempt, state)]).await;
    }
    let aged = store.aged_deliveries(None, DeliveryId(9), 9).await.unwrap();
    let record = store.delivery(&org("default"), DeliveryId(1)).await.unwrap().unwrap();
    let ends = record.attempts.iter().filter_map(|attempt| attempt.end.as_ref()?.answer.as_ref());
    let answers: usize = ends.map(|answer| answer.headers.len() + answer.body.len()).sum();
    assert!(answers > 0, "the last one was answered");
    let bytes = (answers + record.event.body.len()) as u64;
    assert_eq!(aged, [AgedDelivery { id: DeliveryId(1), standing: Standing::Delivered, attempts: 300, bytes }]);
    done(store, vec![forget(&[1])]).await;
    deliver(store, 1, 10).await;
    done(store, vec![start_attempt(1, 1)]).await;
    let log = store.delivery(&org("default"), DeliveryId(1)).await.unwrap().unwrap().attempts;
    assert!(log.len() == 1 && log[0].end.is_none(), "{log:?}");
}
