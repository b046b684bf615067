//! `postsync secret`: shown, imported, rotated; and another master key.
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::run::{Home, Ran};

#[test]
fn a_secret_is_shown_and_imported_with_what_one_should_know() {
    const NOTE: &str = "Standard Webhooks headers";
    let home = Home::with_database();
    let first = home.done(&["secret", "show"]);
    assert!(first.line().starts_with("whsec_") && first.err.is_empty(), "{first:?}");
    assert_eq!(home.done(&["secret", "show"]).line(), first.line(), "made once");

    let odd = home.done(&["secret", "import", "whsec_from-elsewhere"]);
    assert!(odd.out.is_empty() && odd.err.contains("Imported") && odd.err.contains(NOTE), "{odd:?}");
    assert!(odd.err.contains("A server that runs on ") && odd.err.contains("/postsync-data signs"), "{odd:?}");
    assert!(!odd.err.contains("from-elsewhere"), "masked: {odd:?}");
    let shown = home.done(&["secret", "show"]);
    assert_eq!(shown.line(), "whsec_from-elsewhere");
    assert!(shown.err.contains(NOTE), "{shown:?}");
    assert!(odd.err.contains("so short") && shown.err.contains("so short"), "{odd:?}");
    let long_enough = home.done(&["secret", "import", "whsec_16-bytes-or-more"]);
    assert!(long_enough.err.contains(NOTE) && !long_enough.err.contains("so short"), "{long_enough:?}");

    let plain = home.done(&["secret", "import", first.line()]);
    assert!(!plain.err.contains(NOTE), "{plain:?}");
    assert_eq!(home.done(&["secret", "show"]).line(), first.line());
    let piped = home.fed(&["secret", "import", "-"], b"whsec_from-stdin\n");
    assert!(piped.code == Some(0) && !piped.err.contains("from-stdin"), "{piped:?}");
    assert_eq!(home.done(&["secret", "show"]).line(), "whsec_from-stdin");
    home.fed(&["secret", "import", "-"], b"").refused(1, &["whsec_"]);
    home.run(&["secret", "import", "from-elsewhere"]).refused(1, &["whsec_"]);
}

#[test]
fn a_rotation_step_by_step() {
    let home = Home::with_database();
    let old = home.done(&["secret", "show"]).line().to_owned();
    home.run(&["secret", "rotate", "--switch"]).refused(1, &["no next secret is prepared"]);
    home.run(&["secret", "rotate", "--expire"]).refused(1, &["no previous secret"]);
    let new = home.done(&["secret", "rotate", "--prepare"]).line().to_owned();
    assert_eq!(home.done(&["secret", "rotate", "--prepare"]).line(), new, "asked twice, it is the same one");
    let shown = home.done(&["secret", "show"]);
    assert!(shown.line() == old && shown.err.contains("prepared") && shown.err.contains(&new), "{shown:?}");

    assert_eq!(home.done(&["secret", "rotate", "--switch"]).line(), new);
    let shown = home.done(&["secret", "show", "--json"]).json();
    let of = |key: &str| shown[key].as_str().unwrap_or("none").to_owned();
    assert_eq!([of("secret"), of("next"), of("previous"), of("stage")], [&new, "none", &old, "switched"]);
    let until = of("expiresAt");
    home.done(&["secret", "rotate", "--expire", "7d"]);
    let later = home.done(&["secret", "show", "--json"]).json()["expiresAt"].as_str().unwrap().to_owned();
    assert!(later > until, "{later} {until}");
    home.run(&["secret", "rotate", "--expire", "8d"]).refused(1, &["7 days at most"]);
    home.run(&["secret", "rotate", "--expire", "soon"]).refused(1, &["--expire", "soon", "24h"]);

    let newest = home.done(&["secret", "rotate"]);
    assert!(newest.line() != new && newest.err.contains("still signed, has ended"), "{newest:?}");
    assert!(home.done(&["secret", "rotate", "--expire", "0"]).err.contains("has ended"));
    let shown = home.done(&["secret", "show", "--json"]).json();
    assert_eq!((&shown["previous"], &shown["stage"]), (&serde_json::Value::Null, &"stable".into()));
    home.run(&["secret", "rotate", "--prepare", "--switch"]).refused(2, &["--prepare", "--switch"]);
}

#[test]
fn what_is_imported_ends_a_rotation_or_is_its_next_secret() {
    let home = Home::with_database();
    home.done(&["secret", "rotate", "--prepare"]);
    let given = home.done(&["secret", "import", "whsec_from-elsewhere"]);
    assert!(given.err.contains("every other secret has ended"), "{given:?}");
    home.run(&["secret", "import", "--next", "whsec_from-elsewhere"]).refused(1, &["the current one already"]);
    assert!(home.done(&["secret", "import", "--next", "whsec_the-next"]).err.contains("Prepared"));
    assert_eq!(home.done(&["secret", "rotate"]).line(), "whsec_the-next");
    home.run(&["secret", "show", "--endpoint", "ep_1"]).refused(1, &["ep_1", "endpoint"]);
    home.run(&["secret", "rotate", "--org", "nobody"]).refused(1, &["nobody"]);
}

const NEW: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEWEST: &str = "HwABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4=";

#[test]
fn another_master_key_takes_the_place_of_the_one_in_the_folder() {
    let home = Home::with_database();
    let secret = home.done(&["secret", "rotate", "--prepare"]).line().to_owned();
    let before = fs::read_to_string(home.file("postsync-data/master.key")).unwrap();
    let told = home.done(&["secret", "rekey"]);
    let after = fs::read_to_string(home.file("postsync-data/master.key")).unwrap();
    assert!(before != after && told.out.is_empty() && !told.err.contains(after.trim()), "{told:?}");
    let kept: Vec<String> = fs::read_dir(home.file("postsync-data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("master.key"))
        .collect();
    assert_eq!(kept.len(), 2, "the new one and the old one: {kept:?}");
    for name in &kept {
        let file = home.file(&format!("postsync-data/{name}"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(name == "master.key" || fs::read_to_string(&file).unwrap() == before);
    }
    assert_eq!(home.done(&["secret", "rotate", "--prepare"]).line(), secret, "it can still be read");

    let given = Ran::of(home.command(&["secret", "rekey"]).env("POSTSYNC_MASTER_KEY_NEW", NEW));
    assert_eq!(given.code, Some(0), "{given:?}");
    assert_eq!(fs::read_to_string(home.file("postsync-data/master.key")).unwrap().trim(), NEW);
    assert_eq!(home.done(&["secret", "rotate", "--prepare"]).line(), secret);
}

#[test]
fn another_master_key_in_the_environment_is_written_nowhere() {
    let home = Home::new();
    let with = |key: &str, arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("POSTSYNC_MASTER_KEY", key);
        command
    };
    let done = |key: &str, arguments: &[&str]| {
        let ran = Ran::of(&mut with(key, arguments));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran
    };
    done(NEW, &["migrate"]);
    let secret = done(NEW, &["secret", "show"]).line().to_owned();
    let change = || Ran::of(with(NEW, &["secret", "rekey"]).env("POSTSYNC_MASTER_KEY_NEW", NEWEST));
    assert!(change().err.contains("POSTSYNC_MASTER_KEY"));
    assert!(change().err.contains("already"), "a second time it is done");
    assert_eq!(done(NEWEST, &["secret", "show"]).line(), secret);
    Ran::of(&mut with(NEW, &["secret", "show"])).refused(1, &["master key"]);
    assert!(!home.file("postsync-data/master.key").exists() && !home.file("postsync-data/master.key.new").exists());
    let odd = Ran::of(with(NEWEST, &["secret", "rekey"]).env("POSTSYNC_MASTER_KEY_NEW", "short"));
    odd.refused(1, &["POSTSYNC_MASTER_KEY_NEW", "base64 of 32 bytes", "openssl rand -base64 32"]);
    let same = Ran::of(with(NEWEST, &["secret", "rekey"]).env("POSTSYNC_MASTER_KEY_NEW", NEWEST));
    same.refused(1, &["new master key is the one in use"]);
}

/// Killed between the database and the file: the old key is in place, and fits no more.
#[test]
fn a_change_of_the_master_key_that_was_cut_short_is_told_and_finished() {
    let home = Home::with_database();
    let secret = home.done(&["secret", "show"]).line().to_owned();
    let file = home.file("postsync-data/master.key");
    let old = fs::read(&file).unwrap();
    home.done(&["secret", "rekey"]);
    fs::rename(&file, home.file("postsync-data/master.key.new")).unwrap();
    fs::write(&file, old).unwrap();
    home.run(&["secret", "show"]).refused(1, &["master key", "postsync secret rekey"]);
    assert!(home.done(&["secret", "rekey"]).err.contains("already"));
    assert_eq!(home.done(&["secret", "show"]).line(), secret);
}

/// A wrong key in the file, say after a restore: the change is refused, and what the folder says afterwards is what it said before.
#[test]
fn a_refused_change_of_the_master_key_leaves_nothing_behind() {
    let home = Home::with_database();
    let file = home.file("postsync-data/master.key");
    let right = fs::read(&file).unwrap();
    fs::write(&file, format!("{NEW}\n")).unwrap();
    let before = home.run(&["secret", "show"]);
    home.run(&["secret", "rekey"]).refused(1, &["master key", "does not fit"]);
    assert!(!home.file("postsync-data/master.key.new").exists(), "nothing was sealed with it");
    let after = home.run(&["secret", "show"]);
    assert_eq!(after.err, before.err);
    assert!(!after.err.contains("cut short"), "{after:?}");
    fs::write(&file, right).unwrap();
    home.done(&["secret", "show"]);
}
