//! `/v2/voices` and `/v2/tts`.
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use http::Method;
use postsync_api::ApiSettings;
use postsync_engine::Settings;
use serde_json::{Value, json};

use crate::harness::{ADMIN, App, CREATOR, READER, STRANGER, TestMedia, request};

fn words(change: &Value) -> String {
    let mut body = json!({"script": "Good  morning,\nall of you.", "voiceId": "en-us"});
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body.to_string()
}

#[tokio::test]
async fn voices_are_listed_and_found() {
    let app = App::start().await;
    let ids = |answer: crate::harness::Answer| -> Vec<String> {
        answer.json().as_array().unwrap().iter().map(|voice| voice["voiceId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(app.get("/v2/voices").await), ["en-us", "v1"]);
    assert_eq!(ids(app.get("/v2/voices?provider=elevenlabs").await), ["v1"]);
    let voice = app.get("/v2/voices/en-us").await.json();
    let wanted = json!({"provider": "espeak", "id": "en-us", "voiceId": "en-us", "name": "Ada", "previewUrl": null});
    assert_eq!(voice, wanted);
    for path in ["/v2/voices/nobody", "/v2/voices/en-us?provider=elevenlabs", "/v2/voices/%ff"] {
        assert_eq!(app.get(path).await.refusal(), "404 voice_not_found -", "{path}");
    }
    assert_eq!(app.get("/v2/voices?provider=nobody").await.refusal(), "400 invalid_request provider");
}

#[tokio::test]
async fn what_is_spoken_becomes_an_asset_of_its_organization() {
    let app = App::start().await;
    app.media.looks.store(true, Ordering::SeqCst);
    let answer = app.post("/v2/tts", CREATOR, words(&json!({"stability": 1, "similarityBoost": 0}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let spoken = answer.json();
    assert_eq!(spoken["duration"], 1.25);
    let id = spoken["id"].as_str().unwrap();
    let asset = app.get(&format!("/v2/assets/{id}")).await.json();
    assert_eq!((&asset["type"], &asset["inputType"]), (&"AUDIO".into(), &"TTS".into()));
    assert_eq!((&asset["name"], &asset["url"]), (&"Good morning, all of you.".into(), &spoken["url"]));
    let path = spoken["url"].as_str().unwrap().strip_prefix("https://lips.example.com").unwrap();
    let file = app.send(request(Method::GET, path, None, Body::empty())).await;
    assert_eq!((file.status, file.header("content-type")), (200, Some("audio/wav")));
    let foreign = app.send(request(Method::GET, &format!("/v2/assets/{id}"), Some(STRANGER), Body::empty())).await;
    assert_eq!(foreign.refusal(), "404 asset_not_found -");
}

#[tokio::test]
async fn what_can_not_be_spoken_is_refused_by_name() {
    let app = App::start().await;
    app.media.looks.store(true, Ordering::SeqCst);
    for (change, refusal) in [
        (json!({"script": ""}), "400 generation_input_validation_failed script"),
        (json!({"script": null}), "400 generation_input_validation_failed script"),
        (json!({"script": "x".repeat(5_001)}), "400 generation_text_length_exceeded script"),
        (json!({"voiceId": "a/b"}), "400 generation_input_validation_failed voiceId"),
        (json!({"provider": "nobody"}), "400 invalid_request provider"),
        (json!({"provider": "espeak", "voiceId": "xx"}), "400 generation_input_validation_failed voiceId"),
        (json!({"stability": 2}), "400 generation_input_validation_failed stability"),
        (json!({"similarityBoost": "high"}), "400 generation_input_validation_failed similarityBoost"),
        (json!({"script": "unvoiced"}), "422 voice_not_found voiceId"),
        (json!({"script": "unspeakable"}), "402 elevenlabs_quota_exceeded -"),
    ] {
        assert_eq!(app.post("/v2/tts", ADMIN, words(&change)).await.refusal(), refusal, "{change}");
    }
    assert_eq!(app.get("/v2/assets").await.json()["items"], json!([]), "nothing is left of any of them");
}

#[tokio::test]
async fn speech_that_is_too_long_is_refused_and_leaves_nothing() {
    let of_engine = Settings { speech_max: Duration::from_secs(1), ..Settings::default() };
    let app = App::with_engine(ApiSettings::default(), TestMedia::new(), of_engine).await;
    app.media.looks.store(true, Ordering::SeqCst);
    let refused = app.post("/v2/tts", CREATOR, words(&json!({}))).await;
    assert_eq!(refused.refusal(), "400 generation_text_length_exceeded -");
    let message = "script takes 2 seconds to say, and speech may have 1 (media.duration_max).";
    assert_eq!(refused.json()["message"], message);
    assert_eq!(app.get("/v2/assets/count").await.text(), "0");
    assert!(app.media.files().is_empty());
}

#[tokio::test]
async fn scopes_come_first() {
    let app = App::start().await;
    assert_eq!(app.post("/v2/tts", READER, "no JSON").await.refusal(), "403 insufficient_scope -");
    for path in ["/v2/voices", "/v2/voices/en-us"] {
        assert_eq!(app.send(request(Method::GET, path, Some(READER), Body::empty())).await.status, 200);
        assert_eq!(app.send(request(Method::GET, path, None, Body::empty())).await.status, 401);
    }
    let mut unsigned = request(Method::POST, "/v2/tts", None, Body::from(words(&json!({}))));
    unsigned.headers_mut().insert("content-type", "application/json".parse().unwrap());
    assert_eq!(app.send(unsigned).await.status, 401);
}
