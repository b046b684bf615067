//! `postsync doctor`: 0 where all is right, 1 where something is to be mended, and what.
use super::run::{Home, Ran};

#[test]
fn a_machine_that_is_right_is_called_right() {
    let ran = Home::with_database().run(&["doctor"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.ends_with("all right\n") && !ran.out.contains("BAD"), "{}", ran.out);
    for word in ["ffmpeg version", "ffprobe version", "database", "MB free", "clock", "egress", "media process"] {
        assert!(ran.out.contains(word), "{word} in {}", ran.out);
    }
}

#[test]
fn before_the_first_start_it_looks_and_makes_nothing() {
    let home = Home::new();
    let ran = Ran::of(home.command(&["doctor"]).env("POSTSYNC_LISEN", "x"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let note = |word: &str| ran.out.lines().any(|line| line.starts_with("note") && line.contains(word));
    assert!(note("no database yet") && note("POSTSYNC_LISEN"), "{}", ran.out);
    assert!(ran.out.contains("MB free") && ran.out.contains("media process"), "{}", ran.out);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn an_old_ffmpeg_is_bad() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let old = home.file("ffmpeg");
    std::fs::write(&old, "#!/bin/sh\necho 'ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright'\n").unwrap();
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = Ran::of(home.command(&["doctor"]).env("PATH", format!("{}:/usr/bin:/bin", home.path().display())));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let bad = ran.out.lines().any(|line| line.starts_with("BAD") && line.contains("4.4.2") && line.contains("5.1"));
    assert!(bad, "{}", ran.out);
}

#[test]
fn a_machine_without_ffmpeg_is_told_what_to_install() {
    let home = Home::new();
    let ran = Ran::of(home.command(&["doctor"]).env("PATH", home.path()));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let bad = |word: &str| ran.out.lines().any(|line| line.starts_with("BAD") && line.contains(word));
    assert!(bad("ffmpeg is not there: apt-get install ffmpeg") && bad("ffprobe"), "{}", ran.out);
    assert!(ran.out.ends_with("4 to mend\n"), "{}", ran.out);
}

#[test]
fn a_wrong_master_key_is_found() {
    let home = Home::new();
    home.done(&["migrate"]);
    let other = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let ran = Ran::of(home.command(&["doctor"]).env("POSTSYNC_MASTER_KEY", other));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.lines().any(|line| line.starts_with("BAD") && line.contains("master key")), "{}", ran.out);
}
