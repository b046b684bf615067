//! `POST /v2/generate` as a form with files. Whatever is refused leaves nothing on disk.
use std::sync::atomic::Ordering;

use axum::body::Body;
use http::Method;
use postsync_api::ApiSettings;
use postsync_core::asset::AssetKind;
use postsync_core::ids::OrgId;
use postsync_engine::ports::Store as _;
use serde_json::json;

use crate::harness::{ADMIN, App, Form, Made, request};

const WAV: &[u8] = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR";

fn good() -> Form {
    Form::default().file("video", "C:\\clips\\in \u{e9}.mp4", &Made::video()).file("audio", "blob", WAV)
}

#[tokio::test]
async fn files_become_assets() {
    let app = App::start().await;
    let answer = app.send(good().text("model", "lipsync-2").text("options", r#"{"temperature":0.50}"#).post()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let generation = answer.json();
    let items = generation["input"].as_array().unwrap();
    let asset = |i: usize| items[i]["assetId"].as_str().unwrap().parse().unwrap();
    assert_eq!((&items[0]["type"], &items[1]["type"]), (&json!("video"), &json!("audio")));
    let video = app.store.asset(&OrgId::new("default"), asset(0)).await.unwrap().unwrap();
    assert_eq!(
        (video.kind, video.name.as_str(), video.bytes),
        (AssetKind::Video, "in \u{e9}.mp4", Some(Made::video().len() as u64))
    );
    assert_eq!(std::fs::read(app.media.root.path().join(video.media().unwrap().to_string())).unwrap(), Made::video());
    assert_eq!(app.media.files().len(), 2, "what was written on the way is gone");
    assert_eq!(generation["options"], json!({"temperature": 0.5}));
    // The asset can be named by a later create, for what it is.
    let again = json!({"model": "lipsync-2", "input": [{"type": "video", "assetId": items[0]["assetId"]}, {"type": "audio", "assetId": items[1]["assetId"]}]});
    assert_eq!(app.create(&again).await.status, 201);
    let wrong = json!({"model": "lipsync-2", "input": [{"type": "video", "assetId": items[1]["assetId"]}, items[1]]});
    assert_eq!(app.create(&wrong).await.refusal(), "400 generation_input_asset_type_mismatch input[0].assetId");
}

#[tokio::test]
async fn input_comes_in_two_forms_and_a_file_wins_over_a_url() {
    let app = App::start().await;
    let url = r#"{"type":"video","url":"https://media.example.com/in.mp4","refId":"v"}"#;
    let audio = r#"{"type":"audio","url":"https://media.example.com/in.wav"}"#;
    for form in [
        Form::default().text("model", "sync-3").text("input", url).text("input", audio),
        Form::default().text("model", "sync-3").text("input", &format!("[{url},{audio}]")),
        Form::default().file("audio", "a", WAV).text("input", url).text("model", "sync-3").text("webhookUrl", ""),
        Form::default().file("audio", "a", WAV).text("input", url).text("input", audio).text("model", "sync-3"),
        Form::default().file("audio", "", b"").text("input", url).text("input", audio).text("model", "sync-3"),
    ] {
        let answer = app.send(form.post()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.json()["input"].as_array().unwrap().len(), 2);
    }
    let both = Form::default().file("image", "i", PNG).text("input", url).text("input", audio).text("model", "sync-3");
    let input = app.send(both.post()).await.json()["input"].clone();
    assert_eq!((&input[0]["type"], &input[0]["refId"]), (&json!("image"), &json!("v")));
    assert!(input[0].get("url").is_none() && input[0]["assetId"].is_string());
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let app = App::with(ApiSettings { input_bytes_max: 200_000, ..ApiSettings::default() }).await;
    let large = [Made::video(), vec![0; 200_000]].concat();
    let many = |n: usize| (0..n).fold(good().text("model", "lipsync-2"), |form, i| form.text(&format!("f{i}"), "x"));
    let text = "x".repeat(1024 * 1024 + 1);
    let model = || good().text("model", "lipsync-2");
    let mut refusals = Vec::new();
    for form in [
        good(),
        model().text("model", "sync-3"),
        model().text("options", "{not json"),
        model().text("input", "[1"),
        model().text("input", r#"{"a":1,"a":2}"#),
        model().text("webhook_url", "https://app.example.com/"),
        model().text("webhookUrl", "https://127.0.0.1/"),
        model().text("options", &text),
        model().file("video", "again", &Made::video()),
        model().file("image", "i.png", PNG),
        model().file("image", "i.png", PNG).file("image", "j.png", PNG),
        many(32),
        many(40),
        Form::default().file("video", "v", &large).text("model", "lipsync-2"),
        Form::default().file("video", "page.html", b"<!doctype html><script>").text("model", "lipsync-2"),
        Form::default().file("video", "v.mp4", WAV).file("audio", "a", WAV).text("model", "lipsync-2"),
        Form::default().file("video", "v.mp4", b"").file("audio", "a", WAV).text("model", "lipsync-2"),
        Form::default().file("video", "v.mp4", &Made::video()).text("model", "lipsync-2"),
    ] {
        let answer = app.send(form.post()).await;
        refusals.push(answer.refusal());
        assert!(app.media.files().is_empty(), "{}", answer.text());
    }
    insta::assert_snapshot!(refusals.join("\n"), @r"
    400 generation_input_validation_failed model
    400 generation_input_validation_failed model
    400 generation_input_validation_failed options
    400 generation_input_validation_failed input
    400 generation_input_validation_failed input
    400 generation_input_validation_failed webhook_url
    400 generation_input_validation_failed webhookUrl
    413 generation_input_validation_failed options
    400 generation_input_validation_failed video
    400 generation_input_too_many_visual input
    413 generation_input_validation_failed -
    413 generation_input_validation_failed -
    413 generation_input_validation_failed -
    413 generation_input_validation_failed video
    400 generation_input_validation_failed video
    400 generation_input_validation_failed video
    400 generation_input_validation_failed video
    400 generation_audio_missing input
    ");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing() {
    let app = App::start().await;
    assert_eq!(app.send(good().text("model", "lipsync-2").post_cut()).await.status, 400);
    assert!(app.media.files().is_empty());
    let endless = futures::stream::once(async {
        Ok::<_, std::io::Error>(
            b"--B\r\nContent-Disposition: form-data; name=\"video\"; filename=\"v\"\r\n\r\nxxxxxxxxxxxxxxxx".to_vec(),
        )
    });
    let body = Body::from_stream(futures::StreamExt::chain(endless, futures::stream::pending()));
    let mut request = request(Method::POST, "/v2/generate", Some(ADMIN), body);
    request.headers_mut().insert("content-type", "multipart/form-data; boundary=B".parse().unwrap());
    tokio::select! {
        _ = app.send(request) => panic!("there is no end to this body"),
        () = app.until(|| async { (!app.media.files().is_empty()).then_some(()) }) => {}
    }
    assert!(app.media.files().is_empty(), "the dropped request has taken its file with it");
}

#[tokio::test]
async fn a_full_disk_is_503_before_any_commit() {
    let app = App::start().await;
    app.media.full.store(true, Ordering::SeqCst);
    let answer = app.send(good().text("model", "lipsync-2").post()).await;
    assert_eq!(answer.refusal(), "503 generation_infra_storage_error -");
    assert!(answer.header("retry-after").is_some());
    assert!(app.media.files().is_empty());
    assert_eq!(app.get("/v2/generations").await.text(), "[]");
}

#[tokio::test]
async fn a_folder_of_uploads_that_vanished_is_the_servers_fault() {
    let app = App::start().await;
    app.media.vanished.store(true, Ordering::SeqCst);
    let answer = app.send(good().text("model", "lipsync-2").post()).await;
    assert_eq!(answer.refusal(), "503 generation_infra_storage_error -");
    assert!(answer.header("retry-after").is_some());
}
