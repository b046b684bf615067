//! Nothing is answered that is not on disk, and many callers share a commit.
use std::os::unix::process::ExitStatusExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::executor::block_on;
use postsync_engine::ports::{Applied, Store, StoreError};
use postsync_store::sqlite::{Fate, Options, Pragmas, Sqlite};

use super::process::play;
use super::world::*;

#[test]
fn the_live_writer_syncs_each_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite_in(folder.path());
    let want = Pragmas {
        journal_mode: "wal".to_owned(),
        synchronous: 2,
        auto_vacuum: 2,
        wal_autocheckpoint: 4_000,
        cache_size: -8 * 1024,
        busy_timeout: 5_000,
    };
    assert_eq!(block_on(store.pragmas()), Ok(want));
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let made = generation(1, "default", "mesh-1");
    block_on(done(&sqlite_in(folder.path()), vec![add(&made), start(1, 1)]));
    let again = sqlite_in(folder.path());
    let found = block_on(again.generation_of_any(gen_id(1))).unwrap().unwrap();
    assert_eq!((found.request, found.tries), (made.request, 1));
}

/// The feed's order goes on where it stopped, also when all old events are gone.
#[test]
fn a_place_in_the_feed_is_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let places = |sql: &str| -> Vec<i64> {
        let conn = rusqlite::Connection::open(folder.path().join("postsync.db")).unwrap();
        let mut statement = conn.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    // Ids as they were drawn, places as they were committed.
    for numbers in [[5, 3], [4, 9]] {
        let store = sqlite_in(folder.path());
        let list = numbers.iter().map(|n| add_event(&event(*n, 1, "default"))).collect();
        block_on(done(&store, list));
    }
    assert_eq!(places("SELECT id FROM events ORDER BY seq"), [5, 3, 4, 9]);
    assert_eq!(places("SELECT seq FROM events ORDER BY seq"), [1, 2, 3, 4]);
    places("DELETE FROM events RETURNING id");
    block_on(done(&sqlite_in(folder.path()), vec![add_event(&event(10, 1, "default"))]));
    assert_eq!(places("SELECT seq FROM events"), [5]);
}

#[test]
fn a_kill_before_the_commit_is_no_answer_and_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("postsync.db");
    let died = play("dies before its second commit", &database);
    let said = String::from_utf8_lossy(&died.stdout).into_owned();
    assert_eq!(died.status.signal(), Some(9), "{said}{}", String::from_utf8_lossy(&died.stderr));
    assert!(said.contains("answered 1") && !said.contains("answered 2"), "{said}");
    let store = sqlite_in(folder.path());
    assert!(block_on(store.generation_of_any(gen_id(1))).unwrap().is_some());
    assert!(block_on(store.generation_of_any(gen_id(2))).unwrap().is_none());
    block_on(done(&store, vec![add(&generation(2, "default", "mesh-1"))]));
}

#[test]
fn callers_at_the_same_time_share_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, options) = Gate::new();
    let store = Sqlite::open(&folder.path().join("postsync.db"), &master(), options).unwrap();
    let lists = (1..=200).map(|number| vec![add(&generation(number, "default", "mesh-1"))]).collect();
    let answers = block_on(in_one_commit(&store, &gate, lists));
    assert!(answers.iter().all(|answer| *answer == Ok(Applied::Done)));
    let written = store.written();
    assert_eq!((written.commits, written.lists), (2, 201));
}

/// One list is never split, however long; and what stands behind it waits for the next commit.
#[test]
fn a_commit_is_bounded_and_a_list_rides_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, options) = Gate::new();
    let store = Sqlite::open(&folder.path().join("postsync.db"), &master(), options).unwrap();
    let list = |from: u128, to: u128| (from..to).map(|n| add(&generation(n, "default", "mesh-1"))).collect();
    let answers = block_on(in_one_commit(&store, &gate, vec![list(0, 1_000), list(1_000, 3_000), list(3_000, 3_001)]));
    assert!(answers.iter().all(|answer| *answer == Ok(Applied::Done)));
    assert_eq!(store.written().commits, 3);
}

#[test]
fn a_commit_of_unknown_fate_ends_the_process_without_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("postsync.db");
    let reasons: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = reasons.clone();
    let options = Options {
        before_commit: Some(Arc::new(|| Fate::Fail)),
        abort: Arc::new(move |reason| heard.lock().unwrap().push(reason.to_owned())),
    };
    let store = Sqlite::open(&database, &master(), options).unwrap();
    let apply = || store.apply(vec![add(&generation(1, "default", "mesh-1"))]);
    assert_eq!(block_on(apply()), Err(StoreError::Closed));
    // In a server nothing runs any more; here the thread is gone, and says nothing to anybody.
    assert_eq!(block_on(apply()), Err(StoreError::Closed));
    drop(store);
    let reasons = reasons.lock().unwrap();
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].contains("a commit failed"), "{reasons:?}");
    let again = sqlite_in(folder.path());
    assert_eq!(block_on(again.generation_of_any(gen_id(1))), Ok(None));
}

#[test]
fn what_the_disk_takes_is_told_apart_from_what_changes_cost() {
    const SYNC: Duration = Duration::from_millis(20);
    let folder = tempfile::tempdir().unwrap();
    let (_nobody, silence) = std::sync::mpsc::channel::<()>();
    let silence = Mutex::new(silence);
    let slow_disk = move || {
        let _ = silence.lock().unwrap().recv_timeout(SYNC);
        Fate::Commit
    };
    let options = Options { before_commit: Some(Arc::new(slow_disk)), ..Options::default() };
    let store = Sqlite::open(&folder.path().join("postsync.db"), &master(), options).unwrap();
    let before = store.written();
    block_on(done(&store, vec![add(&generation(1, "default", "mesh-1"))]));
    let after = store.written();
    assert_eq!(after.commits - before.commits, 1);
    assert!(after.stood_still - before.stood_still >= SYNC / 2, "{after:?}");
}

#[test]
fn a_writer_that_panics_ends_the_process_without_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let reasons: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = reasons.clone();
    let options = Options {
        before_commit: Some(Arc::new(|| panic!("a bug"))),
        abort: Arc::new(move |reason| heard.lock().unwrap().push(reason.to_owned())),
    };
    let store = Sqlite::open(&folder.path().join("postsync.db"), &master(), options).unwrap();
    assert_eq!(block_on(store.apply(vec![add(&generation(1, "default", "mesh-1"))])), Err(StoreError::Closed));
    drop(store);
    assert_eq!(*reasons.lock().unwrap(), ["the writer's thread panicked"]);
}
