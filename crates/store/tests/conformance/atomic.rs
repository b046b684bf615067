//! A list is written whole or not at all.
use postsync_core::change::Change;
use postsync_core::ids::{DeliveryId, KeyId};
use postsync_core::rotation::SecretOwner;
use postsync_engine::ports::{Applied, Store, StoreError};

use super::world::*;

pub(crate) async fn a_stale_fence_takes_its_whole_list_with_it(store: &dyn Store) {
    done(store, vec![add(&generation(1, "default", "mesh-1"))]).await;
    let event = event(7, 1, "default");
    let news = || {
        vec![
            add(&generation(2, "default", "mesh-1")),
            start(1, 1),
            add_event(&event),
            add_delivery(&delivery(8, &event, "app", 0)),
            start_attempt(8, 1),
            first_secret(3, "default", 1),
            Change::AddKey(Box::new(key(4, "default", 9))),
            Change::AddOrganization(organization("acme", 0)),
        ]
    };
    // Last, first, in the middle: it does not matter where the stale one stands.
    for place in [8, 0, 4] {
        let mut list = news();
        list.insert(place, Change::RevokeKey { id: KeyId(5), at: at(0) });
        stale(store, list).await;
        assert_eq!(store.generation_of_any(gen_id(2)).await.unwrap(), None);
        assert_eq!(store.generation_of_any(gen_id(1)).await.unwrap(), Some(generation(1, "default", "mesh-1")));
        assert_eq!(store.delivery(&org("default"), DeliveryId(8)).await.unwrap(), None);
        assert_eq!(store.event_of_any(event.id).await.unwrap(), None);
        assert_eq!(store.due(at(9_999), None, 9).await.unwrap(), []);
        assert_eq!(store.open_attempts(None, 9).await.unwrap(), []);
        assert!(store.signing(&SecretOwner::org(&org("default"))).await.unwrap().is_none());
        assert_eq!(store.key(KeyId(4)).await.unwrap(), None);
        assert_eq!(store.organizations().await.unwrap(), []);
        assert_eq!(store.last_id().await.unwrap(), 0);
    }
    done(store, news()).await;
    assert_eq!(numbers(&store.open_attempts(None, 9).await.unwrap()), [8]);
    assert_eq!(store.event_of_any(event.id).await.unwrap(), Some(event));
}

pub(crate) async fn a_failed_list_writes_nothing(store: &dyn Store) {
    done(store, vec![add(&generation(1, "default", "mesh-1"))]).await;
    let twice = vec![add(&generation(2, "default", "mesh-1")), add(&generation(1, "default", "mesh-1"))];
    assert!(matches!(store.apply(twice).await, Err(StoreError::Failed(_))));
    assert_eq!(store.generation_of_any(gen_id(2)).await.unwrap(), None);
    done(store, vec![add(&generation(2, "default", "mesh-1"))]).await;
}

pub(crate) async fn a_list_sees_its_own_changes(store: &dyn Store) {
    let list = vec![add(&generation(1, "default", "mesh-1")), start(1, 1), release(1, 1), start(1, 1), start(1, 2)];
    done(store, list).await;
    assert_eq!(store.generation_of_any(gen_id(1)).await.unwrap().unwrap().tries, 2);
    stale(store, vec![end(1, 2, completed()), end(1, 2, failed())]).await;
    assert!(!store.generation_of_any(gen_id(1)).await.unwrap().unwrap().is_final());
}

pub(crate) async fn an_empty_list_is_done(store: &dyn Store) {
    done(store, vec![]).await;
}

pub(crate) async fn a_check_writes(store: &dyn Store) {
    store.check().await.unwrap();
    store.check().await.unwrap();
}

pub(crate) async fn of_two_who_want_the_same_one_is_stale(store: &dyn Store) {
    done(store, vec![add(&generation(1, "default", "mesh-1"))]).await;
    deliver(store, 5, 0).await;
    for list in [vec![start(1, 1)], vec![start_attempt(5, 1)], vec![end(1, 1, completed())]] {
        let applies = (0..8).map(|_| store.apply(list.clone()));
        let answers: Vec<_> = futures::future::join_all(applies).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|a| **a == Applied::Done).count(), 1, "{list:?}: {answers:?}");
    }
}

/// It would never be read as due: lost without a sound.
pub(crate) async fn a_delivery_needs_its_event(store: &dyn Store) {
    let orphan = delivery(8, &event(7, 1, "default"), "app", 0);
    assert!(matches!(store.apply(vec![add_delivery(&orphan)]).await, Err(StoreError::Failed(_))));
    done(store, vec![add_event(&event(7, 1, "default"))]).await;
    done(store, vec![add_delivery(&orphan)]).await;
    assert_eq!(numbers(&store.due(at(0), None, 9).await.unwrap()), [8]);
}
