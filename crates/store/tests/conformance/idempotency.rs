//! Keys that creates have used.
use postsync_core::change::Change;
use postsync_core::idempotency::{Fingerprint, IdempotencyChange, IdempotencyKey, KEPT_MS, UsedKey};
use postsync_core::ids::MadeId;
use postsync_core::time::Timestamp;
use postsync_engine::ports::Store;

use super::world::*;

fn used(key: &str, whose: &str, number: u128, at: Timestamp) -> UsedKey {
    UsedKey {
        org: org(whose),
        key: IdempotencyKey::parse(key).unwrap(),
        fingerprint: Fingerprint([7; 32]),
        made: MadeId(gen_id(number).0),
        at,
    }
}

fn using(used: &UsedKey) -> Change {
    Change::Idempotency(IdempotencyChange::Use(Box::new(used.clone())))
}

async fn found(store: &dyn Store, like: &UsedKey) -> Option<UsedKey> {
    store.used_key(&like.org, &like.key).await.unwrap()
}

pub(crate) async fn a_key_is_used_once_in_a_day_with_its_generation(store: &dyn Store) {
    let first = used("k-1", "default", 1, at(0));
    assert_eq!(found(store, &first).await, None);
    done(store, vec![using(&first), add(&generation(1, "default", "mesh-1"))]).await;
    assert_eq!(found(store, &first).await, Some(first.clone()));

    let again = used("k-1", "default", 2, at(KEPT_MS - 1));
    stale(store, vec![using(&again), add(&generation(2, "default", "mesh-1"))]).await;
    assert_eq!(found(store, &first).await, Some(first.clone()));
    assert_eq!(store.generation_of_any(gen_id(2)).await, Ok(None), "nothing of it was written");

    let others = [used("K-1", "default", 3, at(1)), used("k-1", "acme", 4, at(1))];
    for other in &others {
        done(store, vec![using(other)]).await;
        assert_eq!(found(store, other).await, Some(other.clone()), "another case, or another organization");
    }
    let late = used("k-1", "default", 2, at(KEPT_MS));
    done(store, vec![using(&late), add(&generation(2, "default", "mesh-1"))]).await;
    assert_eq!(found(store, &late).await, Some(late));
}

pub(crate) async fn of_two_with_one_key_in_one_commit_one_is_taken(store: &dyn Store) {
    let (one, two) = (used("k", "default", 1, at(0)), used("k", "default", 2, at(0)));
    stale(store, vec![using(&one), using(&two)]).await;
    assert_eq!(found(store, &one).await, None);
}

pub(crate) async fn old_keys_go_a_few_at_a_time(store: &dyn Store) {
    let forget = |before, limit| Change::Idempotency(IdempotencyChange::Forget { before, limit });
    let all: Vec<UsedKey> = (0..5).map(|n| used(&format!("k-{n}"), "default", 9, at(n))).collect();
    for used in all.iter().rev() {
        done(store, vec![using(used)]).await;
    }
    stale(store, vec![forget(at(0), 9)]).await;
    done(store, vec![forget(at(4), 3)]).await;
    let left = |n: usize| found(store, &all[n]);
    assert_eq!((left(2).await, left(3).await), (None, Some(all[3].clone())), "the oldest go first");
    done(store, vec![forget(at(4), 3)]).await;
    assert_eq!((left(3).await, left(4).await), (None, Some(all[4].clone())));
    stale(store, vec![forget(at(4), 3)]).await;
}
