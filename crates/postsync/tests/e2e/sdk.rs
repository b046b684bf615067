//! The two official SDKs, at their pinned versions, against the real server: nothing is changed but the base URL.
//!
//! Each runs one program of `sdk/`, which prints what it got as one JSON object; what that must be is said here. What the
//! SDKs send, and how they differ in it (list filters, forms, chunked uploads), is theirs.
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::footage::Footage;
use crate::harness::server::KEY;
use crate::harness::{PATIENCE, Receiver, Server, Setup, node, python, repository};

const VIDEO_URL: &str = "https://media.example.com/in.mp4";

/// How each SDK calls the fields that an application reads.
struct Spelling {
    asset_id: &'static str,
    output_url: &'static str,
    output_duration: &'static str,
    status_code: &'static str,
    webhook_url: &'static str,
}

const NODE: Spelling = Spelling {
    asset_id: "assetId",
    output_url: "outputUrl",
    output_duration: "outputDuration",
    status_code: "statusCode",
    webhook_url: "webhookUrl",
};

const PYTHON: Spelling = Spelling {
    asset_id: "asset_id",
    output_url: "output_url",
    output_duration: "output_duration",
    status_code: "status_code",
    webhook_url: "webhook_url",
};

#[tokio::test]
async fn the_node_sdk_works_with_nothing_but_the_base_url_changed() {
    let folder = node::project(&source(), "sdk", &["sdk.mjs"]).await;
    let mut program = Command::new("node");
    program.arg(folder.join("sdk.mjs"));
    let (said, receiver, server) = run(program).await;
    models(&said["models"]);
    by_url(&said["url"], &NODE, &receiver);
    by_file(&said["stream"], &NODE, &server);
    let blob = &said["blob"]["ended"];
    assert_eq!((&blob["status"], &blob["outputUrl"]), (&json!("COMPLETED"), &json!(VIDEO_URL)), "{blob}");
    // The file wins over the URL of the same slot.
    assert_eq!(blob["input"][0], json!({"type": "video", "url": VIDEO_URL}));
    assert_eq!(blob["input"][1]["url"], Value::Null);
    assert!(blob["input"][1]["assetId"].is_string(), "{blob}");
    lists(&said, ["url", "stream"], 3);
    errors(&said["errors"], &NODE);
    webhooks(&said, &["url", "stream"], &receiver).await;
}

#[tokio::test]
async fn the_python_sdk_works_with_nothing_but_the_base_url_changed() {
    let mut program = Command::new(python::with_packages(&source(), "sdk").await);
    program.arg(source().join("sdk.py"));
    let (said, receiver, server) = run(program).await;
    models(&said["models"]);
    by_url(&said["url"], &PYTHON, &receiver);
    assert_eq!(said["url"]["ended"]["outputFileName"], "from-python");
    by_file(&said["file"], &PYTHON, &server);
    lists(&said, ["url", "file"], 2);
    errors(&said["errors"], &PYTHON);
    webhooks(&said, &["url", "file"], &receiver).await;
}

/// Runs a program against a fresh server; gives what it said.
async fn run(mut program: Command) -> (Value, Receiver, Server) {
    let (setup, receiver) = (Setup::new(), Receiver::friendly().await);
    let server = setup.start().await;
    let footage = Footage::new(setup.home());
    program.env("BASE_URL", &server.api().base).env("API_KEY", KEY).env("WEBHOOK_URL", receiver.url("/sdk"));
    program.env("VIDEO", footage.portrait()).env("AUDIO", footage.speech());
    let output = timeout(PATIENCE, program.stdin(Stdio::null()).kill_on_drop(true).output());
    let output = output.await.expect("the program does not end").unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}\n{:#?}", server.log.all());
    (serde_json::from_slice(&output.stdout).unwrap(), receiver, server)
}

fn models(models: &Value) {
    let models = models.as_array().unwrap();
    let route = |id: &str| models.iter().find(|model| model["id"] == id).unwrap()["description"].as_str().unwrap();
    for id in ["mesh-1", "lipsync-2-pro", "lipsync-1.9.0-beta", "react-1", "sync-3"] {
        assert!(route(id).contains("mesh-1"), "{id} says who makes it");
    }
    assert!(route("lipsync-2").contains("Makes nothing"), "{}", route("lipsync-2"));
}

fn by_url(said: &Value, spelling: &Spelling, receiver: &Receiver) {
    let (created, ended) = (&said["created"], &said["ended"]);
    assert_eq!((&created["status"], &created["model"]), (&json!("PENDING"), &json!("lipsync-2")), "{created}");
    assert_eq!(created["options"], json!({"sync_mode": "loop", "temperature": 0.5}));
    assert_eq!(created[spelling.webhook_url], receiver.url("/sdk"));
    assert_eq!((&ended["status"], &ended[spelling.output_url]), (&json!("COMPLETED"), &json!(VIDEO_URL)), "{ended}");
    assert_eq!((&ended["error"], &ended["error_code"]), (&Value::Null, &Value::Null));
}

fn by_file(said: &Value, spelling: &Spelling, server: &Server) {
    let (created, ended) = (&said["created"], &said["ended"]);
    for (i, kind) in ["video", "audio"].into_iter().enumerate() {
        assert_eq!(created["input"][i]["type"], kind, "{created}");
        assert!(created["input"][i][spelling.asset_id].is_string(), "{created}");
    }
    assert_eq!(ended["status"], "COMPLETED", "{ended}");
    let duration_s = ended[spelling.output_duration].as_f64().unwrap();
    assert!((0.5..2.0).contains(&duration_s), "{duration_s} s");
    let url = ended[spelling.output_url].as_str().unwrap();
    assert!(url.starts_with(&server.api().base), "{url}");
    assert_eq!((&said["brand"], &said["type"]), (&json!("ftyp"), &json!("video/mp4")));
    assert!(said["bytes"].as_u64().unwrap() > 5_000, "{said}");
}

/// `two` are those that the program filters by.
fn lists(said: &Value, two: [&str; 2], all: usize) {
    let lists = &said["lists"];
    let ids = |name: &str| {
        let rows = lists[name].as_array().unwrap_or_else(|| panic!("{name} is a bare array: {lists}"));
        let mut ids: Vec<String> = rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let mut wanted = two.map(|name| said[name]["created"]["id"].as_str().unwrap().to_owned());
    wanted.sort();
    assert_eq!(ids("all").len(), all);
    assert_eq!(ids("ids"), wanted);
    assert_eq!(ids("completed"), wanted);
    assert_eq!(ids("unfinished"), Vec::<String>::new());
}

fn errors(said: &Value, spelling: &Spelling) {
    for (name, class, status, code) in [
        ("model", "BadRequestError", 400.0, "generation_unsupported_model"),
        ("key", "UnauthorizedError", 401.0, ""),
        ("keyOfCreate", "UnauthorizedError", 401.0, ""),
        ("id", "NotFoundError", 404.0, "generation_not_found"),
        ("oddId", "NotFoundError", 404.0, ""),
        ("form", "BadRequestError", 400.0, ""),
    ] {
        let error = &said[name];
        assert_eq!((&error["class"], error["statusCode"].as_f64()), (&json!(class), Some(status)), "{name}: {error}");
        let body = &error["body"];
        assert_eq!(body[spelling.status_code].as_f64(), Some(status), "{name}: {error}");
        assert!(!body["message"].as_str().unwrap().is_empty(), "{name}: {error}");
        assert!(code.is_empty() || body["errorCode"] == code, "{name}: {error}");
    }
}

/// What ended with a `webhookUrl` was told to it, once each.
async fn webhooks(said: &Value, names: &[&str], receiver: &Receiver) {
    let requests = receiver.requests.count("a webhook for each generation", names.len()).await;
    let mut told: Vec<String> = requests.iter().map(|request| crate::harness::api::id_of(&request.json())).collect();
    let mut wanted: Vec<String> = names.iter().map(|name| crate::harness::api::id_of(&said[name]["created"])).collect();
    told.sort();
    wanted.sort();
    assert_eq!(told, wanted);
}

fn source() -> PathBuf {
    repository().join("crates/postsync/tests/e2e/sdk")
}
