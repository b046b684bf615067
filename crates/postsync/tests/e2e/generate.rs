//! `postsync generate` against a real server: uploaded, followed, saved; what it says to scripts and on a terminal.
mod elsewhere;
mod interrupted;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::footage::Footage;
use crate::harness::api::id_of;
use crate::harness::server::KEY;
use crate::harness::speech::speech;
use crate::harness::{PATIENCE, Server, Setup, sample};

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
async fn a_url_is_fetched_and_words_are_spoken() {
    let setup = setup(0);
    let server = setup.start().await;
    let portrait = Footage::new(setup.home()).portrait();
    let url = server.api().put_asset(&portrait, "video/mp4").await.expect(200)["url"].as_str().unwrap().to_owned();
    let arguments = [&url, "--text", "Good morning.", "--voice", "en-gb", "--model", "mesh-1"];
    let output = ended(&mut command(&setup, &server.api().base, &arguments)).await;
    assert_eq!(text(&output.stdout), "file-synced.mp4\n", "named by the URL: {}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("uploaded"), "{}", text(&output.stderr));
    assert_eq!(plays(&setup.home().join("file-synced.mp4")).await, ["h264", "aac"]);
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
