//! The asset calls of the two official SDKs and their estimates, with nothing but the base URL changed: they show what the server
//! says, member for member.
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::footage::Footage;
use crate::harness::api::id_of;
use crate::harness::server::KEY;
use crate::harness::{Api, PATIENCE, Setup, node, poll, python, repository};

/// What a second of a video costs here, in dollars.
const PRICE: f64 = 0.05;

#[tokio::test]
async fn the_node_sdk_shows_assets_and_estimates() {
    let folder = node::project(&source(), "sdk", &["assets.mjs"]).await;
    let mut program = Command::new("node");
    program.arg(folder.join("assets.mjs"));
    judge(program, str::to_owned).await;
}

#[tokio::test]
async fn the_python_sdk_shows_assets_and_estimates() {
    let mut program = Command::new(python::with_packages(&source(), "sdk").await);
    program.arg(source().join("assets.py"));
    let said = judge(program, snake).await;
    let created_at = said["one"]["created_at"].as_str().unwrap();
    assert!(said["createdAtMs"].as_i64().unwrap() > 1_700_000_000_000, "{created_at} is a time");
}

/// `spelled` is what the SDK calls a member.
async fn judge(mut program: Command, spelled: fn(&str) -> String) -> Value {
    let setup = Setup::new().with("POSTSYNC_PRICES", &format!("lipsync-2={PRICE}"));
    let server = setup.start().await;
    let (api, footage) = (server.api(), Footage::new(setup.home()));
    let video = uploaded(&api, &footage.portrait(), "video/mp4").await;
    let audio = uploaded(&api, &footage.speech(), "audio/wav").await;
    let picture = uploaded(&api, &footage.picture("chelsea.jpg"), "image/jpeg").await;
    program.env("BASE_URL", &api.base).env("API_KEY", KEY);
    program.env("VIDEO_ASSET", id_of(&video)).env("AUDIO_ASSET", id_of(&audio));
    let output = timeout(PATIENCE, program.stdin(Stdio::null()).kill_on_drop(true).output());
    let output = output.await.expect("the program does not end").unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}\n{:#?}", server.log.all());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();

    same(&said["one"], &video, spelled);
    let pages = [("all", vec![&picture, &audio, &video]), ("first", vec![&picture, &video]), ("rest", vec![&audio])];
    for (name, wanted) in pages {
        let items = said[name]["items"].as_array().unwrap();
        assert_eq!(items.len(), wanted.len(), "{name}: {said}");
        items.iter().zip(wanted).for_each(|(item, wanted)| same(item, wanted, spelled));
        assert_eq!(said[name][spelled("totalCount")].as_u64(), Some(3), "{name}: {said}");
        assert_eq!(said[name][spelled("nextCursor")].is_string(), name == "first", "{name}: {said}");
    }
    assert_eq!(said["types"], json!(["portrait.mp4", "chelsea.jpg"]));
    assert_eq!((&said["search"], &said["project"]), (&json!(["speech.wav"]), &json!([])));
    // One second of both, at the 30 frames a second that stand in for a rate that nobody named.
    let seconds = audio["durationSeconds"].as_f64().unwrap();
    let cost = said["cost"].as_array().unwrap();
    assert_eq!(cost.len(), 1, "{said}");
    let of = |name: &str| cost[0][spelled(name)].as_f64().unwrap();
    assert!((of("estimatedGenerationCost") - seconds * PRICE).abs() < 0.001, "{seconds} s: {said}");
    assert!((of("estimatedFrameCount") - seconds * 30.0).abs() <= 1.0, "{seconds} s: {said}");
    drop(server.kill().await);
    said
}

/// Every member that the SDK types, as the server has it. Python reads times; that they are the same is seen by their seconds.
fn same(shown: &Value, wanted: &Value, spelled: fn(&str) -> String) {
    for name in ["id", "type", "visibility", "name", "url", "format", "inputType", "thumbnailUrl"] {
        assert_eq!(shown[spelled(name)], wanted[name], "{name}: {shown}");
    }
    // JavaScript has one kind of number.
    for name in ["size", "durationSeconds", "width", "height"] {
        assert_eq!(shown[spelled(name)].as_f64(), wanted[name].as_f64(), "{name}: {shown}");
    }
    for name in ["createdAt", "updatedAt"] {
        let second = |value: &Value| value.as_str().unwrap()[.."2026-11-23T08:00:00".len()].to_owned();
        assert_eq!(second(&shown[spelled(name)]), second(&wanted[name]), "{name}: {shown}");
    }
}

/// `durationSeconds` as `duration_seconds`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The asset that a file becomes, once it was looked at.
async fn uploaded(api: &Api, file: &Path, content_type: &str) -> Value {
    let id = id_of(&api.put_asset(file, content_type).await.expect(200));
    poll("the asset is looked at", async || {
        let asset = api.get(&format!("/v2/assets/{id}")).await.expect(200);
        let is_known = asset["durationSeconds"].is_number() || asset["width"].is_number();
        (is_known && (content_type.starts_with("audio") || asset["thumbnailUrl"].is_string())).then_some(asset)
    })
    .await
}

fn source() -> PathBuf {
    repository().join("crates/postsync/tests/e2e/sdk")
}
