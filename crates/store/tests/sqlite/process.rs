//! Other processes: this test binary again, told by a variable which part to play.
#![expect(clippy::print_stdout, reason = "the other process tells its test what it saw")]
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use futures::executor::block_on;
use postsync_core::change::Change;
use postsync_engine::ports::{Applied, Store};
use postsync_store::sqlite::{Fate, Options, Sqlite};

use super::world::*;

const PART: &str = "POSTSYNC_TEST_PART";
const DATABASE: &str = "POSTSYNC_TEST_DATABASE";

/// Plays a part on a database in another process, and waits until that has ended.
pub(crate) fn play(part: &str, database: &Path) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process::plays_its_part", "--ignored", "--nocapture"]);
    command.env(PART, part).env(DATABASE, database).output().unwrap()
}

#[test]
#[ignore = "only a process that another test has started plays a part"]
fn plays_its_part() {
    let (Ok(part), Some(database)) = (std::env::var(PART), std::env::var_os(DATABASE)) else { return };
    let database = PathBuf::from(database);
    match part.as_str() {
        "adds a key" => {
            let store = Sqlite::open(&database, &master(), Options::default()).unwrap();
            let changes = vec![Change::AddKey(Box::new(key(1, "default", 1)))];
            assert_eq!(block_on(store.apply(changes)), Ok(Applied::Done));
        }
        "dies before its second commit" => dies(&database),
        "wants to own it" => {
            let store = Sqlite::open(&database, &master(), Options::default()).unwrap();
            println!("{}", store.own().unwrap_err());
        }
        other => panic!("no such part: {other}"),
    }
}

fn dies(database: &Path) {
    let commits = std::sync::atomic::AtomicUsize::new(0);
    let before_commit = move || {
        if commits.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1 {
            // As a power cut would: nothing runs after it.
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        }
        Fate::Commit
    };
    let options = Options { before_commit: Some(std::sync::Arc::new(before_commit)), ..Options::default() };
    let store = Sqlite::open(database, &master(), options).unwrap();
    for number in [1, 2] {
        block_on(done(&store, vec![add(&generation(number, "default", "mesh-1"))]));
        println!("answered {number}");
    }
}
