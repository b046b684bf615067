//! Lists that share a commit do not feel each other.
use futures::executor::block_on;
use postsync_core::generation::Status;
use postsync_engine::ports::{Applied, CountStore as _, Store, StoreError};
use postsync_store::sqlite::Sqlite;

use super::world::*;

#[test]
fn each_list_gets_its_own_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, options) = Gate::new();
    let store = Sqlite::open(&folder.path().join("postsync.db"), &master(), options).unwrap();
    let new = |number| add(&generation(number, "default", "mesh-1"));
    let lists = vec![
        vec![new(1), start(1, 1)],
        vec![start(9, 1), new(2)],
        vec![new(3), start(9, 1)],
        vec![new(4), new(1)],
        vec![end(1, 1, completed()), new(5)],
    ];
    let answers = block_on(in_one_commit(&store, &gate, lists));
    assert_eq!(answers[..3], [Ok(Applied::Done), Ok(Applied::Stale), Ok(Applied::Stale)]);
    assert!(matches!(answers[3], Err(StoreError::Failed(_))), "{answers:?}");
    assert_eq!(answers[4], Ok(Applied::Done));
    let there = |number| block_on(store.generation_of_any(gen_id(number))).unwrap().is_some();
    assert_eq!([1, 2, 3, 4, 5].map(there), [true, false, false, false, true]);
    let count = |status| block_on(store.count_generations(&org("default"), vec![status])).unwrap();
    let counts = [Status::Pending, Status::Processing, Status::Completed].map(count);
    assert_eq!(counts, [1, 0, 1], "what the refused ones have moved was taken back");
    let written = store.written();
    assert_eq!((written.commits, written.lists, written.redone), (2, 3, 1));
}

/// The usual refusal: it has written nothing, so nothing is done again.
#[test]
fn a_stale_fence_that_comes_first_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, options) = Gate::new();
    let store = Sqlite::open(&folder.path().join("postsync.db"), &master(), options).unwrap();
    let lists = vec![vec![start(9, 1)], vec![add(&generation(1, "default", "mesh-1"))], vec![start_attempt(5, 1)]];
    let answers = block_on(in_one_commit(&store, &gate, lists));
    assert_eq!(answers, [Ok(Applied::Stale), Ok(Applied::Done), Ok(Applied::Stale)]);
    assert_eq!(store.written().redone, 0);
}
