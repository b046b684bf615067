//! `keys`, `orgs`, `secret` and `migrate` on a data folder of their own, with no server beside them.
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::run::{Home, Ran};

#[test]
fn keys_are_made_listed_and_revoked() {
    let home = Home::new();
    let made = home.done(&["keys", "create", "--name", "ci", "--scope", "read"]);
    let (key, err) = (made.line().to_owned(), made.err.as_str());
    let folder = home.path().canonicalize().unwrap().join("postsync-data");
    let told = format!("Made a new database in {}.\n", folder.display());
    assert!(key.len() > 40 && err == told, "only the key: {made:?}");
    let listed = home.done(&["keys", "list", "--json"]);
    let keys = listed.json();
    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
    assert_eq!((keys[0]["name"].as_str(), keys[0]["scope"].as_str()), (Some("ci"), Some("read")));
    assert!(keys[0]["revokedAt"].is_null() && !listed.out.contains(&key), "{listed:?}");
    let table = home.done(&["keys", "list"]).out;
    assert!(table.contains("works") && table.contains("ci") && !table.contains(&key), "{table}");

    let id = keys[0]["id"].as_str().unwrap();
    assert!(home.done(&["keys", "revoke", id]).err.contains(id));
    assert!(home.done(&["keys", "list"]).out.contains("revoked"));
    home.run(&["keys", "revoke", id]).refused(1, &["no working key"]);
    home.run(&["keys", "revoke", "mine"]).refused(1, &["mine", "keys list"]);
}

#[test]
fn two_keys_are_never_the_same() {
    let home = Home::new();
    let make = || home.done(&["keys", "create", "--name", "same"]);
    let (first, second) = (make(), make());
    assert_ne!(first.line(), second.line());
    assert_eq!(second.err, "", "the database is there by then");
    let keys = home.done(&["keys", "list", "--json"]).json();
    assert_eq!(keys[0]["scope"], "generate,read", "the default");
    assert_eq!(keys.as_array().unwrap().len(), 2);
}

#[test]
fn organizations_are_made_and_have_keys_of_their_own() {
    let home = Home::new();
    let made = home.done(&["orgs", "create", " Second Film "]);
    let org = made.line().to_owned();
    assert!(made.err.starts_with("Made a new database in ") && !org.contains(' '), "only the id: {made:?}");
    let orgs = home.done(&["orgs", "list", "--json"]).json();
    let mut names: Vec<_> = orgs.as_array().unwrap().iter().map(|org| org["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Second Film", "default"]);
    assert!(home.done(&["orgs", "list"]).out.contains(&org));

    home.done(&["keys", "create", "--name", "theirs", "--org", &org]);
    assert!(home.done(&["keys", "list", "--org", &org]).out.contains("theirs"));
    assert!(!home.done(&["keys", "list"]).out.contains("theirs"));
    let secret = |org: &str| home.done(&["secret", "show", "--org", org]).line().to_owned();
    assert_ne!(secret(&org), secret("default"));
}

#[test]
fn an_organizations_limits_are_changed_one_by_one() {
    let home = Home::new();
    let org = home.done(&["orgs", "create", "Film", "--plan", "growth"]).line().to_owned();
    let shown = || {
        let orgs = home.done(&["orgs", "list", "--json"]).json();
        let found = orgs.as_array().unwrap().iter().find(|row| row["id"] == org.as_str()).unwrap().clone();
        (found["plan"].as_str().map(str::to_owned), found["concurrency"].as_u64())
    };
    let set = |args: &[&str]| home.done(&[&["orgs", "set", &org], args].concat());
    let told = set(&["--concurrency", "8"]);
    assert!(told.out.is_empty() && told.err.contains("plan growth, concurrency 8"), "{told:?}");
    assert_eq!(shown(), (Some("growth".to_owned()), Some(8)));
    set(&["--plan", "free", "--no-concurrency"]);
    assert_eq!(shown(), (Some("free".to_owned()), None));
    set(&["--no-plan", "--concurrency", "0"]);
    assert_eq!(shown(), (None, Some(0)));
    home.run(&["orgs", "set", &org, "--plan", "gold"]).refused(1, &["gold", "growth"]);
    home.run(&["orgs", "set", "nobody", "--plan", "free"]).refused(1, &["nobody", "orgs list"]);
    home.run(&["orgs", "set", &org]).refused(2, &["--plan"]);
    home.run(&["orgs", "set", &org, "--plan", "free", "--no-plan"]).refused(2, &["--no-plan"]);
    assert_eq!(shown(), (None, Some(0)), "what is refused changes nothing");
    home.done(&["orgs", "set", "default", "--concurrency", "2"]);
}

#[test]
fn what_there_is_not_is_refused_in_a_sentence() {
    let home = Home::with_database();
    home.run(&["keys", "create", "--name", "x", "--scope", "king"]).refused(1, &["king", "admin, generate, read"]);
    for command in [&["keys", "create", "--name", "x"][..], &["keys", "list"], &["secret", "show"]] {
        home.run(&[command, &["--org", "nobody"]].concat()).refused(1, &["nobody", "orgs list"]);
    }
}

#[test]
fn names_are_short_and_printable() {
    let home = Home::new();
    let long = "x".repeat(101);
    for name in ["  ", &long, "a\nb", "a\u{1b}[2Jb", "a\u{202e}b"] {
        home.run(&["orgs", "create", name]).refused(1, &["an organization's name has 1 to 100 printable"]);
        home.run(&["keys", "create", "--name", name]).refused(1, &["a key's name has 1 to 100 printable"]);
    }
    assert!(!home.file("postsync-data").exists(), "judged before anything is made");
    home.done(&["keys", "create", "--name", &"\u{e9}".repeat(100)]);
}

#[test]
fn commands_that_look_make_nothing() {
    let home = Home::new();
    let event = ["verify", "--signature", "t=1,v1=0", "--event", "evt_6h0s7cwtg0000"];
    for (command, code) in [
        (&["secret", "show"][..], 1),
        (&["keys", "list"], 1),
        (&["keys", "revoke", "key_6h0s7cwtg0000"], 1),
        (&["orgs", "list"], 1),
        (&event, 2),
    ] {
        let folder = home.path().canonicalize().unwrap().join("postsync-data");
        let words = ["there is no database in", folder.to_str().unwrap(), "--data-dir"];
        home.run(command).refused(code, &words);
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    for command in [&["keys", "create", "--name", "x"][..], &["orgs", "create", "x"], &["secret", "import", "whsec_x"]]
    {
        let told = Home::new().done(command).err;
        assert!(told.starts_with("Made a new database in "), "{command:?}: {told}");
    }
}

#[test]
fn files_are_their_owners_only_in_a_folder_that_is_not() {
    let home = Home::new();
    let folder = home.file("postsync-data");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    home.done(&["keys", "create", "--name", "x"]);
    let modes: Vec<(String, u32)> = fs::read_dir(&folder)
        .unwrap()
        .map(Result::unwrap)
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().permissions().mode() & 0o077))
        .collect();
    assert!(
        modes.iter().any(|(name, _)| name == "postsync.db") && modes.iter().all(|(_, mode)| *mode == 0),
        "{modes:?}"
    );
}

#[test]
fn migrate_makes_the_database_and_changes_nothing_twice() {
    let home = Home::new();
    assert!(home.done(&["migrate", "--data-dir", "here"]).err.contains("postsync.db"));
    assert!(home.file("here/postsync.db").is_file());
    let mode = |name: &str| fs::metadata(home.file(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("here"), mode("here/master.key")), (0o700, 0o600), "for its owner only");
    let secret = home.done(&["secret", "show", "--data-dir", "here"]).line().to_owned();
    home.done(&["migrate", "--data-dir", "here"]);
    assert_eq!(home.done(&["secret", "show", "--data-dir", "here"]).line(), secret);
}

#[test]
fn a_lost_master_key_is_no_new_one() {
    let home = Home::with_database();
    home.done(&["secret", "show"]);
    fs::remove_file(home.file("postsync-data/master.key")).unwrap();
    home.run(&["secret", "show"]).refused(1, &["master key"]);
    assert!(!home.file("postsync-data/master.key").exists());
    let other = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    Ran::of(home.command(&["migrate"]).env("POSTSYNC_MASTER_KEY", other)).refused(1, &["master key"]);
}

#[test]
fn a_database_that_is_none_is_named() {
    let home = Home::with_database();
    let database = home.file("postsync-data/postsync.db");
    fs::write(&database, [b'x'; 8192]).unwrap();
    home.run(&["orgs", "list"]).refused(1, &["postsync-data/postsync.db", "not a database"]);
}
