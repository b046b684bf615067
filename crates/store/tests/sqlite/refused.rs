//! Databases that must not be opened, and keys that do not fit.
use futures::executor::block_on;
use postsync_core::rotation::SecretOwner;
use postsync_engine::ports::Store;
use postsync_store::sqlite::{Options, Sqlite};
use postsync_store::{Error, MasterKey};

use super::world::*;

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("postsync.db");
    drop(sqlite_in(folder.path()));
    let conn = rusqlite::Connection::open(&database).unwrap();
    let row = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
               VALUES (999, 'later', '2027-01-01T00:00:00Z', '1')";
    conn.execute(row, []).unwrap();
    let error = Sqlite::open(&database, &master(), Options::default()).err().unwrap();
    assert!(matches!(error, Error::Newer { found: 999, .. }), "{error}");
    let sentence = error.to_string();
    assert!(sentence.contains("newer postsync") && sentence.contains("postsync.db"), "{sentence}");
    conn.execute("DELETE FROM refinery_schema_history WHERE version = 999", []).unwrap();
    drop(sqlite_in(folder.path()));
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("postsync.db");
    std::fs::write(&database, "not a database, but long enough to have a header of one".repeat(20)).unwrap();
    assert!(Sqlite::open(&database, &master(), Options::default()).is_err());
    assert!(MasterKey::load_or_create(&folder.path().join("master.key"), &database).is_err());
    assert!(!folder.path().join("master.key").exists());
}

#[test]
fn another_master_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(sqlite_in(folder.path()));
    let other = MasterKey::generate([8; 32]);
    let error = Sqlite::open(&folder.path().join("postsync.db"), &other, Options::default()).err().unwrap();
    assert!(matches!(error, Error::Key(_)));
    let sentence = error.to_string();
    assert!(sentence.contains("master key") && sentence.contains("POSTSYNC_MASTER_KEY"), "{sentence}");
    drop(sqlite_in(folder.path()));
}

#[test]
fn a_lost_master_key_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (file, database) = (folder.path().join("master.key"), folder.path().join("postsync.db"));
    let made = MasterKey::load_or_create(&file, &database).unwrap();
    drop(Sqlite::open(&database, &made, Options::default()).unwrap());
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let sentence = MasterKey::load_or_create(&file, &database).unwrap_err().to_string();
    for word in ["master key", "master.key", "POSTSYNC_MASTER_KEY"] {
        assert!(sentence.contains(word), "{sentence}");
    }
    assert!(!file.exists(), "a new key would hide that the old one is lost");
    std::fs::write(&file, kept).unwrap();
    let found = MasterKey::load_or_create(&file, &database).unwrap();
    drop(Sqlite::open(&database, &found, Options::default()).unwrap());
}

#[test]
fn a_secret_is_nowhere_on_disk_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite_in(folder.path());
    let made = secret(1, 5);
    block_on(done(&store, vec![first_secret(1, "default", 5)]));
    let on_disk = |text: &str| {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let bytes = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap());
        String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).contains(text)
    };
    assert!(on_disk("secrets_by_owner"), "it looks at the right files");
    assert!(!on_disk(&made.secret.expose()[6..]));
    drop(store);
    assert!(!on_disk(&made.secret.expose()[6..]));
    let found = block_on(sqlite_in(folder.path()).signing(&SecretOwner::org(&org("default")))).unwrap().unwrap();
    assert_eq!(found.current.secret, made.secret);
}
