//! What is refused at once: 400, 413 or 415, naming the field, and nothing comes of it.
use std::fs;

use serde_json::{Value, json};

use super::{File, INPUT_BYTES_MAX, nothing_is_left, setup, upload};
use crate::footage::Footage;
use crate::harness::api::passthrough;
use crate::harness::{Answer, Receiver, Setup};

const VIDEO: &str = r#"{"type":"video","url":"https://media.example/v.mp4"}"#;
const AUDIO: &str = r#"{"type":"audio","url":"https://media.example/a.wav"}"#;

/// Input, or what stands in its place, and what must be named.
fn bodies() -> Vec<(String, &'static str)> {
    let with_input = |input: &str| format!(r#"{{"model":"mesh-1","input":{input}}}"#);
    let with_url = |url: &str| with_input(&format!(r#"[{{"type":"video","url":"{url}"}},{AUDIO}]"#));
    let with = |more: &str| format!(r#"{{"model":"mesh-1","input":[{VIDEO},{AUDIO}],{more}}}"#);
    vec![
        (r#"{"model":"mesh-1","input":"#.into(), ""),
        ("".into(), ""),
        ("[]".into(), ""),
        ("null".into(), ""),
        (r#"{"model":5,"input":[]}"#.into(), "model"),
        (format!(r#"{{"input":[{VIDEO},{AUDIO}]}}"#), "model"),
        (format!(r#"{{"model":"lipsync-9","input":[{VIDEO},{AUDIO}]}}"#), "model"),
        (r#"{"model":"mesh-1"}"#.into(), "input"),
        (with_input(r#""https://media.example/v.mp4""#), "input"),
        (with_input("[]"), "input"),
        (with_input("[5]"), "input[0]"),
        (with_input(&format!("[{VIDEO}]")), "input"),
        (with_input(&format!("[{AUDIO}]")), "input"),
        (with_input(&format!("[{VIDEO},{VIDEO},{AUDIO}]")), "input"),
        (with_input(&format!(r#"[{VIDEO},{},{AUDIO}]"#, VIDEO.replace("video", "image"))), "input"),
        (with_input(&format!("[{VIDEO},{AUDIO},{AUDIO}]")), "input"),
        (with_input(&format!(r#"[{{"type":"video"}},{AUDIO}]"#)), "input[0].url"),
        (with_input(&format!(r#"[{{"type":"film","url":"https://media.example/v"}},{AUDIO}]"#)), "input[0].type"),
        (with_input(&format!(r#"[{{"type":"video","url":5}},{AUDIO}]"#)), "input[0].url"),
        (with_url("not a url"), "input[0].url"),
        (with_url("file:///etc/passwd"), "input[0].url"),
        (with_url("concat:https://media.example/a|b"), "input[0].url"),
        (with_url("https://10.0.0.1/v.mp4"), "input[0].url"),
        (with_url("https://0x0a.1/v.mp4"), "input[0].url"),
        (with_url("https://169.254.169.254/latest/meta-data"), "input[0].url"),
        (with_url("https://[::ffff:10.0.0.1]/v.mp4"), "input[0].url"),
        (with_url("https://user:pass@media.example/v.mp4"), "input[0].url"),
        (with_url("https://media.example:22/v.mp4"), "input[0].url"),
        (with(r#""webhook_url":"https://app.example/hook""#), "webhook_url"),
        (with(r#""webhookUrl":5"#), "webhookUrl"),
        (with(r#""webhookUrl":"https://10.0.0.1/hook""#), "webhookUrl"),
        (with(r#""options":"loop""#), "options"),
        (with(r#""options":{"sync_mode":"sideways"}"#), "options.sync_mode"),
        (with(r#""options":{"temperature":2}"#), "options.temperature"),
        (with(r#""outputFileName":"../../etc/passwd""#), "outputFileName"),
    ]
}

#[tokio::test]
async fn a_wrong_request_names_its_field_and_leaves_nothing() {
    let setup = setup();
    let server = setup.start().await;
    let api = server.api();
    for (body, field) in bodies() {
        names(&api.create_text(&body).await, 400, field, &body);
    }
    let huge = format!(r#"{{"model":"{}"}}"#, "x".repeat(11 * 1024 * 1024));
    assert_eq!(api.create_text(&huge).await.expect(413)["errorCode"], "payload_too_large");
    let typed = reqwest::Client::new().post(format!("{}/v2/generate", api.base)).header("content-type", "text/plain");
    assert_eq!(api.try_send(typed.body("{}")).await.unwrap().expect(415)["errorCode"], "unsupported_media_type");
    assert_eq!(api.get("/v2/generations").await.expect(200), json!([]));
    nothing_is_left(&server, &setup, 0).await;
}

#[tokio::test]
async fn http_and_this_machine_are_refused_unless_they_are_allowed() {
    let setup = Setup::new().with("POSTSYNC_EGRESS_ALLOW_HTTP", "false").with("POSTSYNC_EGRESS_ALLOW", "");
    let server = setup.start().await;
    for url in
        ["http://app.example/x", "https://localhost/x", "https://a.localhost/x", "https://127.1/x", "https://[::1]/x"]
    {
        names(&server.api().create_text(&passthrough(url).to_string()).await, 400, "webhookUrl", url);
        let mut body = passthrough("https://app.example/hook");
        body["input"][1]["url"] = json!(url);
        names(&server.api().create_text(&body.to_string()).await, 400, "input[1].url", url);
    }
    assert_eq!(server.api().get("/v2/generations").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_wrong_file_names_its_field_and_leaves_nothing() {
    let (setup, receiver) = (setup(), Receiver::friendly().await);
    let server = setup.start().await;
    let footage = Footage::new(setup.home());
    let [portrait, speech] = [footage.portrait(), footage.speech()].map(|path| fs::read(path).unwrap());
    let cup = fs::read(footage.picture("coffee.jpg")).unwrap();
    // A real beginning, so that only its size is wrong.
    let over = [portrait.clone(), vec![0; INPUT_BYTES_MAX]].concat();
    let audio = File { field: "audio", name: "a.wav", bytes: &speech };
    for (field, name, bytes, status) in [
        ("video", "empty.mp4", &b""[..], 400),
        ("video", "list.mp4", &b"#EXTM3U\n#EXTINF:9,\nhttp://10.0.0.1/\n"[..], 400),
        ("video", "concat.mp4", &b"ffconcat version 1.0\nfile /etc/passwd\n"[..], 400),
        ("video", "page.mp4", &b"<!doctype html><script>alert(1)</script>"[..], 400),
        ("video", "picture.mp4", &cup, 400),
        ("image", "film.png", &portrait, 400),
        ("image", "drawing.svg", &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], 400),
        ("video", "over.mp4", &over, 413),
    ] {
        let files = [File { field, name, bytes }, File { ..audio }];
        names(&upload(&server.api(), &files, &receiver.url("/hook")).await, status, field, name);
    }
    let video = File { field: "video", name: "v.mp4", bytes: &portrait };
    let two = [File { field: "image", name: "cup.jpg", bytes: &cup }, video, audio];
    let answer = upload(&server.api(), &two, &receiver.url("/hook")).await;
    names(&answer, 400, "input", "two visuals");
    assert_eq!(answer.json()["errorCode"], "generation_input_too_many_visual");
    assert_eq!(server.api().get("/v2/generations").await.expect(200), json!([]));
    nothing_is_left(&server, &setup, 0).await;
    assert!(receiver.requests.all().is_empty(), "nobody is told of what was never taken");
}

/// The error shape, and the field where there is one to name.
fn names(answer: &Answer, status: u16, field: &str, sent: &str) {
    assert_eq!(answer.status, status, "{sent}: {answer:?}");
    let body = answer.json();
    assert_eq!(body["statusCode"], status, "{sent}: {body}");
    let message = body["message"].as_str().unwrap_or_default();
    assert!(!message.is_empty() && body["errorCode"].is_string() && body["error"].is_string(), "{sent}: {body}");
    if !field.is_empty() {
        assert_eq!(body["field"], Value::from(field), "{sent}: {body}");
        let first = field.split('.').next().unwrap_or_default();
        assert!(message.contains(first), "{sent}: {message}");
    }
}
