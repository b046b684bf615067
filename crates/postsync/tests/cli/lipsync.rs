//! `postsync lipsync` and `postsync demo`: a real video out of real inputs, with and without a terminal.
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::run::{Home, POSTSYNC, Ran};

/// For what happens at once, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lipsync/samples").join(name)
}

/// The bundled portrait, and a second of the bundled speech.
fn inputs(home: &Home) -> [String; 2] {
    let speech = home.file("speech.wav");
    let mut ffmpeg = Command::new("ffmpeg");
    let cut =
        Ran::of(ffmpeg.args(["-v", "error", "-i"]).arg(sample("arctic_a0009.wav")).args(["-t", "1"]).arg(&speech));
    assert_eq!(cut.code, Some(0), "{cut:?}");
    [sample("astronaut.png"), speech].map(|path| path.to_str().unwrap().to_owned())
}

fn is_mp4(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.get(4..8) == Some(b"ftyp") && bytes.len() > 5_000)
}

#[test]
fn a_second_of_speech_becomes_a_video_and_is_not_overwritten() {
    let home = Home::new();
    let [portrait, speech] = inputs(&home);
    let arguments = ["lipsync", &portrait, &speech, "-o", "out.mp4", "--json"];
    let ran = home.done(&arguments);
    let made = ran.json();
    assert_eq!((made["width"].as_u64(), made["height"].as_u64()), (Some(512), Some(512)), "{made}");
    let duration_s = made["duration_s"].as_f64().unwrap();
    assert!((0.9..1.2).contains(&duration_s), "{made}");
    assert!(is_mp4(&home.file("out.mp4")));
    assert_eq!(ran.err, "", "no bar where there is no terminal");

    fs::write(home.file("out.mp4"), "mine").unwrap();
    home.run(&arguments).refused(1, &["out.mp4 exists", "--force"]);
    assert_eq!(fs::read(home.file("out.mp4")).unwrap(), b"mine");
    let forced = home.done(&["lipsync", &portrait, &speech, "-o", "out.mp4", "--force"]);
    assert!(is_mp4(&home.file("out.mp4")) && forced.out.is_empty() && forced.err.contains("512x512"), "{forced:?}");
}

#[test]
fn what_can_not_be_made_is_said_and_leaves_nothing() {
    let home = Home::new();
    let [portrait, speech] = inputs(&home);
    let cat = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lipsync/tests/fixtures/chelsea.jpg");
    let run = |visual: &str, more: &[&str]| home.run(&[&["lipsync", visual, &speech, "-o", "out.mp4"], more].concat());
    run(cat.to_str().unwrap(), &[]).refused(1, &["No human face", "generation_input_face_selection_invalid"]);
    run("none.png", &[]).refused(1, &["none.png is not there"]);
    run(&speech, &[]).refused(1, &["no picture in it", "generation_video_missing"]);
    run(&portrait, &["--temperature", "2"]).refused(1, &["--temperature"]);
    run(&portrait, &["--sync-mode", "sideways"]).refused(2, &["sideways", "cut_off"]);
    home.run(&["lipsync", &portrait, &speech]).refused(2, &["--output"]);
    for (output, word) in [("-", "stdout"), ("none/out.mp4", "none/out.mp4"), ("/dev/null", "/dev/null")] {
        home.run(&["lipsync", &portrait, &speech, "-o", output, "--force"]).refused(1, &[word]);
        let demo = home.run(&["demo", "-o", output]);
        demo.refused(1, &[word]);
        assert!(!demo.err.contains("generation "), "before the work: {demo:?}");
    }
    assert!(!home.file("out.mp4").exists());
}

#[test]
fn the_demo_writes_a_video_and_prints_a_verified_webhook_without_a_terminal() {
    let home = Home::new();
    let temporary = home.file("temporary");
    fs::create_dir(&temporary).unwrap();
    let proxy = "http://127.0.0.1:1";
    let mut demo = home.command(&["demo"]);
    demo.env("TMPDIR", &temporary).env("http_proxy", proxy).env("https_proxy", proxy).env("ALL_PROXY", proxy);
    let ran = Ran::of(&mut demo);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(is_mp4(&home.file("demo.mp4")));
    let last = ran.out.lines().last().unwrap();
    assert!(last.starts_with("verified: ") && last.contains("demo.mp4"), "{}", ran.out);
    for header in ["Sync-Signature: t=", "Webhook-Id: ", "Postsync-Event: generation.completed"] {
        assert!(ran.out.to_ascii_lowercase().contains(&header.to_ascii_lowercase()), "{header} in {}", ran.out);
    }
    assert!(ran.out.contains(r#""status":"COMPLETED""#), "{}", ran.out);
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "its server's data is gone");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2, "nothing but the video and our own folder");
}

/// On a pseudo-terminal, as a person sees it.
#[test]
fn the_demo_shows_its_progress_on_a_terminal() {
    const SPAWN: &str = "import pty, sys, os; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let home = Home::new();
    let [portrait, speech] = inputs(&home);
    let mut python = Command::new("python3");
    home.prepare(&mut python);
    let demo = [POSTSYNC, "demo", "--visual", &portrait, "--audio", &speech, "-o", "small.mp4"];
    let ran = Ran::of(python.args(["-c", SPAWN]).args(demo));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("making the video [") && ran.out.contains("verified: "), "{}", ran.out);
    assert!(!ran.out.contains("0s, 0s left"), "nothing is promised at 0 %: {}", ran.out);
    assert!(is_mp4(&home.file("small.mp4")));
}

#[test]
fn a_demo_that_fails_says_so_and_is_not_verified() {
    let home = Home::new();
    let cat = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lipsync/tests/fixtures/chelsea.jpg");
    let ran = home.run(&["demo", "--visual", cat.to_str().unwrap()]);
    ran.refused(1, &["failed: No human face", "(generation_input_face_selection_invalid)"]);
    assert!(!home.file("demo.mp4").exists() && !ran.out.contains("verified: "), "{ran:?}");
    home.run(&["demo", "--visual", "none.png"]).refused(1, &["none.png"]);
}

/// What is left of a command that got a signal once it had said a word on stderr, or a pipe of its own.
fn signalled(mut command: Command, temporary: &Path, signal: Signal, until_begun: impl FnOnce(&mut Child)) -> Ran {
    fs::create_dir_all(temporary).unwrap();
    let mut child = command.env("TMPDIR", temporary).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_begun(&mut child);
    kill_process(Pid::from_child(&child), signal).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    let ran = child.wait_with_output().unwrap();
    assert_eq!(fs::read_dir(temporary).unwrap().count(), 0, "its temporary folder is gone");
    Ran { code: ran.status.code(), out: String::from_utf8(ran.stdout).unwrap(), err }
}

const SIGNALS: [(Signal, i32); 2] = [(Signal::INT, 130), (Signal::TERM, 143)];

#[test]
fn a_demo_that_is_interrupted_leaves_nothing() {
    for (signal, code) in SIGNALS {
        let home = Home::new();
        let ran = signalled(home.command(&["demo"]), &home.file("temporary"), signal, |child| {
            // Byte by byte: what is read ahead would be lost to the reader of the rest.
            let mut said = Vec::new();
            while !said.ends_with(b"\ngeneration ") {
                let mut byte = [0];
                child.stderr.as_mut().unwrap().read_exact(&mut byte).unwrap();
                said.extend(byte);
            }
        });
        ran.refused(code, &["interrupted"]);
        assert!(!home.file("demo.mp4").exists());
    }
}

#[test]
fn a_lipsync_that_is_interrupted_leaves_nothing_and_blames_nobody() {
    for (signal, code) in SIGNALS {
        let home = Home::new();
        let begun = home.file("begun");
        assert_eq!(Ran::of(Command::new("mkfifo").arg(&begun)).code, Some(0));
        // Open at both ends, so that neither waits for the other.
        let mut pipe = fs::File::options().read(true).write(true).open(&begun).unwrap();
        let tool = home.file("ffmpeg");
        let script = format!("#!/bin/sh\necho > {}\nPATH=${{PATH#*:}} exec ffmpeg \"$@\"\n", begun.display());
        fs::write(&tool, script).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        let [portrait, speech] = [sample("astronaut.png"), sample("librivox_0870.wav")];
        let mut command = home.command(&["lipsync"]);
        let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap());
        command.args([portrait, speech]).args(["-o", "out.mp4"]).env("PATH", path);
        let ran = signalled(command, &home.file("temporary"), signal, |_| {
            let (tell, told) = channel();
            thread::spawn(move || tell.send(pipe.read_exact(&mut [0]).is_ok()));
            assert!(told.recv_timeout(PATIENCE).expect("ffmpeg is started"));
        });
        ran.refused(code, &["interrupted"]);
        assert!(!ran.err.contains("step failed") && !home.file("out.mp4").exists(), "{ran:?}");
    }
}
