//! Copies of a database that is being written to, and files that must not become one.
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use bytes::Bytes;
use futures::executor::block_on;
use postsync_core::event::Event;
use postsync_core::ids::EventId;
use postsync_engine::ports::Store;
use postsync_store::sqlite::{Copied, CopyProgress, Sqlite, Watch, back_up, restore};
use postsync_store::{Error, MasterKey};

use super::world::*;

/// Enough pages for many steps of a copy.
const EVENTS: i64 = 3_000;
const BODY_BYTES: usize = 4_000;

/// So much has the writer to do while the copy is made, and it must not wait for its end.
const BESIDE_MIN: i64 = 3;

fn large(number: i64) -> Event {
    Event { body: Bytes::from(vec![b'x'; BODY_BYTES]), ..event(number, 1, "default") }
}

fn filled(folder: &Path) -> Sqlite {
    let store = sqlite_in(folder);
    for first in (1..=EVENTS).step_by(500) {
        block_on(done(&store, (first..first + 500).map(|number| add_event(&large(number))).collect()));
    }
    store
}

/// Tells `each` of the progress; its answer ends the copy or not.
fn watched<T>(
    mut each: impl FnMut(CopyProgress) -> ControlFlow<()>,
    copy: impl FnOnce(&mut Watch<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let told = Arc::new(AtomicUsize::new(0));
    let stop = told.clone();
    let mut progress = |progress| {
        if each(progress).is_break() {
            told.store(1, Ordering::SeqCst);
        }
    };
    copy(&mut Watch { stop: Arc::new(move || stop.load(Ordering::SeqCst) == 1), progress: &mut progress })
}

fn copied(database: &Path, to: &Path) -> Copied {
    watched(|_| ControlFlow::Continue(()), |watch| back_up(database, to, watch)).unwrap()
}

fn restored(backup: &Path, to: &Path, master: &MasterKey) -> Result<Copied, Error> {
    watched(|_| ControlFlow::Continue(()), |watch| restore(backup, to, master, watch))
}

/// A backup of a database with one organization's key in it, and the folder that it is in.
fn backup_of_one_key() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    block_on(done(&store, vec![postsync_core::change::Change::AddKey(Box::new(key(1, "default", 1)))]));
    drop(store);
    let backup = folder.path().join("copy.db");
    copied(&folder.path().join("postsync.db"), &backup);
    (folder, backup)
}

#[test]
fn a_copy_under_load_ends_and_has_what_was_acknowledged_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(filled(folder.path()));
    let last = Arc::new(AtomicI64::new(EVENTS));
    let (writer, written) = (store.clone(), last.clone());
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let writing = std::thread::spawn(move || {
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let number = written.load(Ordering::SeqCst) + 1;
            block_on(done(&*writer, vec![add_event(&large(number))]));
            written.store(number, Ordering::SeqCst);
        }
    });
    let to = folder.path().join("copy.db");
    let acknowledged = last.load(Ordering::SeqCst);
    let (mut steps, mut at_first, mut at_last) = (0, 0, 0);
    let each = |progress| {
        if let CopyProgress::Copying(done, total) = progress {
            assert!(done <= total);
            steps += 1;
            at_last = last.load(Ordering::SeqCst);
            at_first = if steps == 1 { at_last } else { at_first };
        }
        ControlFlow::Continue(())
    };
    let made = watched(each, |watch| back_up(&folder.path().join("postsync.db"), &to, watch)).unwrap();
    drop(stop);
    writing.join().unwrap();
    assert!(steps > 10, "in small steps: {steps}");
    assert!(at_last >= at_first + BESIDE_MIN, "others wrote meanwhile: {at_first} to {at_last}");
    assert_eq!(made.bytes, std::fs::metadata(&to).unwrap().len());

    let target = folder.path().join("restored.db");
    restored(&to, &target, &master()).unwrap();
    let again = Sqlite::open(&target, &master(), postsync_store::sqlite::Options::default()).unwrap();
    for number in 1..=acknowledged {
        let found = block_on(again.event_of_any(EventId(number))).unwrap();
        assert_eq!(found, Some(large(number)));
    }
    let beyond = block_on(again.event_of_any(EventId(last.load(Ordering::SeqCst)))).unwrap();
    assert_eq!(beyond, None, "it is of one moment, and that was before the end");
}

#[test]
fn a_copy_is_one_file_that_needs_nothing_beside_it() {
    let (folder, backup) = backup_of_one_key();
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("copy"))
        .collect();
    names.sort();
    assert_eq!(names, ["copy.db"]);
    let header = std::fs::read(&backup).unwrap();
    assert_eq!(header[18..20], [1, 1], "it wants no log");
    restored(&backup, &folder.path().join("restored.db"), &master()).unwrap();
}

#[test]
fn who_says_stop_is_heard_at_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()));
    let mut told = 0;
    let each = |_| {
        told += 1;
        ControlFlow::Break(())
    };
    let to = folder.path().join("copy.db");
    let stopped = watched(each, |watch| back_up(&folder.path().join("postsync.db"), &to, watch));
    assert!(matches!(stopped, Err(Error::Stopped)));
    assert_eq!(told, 1);
}

#[test]
fn another_master_key_does_not_restore_it() {
    let (folder, backup) = backup_of_one_key();
    let target = folder.path().join("restored.db");
    let error = restored(&backup, &target, &MasterKey::generate([8; 32])).unwrap_err();
    assert!(matches!(error, Error::Key(_)), "{error}");
    assert!(error.to_string().contains("copy.db") && !target.exists(), "{error}");
}

#[test]
fn a_newer_backup_is_refused() {
    let (folder, backup) = backup_of_one_key();
    let conn = rusqlite::Connection::open(&backup).unwrap();
    let row = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
               VALUES (999, 'later', '2027-01-01T00:00:00Z', '1')";
    conn.execute(row, []).unwrap();
    drop(conn);
    let target = folder.path().join("restored.db");
    assert!(matches!(restored(&backup, &target, &master()), Err(Error::Newer { found: 999, .. })));
    assert!(!target.exists());
}

#[test]
fn what_is_not_whole_is_refused() {
    let (folder, backup) = backup_of_one_key();
    let whole = std::fs::read(&backup).unwrap();
    let target = folder.path().join("restored.db");
    for kept in [whole.len() - 4096, whole.len() / 2, 8192 + 1] {
        std::fs::write(&backup, &whole[..kept]).unwrap();
        let error = restored(&backup, &target, &master()).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{kept} of {} bytes: {error}", whole.len());
        let _ = std::fs::remove_file(&target);
    }
    // Whole by its length, and a page in its middle is another's.
    let (mut bytes, middle) = (whole.clone(), whole.len() / 2 / 4096 * 4096);
    bytes[middle..middle + 4096].fill(0xA5);
    std::fs::write(&backup, &bytes).unwrap();
    let error = restored(&backup, &target, &master()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }) && error.to_string().contains("copy.db"), "{error}");
}

#[test]
fn what_is_no_database_of_ours_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (file, target) = (folder.path().join("copy.db"), folder.path().join("restored.db"));
    for bytes in [&b""[..], b"hello", &[b'x'; 10_000]] {
        std::fs::write(&file, bytes).unwrap();
        assert!(matches!(restored(&file, &target, &master()), Err(Error::NotOurs { .. })), "{} bytes", bytes.len());
    }
    std::fs::remove_file(&file).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE vault (id INTEGER)").unwrap();
    assert!(matches!(restored(&file, &target, &master()), Err(Error::NotOurs { .. })), "one of somebody else");
    let error = watched(|_| ControlFlow::Continue(()), |watch| back_up(&file, &target, watch)).unwrap_err();
    assert!(error.to_string().contains("is not a database of postsync"), "{error}");
    assert!(!target.exists());
}

#[test]
fn between_two_master_keys_nothing_is_backed_up() {
    let folder = tempfile::tempdir().unwrap();
    drop(sqlite_in(folder.path()));
    let (database, to) = (folder.path().join("postsync.db"), folder.path().join("copy.db"));
    let conn = rusqlite::Connection::open(&database).unwrap();
    conn.execute("INSERT INTO vault (place, key_id, sealed) VALUES ('next', 'other', x'00')", []).unwrap();
    let error = watched(|_| ControlFlow::Continue(()), |watch| back_up(&database, &to, watch)).unwrap_err();
    assert!(error.to_string().contains("postsync secret rekey"), "{error}");
    conn.execute("DELETE FROM vault WHERE place = 'next'", []).unwrap();
    copied(&database, &to);
}
