//! `postsync doctor`: 0 where all is right, 1 where something is to be mended, and what.
use super::run::{Home, Ran};

#[test]
fn a_machine_that_is_right_is_called_right() {
    let ran = Home::with_database().run(&["doctor"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.ends_with("all right\n") && !ran.out.contains("BAD"), "{}", ran.out);
    assert!(ran.out.starts_with("note  settings of a server that is started here"), "{}", ran.out);
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

#[test]
fn too_little_room_is_bad() {
    let home = Home::with_database();
    let shelf = home.file("postsync-data/media/ab");
    std::fs::create_dir_all(&shelf).unwrap();
    std::fs::write(shelf.join("video"), vec![0; 3_000_000]).unwrap();
    let with = |name: &str, value: &str| Ran::of(home.command(&["doctor"]).env(name, value));
    let line = |ran: &Ran, mark: &str, words: &str| ran.out.lines().any(|l| l.starts_with(mark) && l.contains(words));
    let short = with("POSTSYNC_STORAGE_FREE_BYTES_MIN", "9000000GiB");
    assert!(short.code == Some(1) && line(&short, "BAD", "so no generation is taken"), "{}", short.out);
    let full = with("POSTSYNC_STORAGE_MEDIA_BYTES_MAX", "2MB");
    assert!(full.code == Some(1) && line(&full, "BAD", "take 3 of 2 MB"), "{}", full.out);
    let enough = with("POSTSYNC_STORAGE_MEDIA_BYTES_MAX", "20MB");
    assert!(enough.code == Some(0) && line(&enough, "ok", "take 3 of 20 MB"), "{}", enough.out);
}
