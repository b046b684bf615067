//! `postsync generate` against a real server: uploaded, followed, saved; interrupted, and the server killed in the middle.
mod elsewhere;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::footage::Footage;
use crate::harness::api::id_of;
use crate::harness::growing::{self, Growing};
use crate::harness::server::KEY;
use crate::harness::speech::speech;
use crate::harness::{PATIENCE, Server, Setup, processes, sample};

/// A server's setup, and a portrait and speech beside it.
pub(crate) fn setup(sentences: usize) -> Setup {
    let setup = Setup::new();
    std::fs::write(setup.home().join("portrait.png"), sample("astronaut.png")).unwrap();
    std::fs::write(setup.home().join("speech.wav"), speech(sentences)).unwrap();
    setup
}

/// The command, as a user runs it.
pub(crate) fn command(setup: &Setup, server: &str, arguments: &[&str]) -> Command {
    let mut command = setup.command(&[&["generate"], arguments].concat());
    command.env("POSTSYNC_SERVER", server).env("POSTSYNC_API_KEY", KEY);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The same with the two files and the built-in model.
fn made(setup: &Setup, server: &Server, arguments: &[&str]) -> Command {
    command(setup, &server.api().base, &[&["portrait.png", "speech.wav", "--model", "mesh-1"], arguments].concat())
}

pub(crate) async fn ended(command: &mut Command) -> Output {
    timeout(PATIENCE, command.output()).await.expect("it ends").unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One that is under way: what it says, and how it ends.
struct Running {
    child: Child,
    said: Growing<String>,
    complained: Growing<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let said = growing::lines(child.stdout.take().unwrap());
        let complained = growing::lines(child.stderr.take().unwrap());
        Self { child, said, complained }
    }

    /// The id, once it is told.
    async fn id(&self) -> String {
        let line = self.complained.first("the generation's id", |line| line.starts_with("generation ")).await;
        line.trim_start_matches("generation ").to_owned()
    }

    fn interrupt(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
    }

    async fn code(&mut self) -> Option<i32> {
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap().code()
    }
}

/// What ffprobe sees of a video: codec and length of each stream. Decoded whole, so that a cut one is found out.
async fn plays(path: &Path) -> Vec<String> {
    let mut decode = Command::new("ffmpeg");
    let decoded = decode.args(["-v", "error", "-i"]).arg(path).args(["-f", "null", "-"]).output().await.unwrap();
    assert!(decoded.status.success() && decoded.stderr.is_empty(), "{decoded:?}");
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0"]).arg(path);
    text(&probe.output().await.unwrap().stdout).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn files_go_up_and_a_video_that_plays_comes_down() {
    let setup = setup(1);
    let server = setup.start().await;
    let output = ended(&mut made(&setup, &server, &[])).await;
    let complaints = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{complaints}");
    assert_eq!(text(&output.stdout), "portrait-synced.mp4\n", "the path and nothing else");
    for word in ["uploaded portrait.png", "uploaded speech.wav", "generation ", "made, 3.1", "saved "] {
        assert!(complaints.contains(word), "{word} in {complaints}");
    }
    let path = setup.home().join("portrait-synced.mp4");
    assert_eq!(plays(&path).await, ["h264", "aac"]);
    let again = ended(&mut made(&setup, &server, &[])).await;
    assert_eq!(again.status.code(), Some(2), "it is not replaced: {}", text(&again.stderr));
    let assets = server.api().get("/v2/assets").await.expect(200);
    let names: Vec<&str> =
        assets["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["speech.wav", "portrait.png"], "refused before anything was sent");
}

#[tokio::test]
async fn scripts_get_one_object() {
    let setup = setup(0);
    let server = setup.start().await;
    let output = ended(&mut made(&setup, &server, &["--json", "-o", "a.mp4", "--temperature", "0.7"])).await;
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let mut told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["outputFile"], &told["options"]["temperature"]), (&"a.mp4".into(), &0.7.into()));
    let id = id_of(&told);
    let fields = told.as_object_mut().unwrap();
    fields.remove("outputFile");
    assert_eq!(told, server.api().get(&format!("/v2/generate/{id}")).await.expect(200), "as the API shows it");

    let begun = ended(&mut made(&setup, &server, &["--no-wait"])).await;
    let id = text(&begun.stdout).trim().to_owned();
    assert_eq!(server.api().ended(&id).await["status"], "COMPLETED");
    let resumed = ended(&mut command(&setup, &server.api().base, &["--resume", &id])).await;
    assert_eq!(text(&resumed.stdout), format!("{id}.mp4\n"), "{}", text(&resumed.stderr));
    assert_eq!(plays(&setup.home().join(format!("{id}.mp4"))).await, ["h264", "aac"]);
    let there = ended(&mut command(&setup, &server.api().base, &["--resume", &id, "--no-download"])).await;
    assert!(text(&there.stdout).contains("/result?token="), "{}", text(&there.stdout));
}

#[tokio::test]
async fn failures_name_the_code_and_what_to_do() {
    let setup = setup(0);
    let server = setup.start().await;
    let unreachable = ["http://127.0.0.1:1/face.mp4", "speech.wav", "--model", "mesh-1", "-o", "a.mp4"];
    let output = ended(&mut command(&setup, &server.api().base, &[&unreachable[..], &["--json"]].concat())).await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &told["status"], &told["outputFile"]), (Some(1), &"FAILED".into(), &Value::Null));
    let complaints = text(&output.stderr);
    assert!(complaints.contains("(generation_input_video_inaccessible) Check that the URL is public"), "{complaints}");

    let refused = async |arguments: &[&str], key: &str, words: &[&str]| {
        let mut command = made(&setup, &server, &[arguments, &["-o", "a.mp4"]].concat());
        let output = ended(command.env("POSTSYNC_API_KEY", key)).await;
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
    };
    refused(&[], "psk_wrong", &["401", "does not know the key in POSTSYNC_API_KEY"]).await;
    refused(
        &["--options", r#"{"temperature":"hot"}"#],
        KEY,
        &["options.temperature", "generation_input_validation_failed"],
    )
    .await;
    let unknown = ["portrait.png", "speech.wav", "--model", "lipsync-9", "-o", "a.mp4"];
    let said = text(&ended(&mut command(&setup, &server.api().base, &unknown)).await.stderr);
    assert!(said.contains("--model: the server has mesh-1") && !said.contains("uploaded"), "{said}");
    let gone =
        ended(&mut command(&setup, &server.api().base, &["--resume", "018f2f6e-6d3a-7b6a-8c6e-0123456789ab"])).await;
    assert!(
        text(&gone.stderr).contains("generation_not_found") && !text(&gone.stderr).contains("To go on"),
        "{gone:?}"
    );
    let left: Vec<PathBuf> = std::fs::read_dir(setup.home()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!left.iter().any(|path| path.extension().is_some_and(|end| end == "mp4" || end == "part")), "{left:?}");
}

#[tokio::test]
async fn ctrl_c_says_how_to_go_on() {
    let setup = setup(4);
    let server = setup.start().await;
    let mut running = Running::start(made(&setup, &server, &["-o", "late.mp4"]));
    let id = running.id().await;
    processes::rendering(server.pid()).await;
    running.interrupt();
    assert_eq!(running.code().await, Some(130));
    let hint = format!("To go on with it: postsync generate --resume {id} -o late.mp4");
    running.complained.first("how to go on", |line| *line == hint).await;
    assert!(running.said.all().is_empty() && !setup.home().join("late.mp4").exists());

    let resumed = ended(&mut command(&setup, &server.api().base, &["--resume", &id, "-o", "late.mp4"])).await;
    assert_eq!((resumed.status.code(), text(&resumed.stdout).as_str()), (Some(0), "late.mp4\n"), "{resumed:?}");
    assert_eq!(plays(&setup.home().join("late.mp4")).await, ["h264", "aac"]);
}

#[tokio::test]
async fn a_server_that_is_killed_and_started_again_is_waited_for() {
    let setup = setup(4);
    let server = setup.start().await;
    let mut running = Running::start(made(&setup, &server, &["-o", "out.mp4"]));
    let id = running.id().await;
    processes::rendering(server.pid()).await;
    let setup = server.kill().await;
    running
        .complained
        .first("that it waits", |line| line.contains("does not answer") && line.contains("trying again"))
        .await;
    let server = setup.start().await;
    assert_eq!(running.code().await, Some(0), "{:#?}", running.complained.all());
    assert_eq!(running.said.all(), ["out.mp4"]);
    assert_eq!(plays(&setup.home().join("out.mp4")).await, ["h264", "aac"]);
    let all = server.api().get("/v2/generations").await.expect(200);
    assert_eq!((all.as_array().unwrap().len(), id_of(&all[0])), (1, id), "none was made twice");
}

#[tokio::test]
async fn a_stop_ends_the_streams() {
    let server = setup(4).with("POSTSYNC_SHUTDOWN_GRACE", "0s").start().await;
    let created = server.api().upload(sample("astronaut.png"), speech(4), "http://127.0.0.1:1/hook").await.expect(201);
    let mut stream = server.api().watch(&id_of(&created)).await;
    let first = stream.chunk().await.unwrap().unwrap();
    assert!(text(&first).contains("event: progress"), "{first:?}");
    processes::rendering(server.pid()).await;
    server.stop().await;
    let rest = async {
        while let Some(piece) = stream.chunk().await.unwrap() {
            assert!(!text(&piece).contains("event: end"), "it has not ended: {piece:?}");
        }
    };
    timeout(PATIENCE, rest).await.expect("the stream ends, and in good order");
}

/// In a terminal of 80 columns, as a person sees it.
#[tokio::test]
async fn a_terminal_shows_bars() {
    let setup = setup(1);
    let server = setup.start().await;
    let portrait = Footage::new(setup.home()).portrait();
    let line = format!(
        "stty cols 80; {} generate {} speech.wav --model mesh-1 -o seen.mp4",
        env!("CARGO_BIN_EXE_postsync"),
        portrait.display()
    );
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(setup.home()).stdin(Stdio::null()).kill_on_drop(true);
    script.env("POSTSYNC_SERVER", server.api().base).env("POSTSYNC_API_KEY", KEY).env("TERM", "xterm");
    let output = ended(&mut script).await;
    let seen = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{seen}");
    for word in ["uploading portrait.mp4 [", "uploaded portrait.mp4, ", "making the video [", "%", "seen.mp4"] {
        assert!(seen.contains(word), "{word} in {seen:?}");
    }
    assert_eq!(plays(&setup.home().join("seen.mp4")).await, ["h264", "aac"]);
}
