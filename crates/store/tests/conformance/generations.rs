//! The life of a generation, fence by fence.
use postsync_core::change::Change;
use postsync_core::generation::{Generation, State, Status};
use postsync_engine::ports::{Store, StoreError};

use super::world::*;

async fn read(store: &dyn Store, number: u128) -> Generation {
    store.generation_of_any(gen_id(number)).await.unwrap().unwrap()
}

pub(crate) async fn a_generation_reads_back_whole(store: &dyn Store) {
    for number in [1, 2, 3, 30] {
        let made = generation(number, "default", "mesh-1");
        done(store, vec![add(&made)]).await;
        assert_eq!(read(store, number).await, made);
    }
    let ended = |number, ending| {
        let accepted = generation(number, "default", "mesh-1");
        Generation { updated_at: at(3_000), tries: 1, state: State::Ended(at(3_000), ending), ..accepted }
    };
    done(store, vec![start(1, 1), end(1, 1, completed()), start(2, 1), end(2, 1, failed())]).await;
    assert_eq!(read(store, 1).await, ended(1, completed()));
    assert_eq!(read(store, 2).await, ended(2, failed()));
    // One may also come as it stands elsewhere: an import.
    let imported = Generation { id: gen_id(40), ..ended(2, failed()) };
    done(store, vec![add(&imported)]).await;
    assert_eq!(read(store, 40).await, imported);
    assert_eq!(store.open_generations(&["mesh-1"], None, 9).await.unwrap().len(), 2);
}

pub(crate) async fn starts_are_fenced(store: &dyn Store) {
    stale(store, vec![start(1, 1)]).await;
    done(store, vec![add(&generation(1, "default", "mesh-1"))]).await;
    for tries in [0, 2, u32::MAX] {
        stale(store, vec![start(1, tries)]).await;
    }
    done(store, vec![start(1, 1)]).await;
    stale(store, vec![start(1, 1)]).await;
    done(store, vec![start(1, 2)]).await;
    let now = read(store, 1).await;
    assert_eq!((now.state, now.tries, now.updated_at), (State::Processing, 2, at(1_000)));
}

pub(crate) async fn releases_are_fenced(store: &dyn Store) {
    stale(store, vec![release(1, 1)]).await;
    done(store, vec![add(&generation(1, "default", "mesh-1"))]).await;
    stale(store, vec![release(1, 0)]).await;
    done(store, vec![start(1, 1)]).await;
    stale(store, vec![release(1, 2)]).await;
    done(store, vec![release(1, 1)]).await;
    let now = read(store, 1).await;
    assert_eq!((now.state, now.tries, now.updated_at), (State::Pending, 0, at(2_000)));
    stale(store, vec![release(1, 0)]).await;
    assert_eq!(store.open_generations(&["mesh-1"], None, 9).await.unwrap().len(), 1);
}

pub(crate) async fn ends_are_fenced(store: &dyn Store) {
    stale(store, vec![end(1, 0, completed())]).await;
    done(store, vec![add(&generation(1, "default", "mesh-1")), add(&generation(2, "default", "mesh-1"))]).await;
    stale(store, vec![end(1, 1, completed())]).await;
    done(store, vec![end(1, 0, completed())]).await;
    done(store, vec![start(2, 1), start(2, 2)]).await;
    stale(store, vec![end(2, 1, failed())]).await;
    done(store, vec![end(2, 2, failed())]).await;
    assert_eq!(store.open_generations(&["mesh-1"], None, 9).await.unwrap(), []);
}

pub(crate) async fn final_stays_final(store: &dyn Store) {
    for (number, ending, other) in [(1, completed(), failed()), (2, failed(), completed())] {
        done(store, vec![add(&generation(number, "default", "mesh-1")), end(number, 0, ending)]).await;
        let before = read(store, number).await;
        for change in [end(number, 0, other.clone()), start(number, 1), release(number, 0)] {
            stale(store, vec![change]).await;
        }
        assert_eq!(read(store, number).await, before);
    }
}

pub(crate) async fn open_ones_come_in_id_order_by_model(store: &dyn Store) {
    for (number, model) in [(5, "mesh-1"), (1, "lipsync-2"), (4, "react-1"), (2, "mesh-1"), (3, "lipsync-2")] {
        done(store, vec![add(&generation(number, if number == 3 { "acme" } else { "default" }, model))]).await;
    }
    done(store, vec![start(2, 1), end(4, 0, completed())]).await;
    let open = async |models: &[&'static str], after: Option<u128>, limit| -> Vec<u128> {
        let found = store.open_generations(models, after.map(gen_id), limit).await.unwrap();
        found.iter().map(|g| g.id.0.as_u128()).collect()
    };
    assert_eq!(open(&["mesh-1", "lipsync-2", "react-1"], None, 9).await, [1, 2, 3, 5]);
    assert_eq!(open(&["mesh-1"], None, 9).await, [2, 5]);
    assert_eq!(open(&["lipsync-2", "mesh-1", "mesh-1"], Some(1), 2).await, [2, 3]);
    assert_eq!(open(&["mesh-1"], Some(5), 9).await, [0u128; 0]);
    assert_eq!(open(&[], None, 9).await, [0u128; 0]);
    let found = store.open_generations(&["lipsync-2"], None, 9).await.unwrap();
    assert_eq!(found, [generation(1, "default", "lipsync-2"), generation(3, "acme", "lipsync-2")]);
}

pub(crate) async fn an_id_is_given_once(store: &dyn Store) {
    done(store, vec![add(&generation(1, "default", "mesh-1"))]).await;
    let other = generation(1, "acme", "react-1");
    assert!(matches!(store.apply(vec![add(&other)]).await, Err(StoreError::Failed(_))));
    assert_eq!(read(store, 1).await.org, org("default"));
}

pub(crate) async fn they_are_counted_as_they_move(store: &dyn Store) {
    let count =
        async |whose: &str, statuses: &[Status]| store.count_generations(&org(whose), statuses.to_vec()).await.unwrap();
    assert_eq!(count("default", &[]).await, 0);
    for number in 1..=4 {
        done(store, vec![add(&generation(number, "default", "mesh-1"))]).await;
    }
    done(store, vec![add(&generation(9, "acme", "mesh-1"))]).await;
    assert_eq!((count("default", &[Status::Pending]).await, count("acme", &[]).await), (4, 1));
    done(store, vec![start(1, 1)]).await;
    done(store, vec![start(1, 2)]).await;
    done(store, vec![start(2, 1)]).await;
    done(store, vec![release(2, 1)]).await;
    done(store, vec![end(3, 0, completed())]).await;
    done(store, vec![end(4, 0, failed())]).await;
    stale(store, vec![end(4, 0, completed())]).await;
    // What is taken back with its list is not counted.
    stale(store, vec![start(2, 1), end(3, 0, failed())]).await;
    let each = [Status::Pending, Status::Processing, Status::Completed, Status::Failed, Status::Rejected];
    let mut counts = vec![];
    for status in each {
        counts.push(count("default", &[status]).await);
    }
    assert_eq!(counts, [1, 1, 1, 1, 0]);
    assert_eq!(count("default", &[Status::Completed, Status::Failed]).await, 2);
    assert_eq!(count("default", &[]).await, 4);
    done(store, vec![Change::RemoveGeneration { org: org("default"), id: gen_id(3) }]).await;
    done(store, vec![end(1, 2, failed()), add(&generation(5, "default", "mesh-1")), end(5, 0, completed())]).await;
    let counted = (count("default", &[Status::Completed]).await, count("default", &[Status::Failed]).await);
    assert_eq!((counted, count("default", &[]).await), ((1, 2), 4), "removed, and added and ended in one list");
}

pub(crate) async fn one_that_has_ended_may_go_and_its_event_stays(store: &dyn Store) {
    let remove = |number, whose: &str| Change::RemoveGeneration { org: org(whose), id: gen_id(number) };
    done(store, vec![add(&generation(1, "default", "mesh-1"))]).await;
    stale(store, vec![remove(1, "default")]).await;
    done(store, vec![start(1, 1)]).await;
    stale(store, vec![remove(1, "default")]).await;
    let (event, due) = (event(10, 1, "default"), at(5));
    let delivery = delivery(20, &event, "app", 5);
    done(store, vec![end(1, 1, completed()), add_event(&event), Change::AddDelivery(Box::new(delivery))]).await;
    stale(store, vec![remove(1, "acme")]).await;
    done(store, vec![remove(1, "default")]).await;
    stale(store, vec![remove(1, "default")]).await;
    assert_eq!(store.generation_of_any(gen_id(1)).await, Ok(None));
    assert_eq!(store.count_generations(&org("default"), vec![]).await, Ok(0));
    let left = store.due(due, None, 9).await.unwrap();
    assert_eq!(left.len(), 1, "its webhook is still to be delivered");
    assert_eq!(left[0].event.body, event.body);
}
