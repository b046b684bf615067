//! Generations that an upstream makes: begun once, taken once, by whoever is at work.
use postsync_core::change::Change;
use postsync_core::relay::{Relay, RelayChange, UpstreamId};
use postsync_engine::ports::Store;

use super::world::*;

fn begin(number: u128, tries: u32) -> Change {
    Change::Relay(RelayChange::Begin { generation: gen_id(number), tries, at: at(4_000) })
}

fn taken(number: u128, tries: u32, upstream: &str) -> Change {
    let upstream = UpstreamId::new(upstream).unwrap();
    Change::Relay(RelayChange::Take { generation: gen_id(number), tries, upstream, at: at(5_000) })
}

async fn read(store: &dyn Store, number: u128) -> Option<Relay> {
    store.relay(gen_id(number)).await.unwrap()
}

pub(crate) async fn a_relay_is_begun_once_and_taken_once(store: &dyn Store) {
    done(store, vec![add(&generation(1, "default", "mesh-1")), start(1, 1)]).await;
    assert_eq!(read(store, 1).await, None);
    stale(store, vec![taken(1, 1, "up-1")]).await;
    done(store, vec![begin(1, 1)]).await;
    let begun = Relay { generation: gen_id(1), begun_at: at(4_000), upstream: None };
    assert_eq!(read(store, 1).await, Some(begun.clone()));
    stale(store, vec![begin(1, 1)]).await;
    done(store, vec![taken(1, 1, "up-1")]).await;
    stale(store, vec![taken(1, 1, "up-2")]).await;
    let taken = Relay { upstream: UpstreamId::new("up-1"), ..begun };
    assert_eq!(read(store, 1).await, Some(taken.clone()));
    done(store, vec![end(1, 1, completed())]).await;
    assert_eq!(read(store, 1).await, Some(taken), "it is told of afterwards, too");
    let remove = |whose: &str| Change::RemoveGeneration { org: org(whose), id: gen_id(1) };
    stale(store, vec![remove("acme")]).await;
    assert!(read(store, 1).await.is_some());
    done(store, vec![remove("default")]).await;
    assert_eq!(read(store, 1).await, None, "it goes with its generation");
}

pub(crate) async fn only_who_is_at_work_writes_of_a_relay(store: &dyn Store) {
    stale(store, vec![begin(1, 0)]).await;
    done(store, vec![add(&generation(1, "default", "mesh-1"))]).await;
    stale(store, vec![begin(1, 0)]).await;
    done(store, vec![start(1, 1), begin(1, 1), start(1, 2)]).await;
    stale(store, vec![taken(1, 1, "up-1")]).await;
    done(store, vec![release(1, 2)]).await;
    for tries in [1, 2] {
        stale(store, vec![taken(1, tries, "up-1")]).await;
    }
    done(store, vec![start(1, 2), taken(1, 2, "up-1")]).await;
    done(store, vec![add(&generation(2, "default", "mesh-1")), start(2, 1), end(2, 1, failed())]).await;
    stale(store, vec![begin(2, 1)]).await;
}
