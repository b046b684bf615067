//! Commands open the database beside a running server; a second server does not.
use futures::executor::block_on;
use postsync_engine::ports::Store;
use postsync_store::Error;

use super::process::play;
use super::world::*;

#[test]
fn a_running_store_sees_what_another_process_did() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite_in(folder.path());
    let _owned = store.own().unwrap();
    block_on(store.check()).unwrap();
    assert_eq!(block_on(store.key_by_hash([1; 32])), Ok(None));
    let other = play("adds a key", &folder.path().join("postsync.db"));
    assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stderr));
    assert_eq!(block_on(store.key_by_hash([1; 32])), Ok(Some(key(1, "default", 1))));
    block_on(store.check()).unwrap();
}

#[test]
fn one_server_owns_the_loops() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (sqlite_in(folder.path()), sqlite_in(folder.path()));
    let owned = first.own().unwrap();
    let error = second.own().unwrap_err();
    assert!(matches!(error, Error::Owned { .. }));
    let sentence = error.to_string();
    let process = format!("(process {})", std::process::id());
    assert!(sentence.starts_with("another postsync server") && sentence.contains(&process), "{sentence}");

    let other = play("wants to own it", &folder.path().join("postsync.db"));
    assert!(String::from_utf8_lossy(&other.stdout).contains(&sentence), "{other:?}");
    drop(owned);
    let _owned = second.own().unwrap();
}

#[test]
fn what_lives_in_memory_has_no_rival() {
    let store = sqlite_in_memory();
    let _both = (store.own().unwrap(), store.own().unwrap());
}
