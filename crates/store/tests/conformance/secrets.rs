//! What signs webhooks: read back whole, moved whole, and only from where it was found.
use postsync_core::change::Change;
use postsync_core::ids::{EndpointId, SecretId};
use postsync_core::rotation::{Places, SecretOwner, Signing};
use postsync_engine::ports::{Store, StoreError};

use super::world::*;

/// `current next previous`, by id; zero for none.
fn places([current, next, previous]: [i64; 3]) -> Places {
    let of = |id: i64| (id > 0).then_some(SecretId(id));
    Places { current: SecretId(current), next: of(next), previous: of(previous) }
}

fn set(was: Option<[i64; 3]>, now: &Signing) -> Vec<Change> {
    vec![Change::SetSecrets { was: was.map(places), now: Box::new(now.clone()) }]
}

pub(crate) async fn secrets_move_through_a_rotation(store: &dyn Store) {
    let owner = SecretOwner::org(&org("default"));
    assert_eq!(store.signing(&owner).await, Ok(None));
    let mut was = None;
    for now in [[1, 0, 0], [1, 2, 0], [2, 0, 1], [2, 0, 0], [2, 3, 0], [3, 4, 2], [4, 0, 3], [9, 0, 0]] {
        let signing = signing("default", None, places(now));
        done(store, set(was, &signing)).await;
        assert_eq!(store.signing(&owner).await, Ok(Some(signing)), "{now:?}");
        was = Some(now);
    }
}

pub(crate) async fn secrets_move_only_from_where_they_were_found(store: &dyn Store) {
    let at = |now| signing("default", None, places(now));
    stale(store, set(Some([1, 0, 0]), &at([1, 2, 0]))).await;
    done(store, set(None, &at([1, 2, 0]))).await;
    for was in [None, Some([1, 0, 0]), Some([2, 0, 0]), Some([1, 3, 0]), Some([1, 2, 3])] {
        stale(store, set(was, &at([5, 0, 0]))).await;
    }
    assert_eq!(store.signing(&SecretOwner::org(&org("default"))).await, Ok(Some(at([1, 2, 0]))));
}

pub(crate) async fn each_owner_has_its_own_secrets(store: &dyn Store) {
    let owners = [("default", None), ("default", Some("end_1")), ("default", Some("end_2")), ("acme", Some("end_1"))];
    for (n, (whose, endpoint)) in (1..).zip(owners) {
        done(store, set(None, &signing(whose, endpoint, places([n, 10 + n, 0])))).await;
    }
    for (n, (whose, endpoint)) in (1..).zip(owners) {
        let owner = SecretOwner { org: org(whose), endpoint: endpoint.map(EndpointId::new) };
        let expected = signing(whose, endpoint, places([n, 10 + n, 0]));
        assert_eq!(store.signing(&owner).await, Ok(Some(expected)));
    }
    assert_eq!(store.signing(&SecretOwner::org(&org("acme"))).await, Ok(None));
    // An id that another owner's secret has is a bug of the caller's, and nothing of the list is written.
    let taken = set(Some([1, 11, 0]), &signing("default", None, places([2, 0, 0])));
    assert!(matches!(store.apply(taken).await, Err(StoreError::Failed(_))));
    let kept = store.signing(&SecretOwner::org(&org("default"))).await.unwrap().unwrap();
    assert_eq!(kept.places(), places([1, 11, 0]));
}
