//! `postsync generate` where there is no server: what it refuses by itself.
use std::fs;

use super::run::{Home, Ran};

/// The first bytes of each are all that is looked at.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n and so on";
const SPEECH: &[u8] = b"RIFF\x10\0\0\0WAVEfmt speech";

fn home() -> Home {
    let home = Home::new();
    for (name, bytes) in
        [("face.png", PICTURE), ("speech.wav", SPEECH), ("notes.txt", b"Dear diary"), ("empty.mp4", b"")]
    {
        fs::write(home.file(name), bytes).unwrap();
    }
    home
}

fn asked(home: &Home, arguments: &[&str], key: &str) -> Ran {
    let mut command = home.command(&[&["generate"], arguments].concat());
    // Nobody listens on port 1.
    Ran::of(command.env("POSTSYNC_SERVER", "http://127.0.0.1:1").env("POSTSYNC_API_KEY", key))
}

#[test]
fn what_can_not_be_is_refused_before_anybody_is_asked() {
    let home = home();
    fs::write(home.file("face-synced.mp4"), "mine").unwrap();
    let refused = |arguments: &[&str], words: &[&str]| asked(&home, arguments, "psk_x").refused(2, words);
    refused(&[], &["<VIDEO>", "<AUDIO>", "Usage:"]);
    refused(&["face.png"], &["<AUDIO>"]);
    refused(&["face.png", "--text", "Hi."], &["--voice"]);
    refused(&["face.png", "speech.wav", "--text", "Hi.", "--voice", "en-us"], &["cannot be used with"]);
    refused(&["--resume", "x", "face.png"], &["cannot be used with"]);
    refused(&["--resume", "../secret"], &["--resume", "is no generation's id"]);
    refused(&["face.png", "speech.wav"], &["face-synced.mp4 exists", "--force"]);
    refused(&["face.png", "speech.wav", "-o", "none/out.mp4"], &["none/out.mp4 can't be written"]);
    for (files, words) in [
        (["nobody.mp4", "speech.wav"], ["nobody.mp4 can't be read", "No such file"]),
        (["notes.txt", "speech.wav"], ["notes.txt is neither a video", "judged by its first bytes"]),
        (["empty.mp4", "speech.wav"], ["empty.mp4", "is empty"]),
        (["speech.wav", "face.png"], ["speech.wav is sound", "VIDEO comes first"]),
        (["face.png", "face.png"], ["face.png is a picture", "VIDEO comes first"]),
        (["ftp://example.com/a.mp4", "speech.wav"], ["ftp://", "https://"]),
        (["https://", "speech.wav"], ["https://", "is no URL"]),
    ] {
        refused(&[&files[..], &["-o", "out.mp4"]].concat(), &words);
    }
    refused(&["face.png", "speech.wav", "-o", "o.mp4", "--temperature", "2"], &["--temperature goes from 0 to 1"]);
    refused(&["face.png", "speech.wav", "-o", "o.mp4", "--options", "[]"], &["--options", "JSON object"]);
    refused(&["face.png", "speech.wav", "-o", "o.mp4", "--sync-mode", "fast"], &["cut_off"]);
    let left = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().starts_with('.')), "nothing is left behind");
}

#[test]
fn without_a_server_or_a_key_it_says_what_is_missing() {
    let home = home();
    let arguments = ["face.png", "speech.wav"];
    asked(&home, &arguments, "").refused(1, &["POSTSYNC_API_KEY is not set", "postsync keys create"]);
    asked(&home, &arguments, "psk_x").refused(1, &["http://127.0.0.1:1/ does not answer", "POSTSYNC_SERVER"]);
    let resumed = asked(&home, &["--resume", "0191b7c4-7d1e-7b55-9a0c-2f1d3c4b5a69"], "psk_x");
    resumed.refused(1, &["does not answer", "To go on with it: postsync generate --resume 0191b7c4"]);
    assert!(!home.file("face-synced.mp4").exists());
}
