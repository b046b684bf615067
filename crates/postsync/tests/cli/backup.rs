//! `backup` and `restore` without a server: what is made, what is said, and what is refused before anything is put in place.
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::run::{Home, Ran};

const OTHER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A data folder with a key of its own in it, and its master key.
fn with_a_key() -> (Home, String) {
    let home = Home::with_database();
    home.done(&["keys", "create", "--name", "kept"]);
    let master = fs::read_to_string(home.file("postsync-data/master.key")).unwrap().trim().to_owned();
    (home, master)
}

fn restore(home: &Home, file: &str, master: &str) -> Ran {
    let mut command = home.command(&["restore", file, "--data-dir", "elsewhere"]);
    Ran::of(command.env("POSTSYNC_MASTER_KEY", master))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_backed_up_is_there_again_elsewhere() {
    let (home, master) = with_a_key();
    let made = home.done(&["backup", "copy.db"]);
    for word in ["copy.db", "postsync-data/media", "postsync-data/token.key", "postsync-data/master.key", "checked"] {
        assert!(made.out.contains(word), "{word} in {made:?}");
    }
    assert!(!made.out.contains(&master) && made.err.is_empty(), "{made:?}");
    assert_eq!(fs::metadata(home.file("copy.db")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(home.path()), ["copy.db", "postsync-data"], "no draft is left");

    let put = restore(&home, "copy.db", &master);
    assert_eq!(put.code, Some(0), "{put:?}");
    for word in ["elsewhere/postsync.db", "elsewhere/media", "elsewhere/token.key", "POSTSYNC_MASTER_KEY"] {
        assert!(put.out.contains(word), "{word} in {put:?}");
    }
    assert_eq!(names(&home.file("elsewhere")), ["postsync.db"]);
    let mode = |name: &str| fs::metadata(home.file(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("elsewhere"), mode("elsewhere/postsync.db")), (0o700, 0o600));
    let mut list = home.command(&["keys", "list", "--json", "--data-dir", "elsewhere"]);
    let there = Ran::of(list.env("POSTSYNC_MASTER_KEY", &master)).json();
    assert_eq!(there, home.done(&["keys", "list", "--json"]).json());
    assert_eq!(there[0]["name"], "kept");
}

#[test]
fn both_speak_json() {
    let (home, master) = with_a_key();
    let made = home.done(&["backup", "copy.db", "--json"]).json();
    assert_eq!(made["file"], home.file("copy.db").to_str().unwrap(), "{made}");
    assert_eq!(made["bytes"], fs::metadata(home.file("copy.db")).unwrap().len());
    assert!(made["masterKey"].as_str().unwrap().ends_with("master.key") && made["schema"].is_i64(), "{made}");
    let mut command = home.command(&["restore", "copy.db", "--json", "--data-dir", "elsewhere"]);
    let put = Ran::of(command.env("POSTSYNC_MASTER_KEY", &master)).json();
    assert!(put["database"].as_str().unwrap().ends_with("elsewhere/postsync.db"), "{put}");
    assert_eq!((&put["bytes"], &put["schema"]), (&made["bytes"], &made["schema"]));
}

#[test]
fn a_file_that_is_there_is_replaced_only_when_told() {
    let (home, _) = with_a_key();
    fs::write(home.file("copy.db"), "precious").unwrap();
    home.run(&["backup", "copy.db"]).refused(1, &["copy.db exists", "--force"]);
    assert_eq!(fs::read(home.file("copy.db")).unwrap(), b"precious");
    home.done(&["backup", "copy.db", "--force"]);
    assert!(fs::read(home.file("copy.db")).unwrap().starts_with(b"SQLite format 3"));
    home.run(&["backup", "postsync-data"]).refused(1, &["is not a file"]);
    home.run(&["backup", "-"]).refused(1, &["stdout"]);
    home.run(&["backup", "none/copy.db"]).refused(1, &["none/copy.db can't be written: the folder none is not there"]);
    home.run(&["backup", "other.db", "--data-dir", "none"]).refused(1, &["no database in"]);
    assert_eq!(names(home.path()), ["copy.db", "postsync-data"]);
}

#[test]
fn a_backup_never_takes_the_place_of_what_it_is_made_of() {
    let (home, _) = with_a_key();
    let before = home.done(&["keys", "list", "--json"]).json();
    for name in ["postsync.db", "postsync.db-journal", "postsync.db-wal", "master.key"] {
        let file = format!("postsync-data/./{name}");
        home.run(&["backup", &file, "--force"]).refused(1, &[name, "data folder that is to be backed up"]);
    }
    assert!(!home.file("postsync-data/postsync.db-journal").exists());
    assert_eq!(home.done(&["keys", "list", "--json"]).json(), before);
    home.done(&["backup", "postsync-data/copy.db"]);
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let (home, master) = with_a_key();
    home.done(&["backup", "copy.db"]);
    fs::create_dir(home.file("elsewhere")).unwrap();
    fs::write(home.file("elsewhere/first-api-key"), "mine").unwrap();
    restore(&home, "copy.db", &master).refused(1, &["elsewhere", "not empty", "first-api-key"]);
    assert_eq!(names(&home.file("elsewhere")), ["first-api-key"]);
    // A fresh volume is as good as empty.
    fs::remove_file(home.file("elsewhere/first-api-key")).unwrap();
    fs::create_dir(home.file("elsewhere/lost+found")).unwrap();
    assert_eq!(restore(&home, "copy.db", &master).code, Some(0));
}

#[test]
fn without_the_right_master_key_nothing_is_restored() {
    let (home, _) = with_a_key();
    home.done(&["backup", "copy.db"]);
    home.run(&["restore", "copy.db", "--data-dir", "elsewhere"]).refused(1, &["POSTSYNC_MASTER_KEY", "master.key"]);
    restore(&home, "copy.db", OTHER_KEY).refused(1, &["master key does not fit", "copy.db"]);
    assert!(!home.file("elsewhere").exists());
}

#[test]
fn what_is_not_a_whole_backup_is_not_restored() {
    let (home, master) = with_a_key();
    home.done(&["backup", "copy.db"]);
    let whole = fs::read(home.file("copy.db")).unwrap();
    for (bytes, word) in [
        (&whole[..whole.len() - 4096], "damaged"),
        (&b"not a database, whatever its name says"[..], "not a database of postsync"),
        (b"", "not a database of postsync"),
    ] {
        fs::write(home.file("bad.db"), bytes).unwrap();
        restore(&home, "bad.db", &master).refused(1, &["bad.db", word]);
        assert!(!home.file("elsewhere").exists(), "{word}");
    }
    restore(&home, "none.db", &master).refused(1, &["none.db is not there"]);
}
