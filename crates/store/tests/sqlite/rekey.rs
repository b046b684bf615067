//! Another master key, with a kill at each step.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use futures::executor::block_on;
use postsync_core::change::Change;
use postsync_core::ids::{EndpointId, SecretId};
use postsync_core::rotation::{Places, SecretOwner, Signing};
use postsync_engine::ports::{Store, StoreError};
use postsync_store::sqlite::{Options, Rekeyed, Sqlite, next_key, rekey};
use postsync_store::{Error, MasterKey};

use super::world::*;

/// More than two commits' worth.
const OWNERS: i64 = 600;

fn new() -> MasterKey {
    MasterKey::generate([8; 32])
}

fn owner(n: i64) -> SecretOwner {
    let endpoint = (n % 2 == 0).then(|| EndpointId::new(&format!("ep_{n}")));
    SecretOwner { org: org(&format!("o{}", n / 2)), endpoint }
}

fn filled(folder: &Path) -> PathBuf {
    let store = sqlite_in(folder);
    let first = |n: i64| {
        let current = secret(n, u8::try_from(n % 256).unwrap());
        Change::SetSecrets { was: None, now: Box::new(Signing::first(owner(n), current)) }
    };
    block_on(done(&store, (1..=OWNERS).map(first).collect()));
    folder.join("postsync.db")
}

fn all_read(database: &Path, key: &MasterKey) {
    let store = Sqlite::open(database, key, Options::default()).unwrap();
    for n in 1..=OWNERS {
        let found = block_on(store.signing(&owner(n))).unwrap().unwrap();
        assert_eq!(found.current, secret(n, u8::try_from(n % 256).unwrap()));
    }
}

fn refused(database: &Path, key: &MasterKey, words: &str) {
    let error = Sqlite::open(database, key, Options::default()).err().unwrap().to_string();
    assert!(error.contains("master key") && error.contains(words), "{error}");
}

#[test]
fn everything_is_sealed_anew_and_the_old_key_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = filled(folder.path());
    let mut told = Vec::new();
    let moved = rekey(&database, &master(), &new(), &mut |rows| told.push(rows)).unwrap();
    assert_eq!((moved, told), (Rekeyed { rows: 600, was_done: false }, vec![0, 256, 512, 600]));
    all_read(&database, &new());
    refused(&database, &master(), "does not fit");
    let again = rekey(&database, &master(), &new(), &mut |_| {}).unwrap();
    assert_eq!(again, Rekeyed { rows: 0, was_done: true });
    assert_eq!(next_key(&database).unwrap(), None);
}

#[test]
fn killed_at_any_step_it_goes_on_where_it_was() {
    for step in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let database = filled(folder.path());
        let mut steps = 0;
        let mut told = |_: usize| {
            assert!(steps < step, "killed");
            steps += 1;
        };
        catch_unwind(AssertUnwindSafe(|| rekey(&database, &master(), &new(), &mut told))).unwrap_err();
        // Half of it is under each key: neither opens it, and no third one may take over.
        for key in [master(), new()] {
            refused(&database, &key, "is not finished");
        }
        assert_eq!(next_key(&database).unwrap(), Some(new().id()));
        let third = MasterKey::generate([9; 32]);
        let error = rekey(&database, &master(), &third, &mut |_| {}).unwrap_err();
        assert!(matches!(&error, Error::Key(text) if text.contains(&new().id())), "{error}");
        let rest = rekey(&database, &master(), &new(), &mut |_| {}).unwrap();
        let before = usize::try_from(OWNERS).unwrap().min(256 * step);
        assert_eq!((rest.rows + before, rest.was_done), (600, false));
        all_read(&database, &new());
    }
}

#[test]
fn it_does_not_begin_beside_a_server_or_with_a_wrong_key() {
    let folder = tempfile::tempdir().unwrap();
    let database = filled(folder.path());
    let third = MasterKey::generate([9; 32]);
    for (from, to) in [(&third, new()), (&master(), master())] {
        let error = rekey(&database, from, &to, &mut |_| {}).unwrap_err();
        assert!(matches!(&error, Error::Key(text) if text.contains("master key")), "{error}");
    }
    let server = Sqlite::open(&database, &master(), Options::default()).unwrap();
    let owned = server.own().unwrap();
    assert!(matches!(rekey(&database, &master(), &new(), &mut |_| {}), Err(Error::Owned { .. })));
    drop((owned, server));
    all_read(&database, &master());
}

/// `keys create` beside it has opened the database before: what it sealed with the old key now, nobody could ever read.
#[test]
fn who_opened_it_before_seals_nothing_under_the_old_key_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let database = filled(folder.path());
    let before = Sqlite::open(&database, &master(), Options::default()).unwrap();
    let write = |number| block_on(before.apply(vec![first_secret(number, &format!("late{number}"), 1)]));
    let mut meanwhile = None;
    rekey(&database, &master(), &new(), &mut |rows| {
        if rows == 256 {
            meanwhile = Some(write(1_001));
        }
    })
    .unwrap();
    for answer in [meanwhile.unwrap(), write(1_002)] {
        assert!(matches!(&answer, Err(StoreError::Key(text)) if text.contains("master key")), "{answer:?}");
    }
    // To move a secret seals nothing, and does no harm.
    let places = Places { current: SecretId(1), next: None, previous: None };
    let same = Signing::first(owner(1), secret(1, 1));
    block_on(done(&before, vec![Change::SetSecrets { was: Some(places), now: Box::new(same) }]));
    drop(before);
    all_read(&database, &new());
}
