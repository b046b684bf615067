//! `POST /v2/voices` and `DELETE /v2/voices/{id}`
use std::sync::atomic::Ordering;

use axum::body::Body;
use http::Method;
use postsync_core::voice::{CLONE_SETTLES_MS, CLONED_VOICES_MAX};
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, App, CREATOR, READER, STRANGER, request};

const UNKNOWN: &str = "018f2f6e-6d3a-7b6a-8c6e-0123456789ab";

async fn app() -> App {
    let app = App::start().await;
    app.media.looks.store(true, Ordering::SeqCst);
    app
}

/// An audio asset with somebody speaking.
async fn sample(app: &App, key: &str) -> String {
    let words = json!({"script": "Good morning.", "voiceId": "en-us"});
    app.post("/v2/tts", key, words.to_string()).await.json()["id"].as_str().unwrap().to_owned()
}

async fn clone(app: &App, key: &str, name: &str, asset: &str) -> Answer {
    app.post("/v2/voices", key, json!({"name": name, "assetId": asset}).to_string()).await
}

async fn delete(app: &App, key: &str, id: &str) -> Answer {
    app.send(request(Method::DELETE, &format!("/v2/voices/{id}"), Some(key), Body::empty())).await
}

async fn ids(app: &App, key: &str) -> String {
    let answer = app.send(request(Method::GET, "/v2/voices", Some(key), Body::empty())).await.json();
    let ids: Vec<&str> = answer.as_array().unwrap().iter().map(|voice| voice["voiceId"].as_str().unwrap()).collect();
    ids.join(" ")
}

#[tokio::test]
async fn a_clone_is_its_organizations_alone() {
    let app = app().await;
    let asset = sample(&app, ADMIN).await;
    let made = clone(&app, CREATOR, "Ada", &asset).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let wanted =
        json!({"provider": "elevenlabs", "id": "cloned-1", "voiceId": "cloned-1", "name": "Ada", "previewUrl": null});
    assert_eq!(made.json(), wanted);
    let theirs = clone(&app, STRANGER, "Ada", &sample(&app, STRANGER).await).await.json();
    assert_eq!(theirs["id"], "cloned-2", "a name is an organization's own");
    assert_eq!(
        (ids(&app, ADMIN).await, ids(&app, STRANGER).await),
        ("en-us v1 cloned-1".into(), "en-us v1 cloned-2".into())
    );
    let speak = async |key: &str, path: &str, voice: &str| {
        app.post(path, key, json!({"script": "Hi.", "voiceId": voice}).to_string()).await
    };
    assert_eq!(speak(ADMIN, "/v2/tts", "cloned-1").await.status, 200);
    assert_eq!(speak(STRANGER, "/v2/tts", "cloned-1").await.refusal(), "422 voice_not_found voiceId");
    let job = speak(STRANGER, "/v2/tts/jobs", "cloned-1").await.json()["id"].as_str().unwrap().to_owned();
    let failed = app.until(|| async {
        let path = format!("/v2/tts/jobs/{job}");
        let job = app.send(request(Method::GET, &path, Some(STRANGER), Body::empty())).await.json();
        (job["status"] == "FAILED").then_some(job)
    });
    assert_eq!(failed.await["errorCode"], "voice_not_found");
    let shown = app.send(request(Method::GET, "/v2/voices/cloned-1", Some(STRANGER), Body::empty())).await;
    assert_eq!(shown.refusal(), "404 voice_not_found -");
    assert_eq!(delete(&app, STRANGER, "cloned-1").await.refusal(), "404 voice_not_found -");
    assert_eq!(delete(&app, READER, "cloned-1").await.refusal(), "403 insufficient_scope -");
    assert_eq!(delete(&app, CREATOR, "cloned-1").await.status, 204);
    assert_eq!(delete(&app, CREATOR, "cloned-1").await.refusal(), "404 voice_not_found -");
    assert_eq!(ids(&app, ADMIN).await, "en-us v1");
    for not_a_clone in ["en-us", "v1", "%ff"] {
        assert_eq!(delete(&app, ADMIN, not_a_clone).await.refusal(), "404 voice_not_found -", "{not_a_clone}");
    }
}

#[tokio::test]
async fn the_limit_is_told_as_the_limit() {
    let app = app().await;
    let asset = sample(&app, ADMIN).await;
    for n in 0..CLONED_VOICES_MAX {
        assert_eq!(clone(&app, ADMIN, &format!("n{n}"), &asset).await.status, 201);
    }
    assert_eq!(clone(&app, ADMIN, "one more", &asset).await.refusal(), "403 voice_clone_limit_reached -");
    assert_eq!(clone(&app, ADMIN, "n0", &asset).await.refusal(), "409 voice_name_conflict name");
}

#[tokio::test]
async fn what_can_not_be_cloned_is_refused_by_name() {
    let app = app().await;
    let asset = sample(&app, ADMIN).await;
    let url = json!({"url": "https://media.example.com/a.wav", "type": "AUDIO"});
    let elsewhere = app.post("/v2/assets", ADMIN, url.to_string()).await.json()["id"].as_str().unwrap().to_owned();
    let foreign = sample(&app, STRANGER).await;
    assert_eq!(clone(&app, ADMIN, "Taken", &asset).await.status, 201);
    for (name, asset, refusal) in [
        ("Taken", &asset, "409 voice_name_conflict name"),
        ("", &asset, "400 invalid_request name"),
        ("a\nb", &asset, "400 invalid_request name"),
        (&*"x".repeat(101), &asset, "400 invalid_request name"),
        ("unclonable", &asset, "403 voice_clone_limit_reached -"),
        ("Ada", &elsewhere, "400 voice_sample_upload_required -"),
        ("Ada", &foreign, "404 asset_not_found assetId"),
        ("Ada", &UNKNOWN.to_owned(), "404 asset_not_found assetId"),
        ("Ada", &"x".to_owned(), "404 asset_not_found assetId"),
    ] {
        assert_eq!(clone(&app, ADMIN, name, asset).await.refusal(), refusal, "{name} {asset}");
    }
    for (body, refusal) in [
        (json!({"name": "Ada"}), "400 invalid_request assetId"),
        (json!({"assetId": asset}), "400 invalid_request name"),
        (json!({"name": 5, "assetId": asset}), "400 invalid_request name"),
        (json!({"name": "Ada", "assetId": asset, "provider": "espeak"}), "400 invalid_request provider"),
        (Value::Null, "400 invalid_request -"),
    ] {
        assert_eq!(app.post("/v2/voices", ADMIN, body.to_string()).await.refusal(), refusal, "{body}");
    }
    assert_eq!(ids(&app, ADMIN).await, "en-us v1 cloned-1", "nothing is left of any of them");
    assert_eq!(app.post("/v2/voices", READER, "no JSON").await.refusal(), "403 insufficient_scope -");
}

async fn named(app: &App, key: &str, name: &str) -> Vec<String> {
    let answer = app.send(request(Method::GET, "/v2/voices", Some(key), Body::empty())).await.json();
    let named = answer.as_array().unwrap().iter().filter(|voice| voice["name"] == name);
    named.map(|voice| voice["voiceId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_clone_whose_answer_is_lost_is_its_organizations_alone() {
    let app = app().await;
    let asset = sample(&app, ADMIN).await;
    let lost = clone(&app, CREATOR, "lost", &asset).await;
    assert_eq!(lost.refusal(), "503 elevenlabs_service_unavailable -");
    assert!(lost.text().contains("GET /v2/voices"), "{}", lost.text());
    assert_eq!(ids(&app, STRANGER).await, "en-us v1", "whoever asks first");
    let shown = app.send(request(Method::GET, "/v2/voices/cloned-1", Some(STRANGER), Body::empty())).await;
    assert_eq!(shown.refusal(), "404 voice_not_found -");
    let words = json!({"script": "Hi.", "voiceId": "cloned-1"}).to_string();
    assert_eq!(app.post("/v2/tts", STRANGER, words.clone()).await.refusal(), "422 voice_not_found voiceId");
    assert_eq!(named(&app, ADMIN, "lost").await, ["cloned-1"]);
    assert_eq!(app.post("/v2/tts", ADMIN, words.clone()).await.status, 200);
    assert_eq!(clone(&app, CREATOR, "lost", &asset).await.refusal(), "409 voice_name_conflict name");
    assert_eq!(delete(&app, CREATOR, "cloned-1").await.status, 204);
    assert_eq!(ids(&app, ADMIN).await, "en-us v1");
}

#[tokio::test]
async fn a_lost_clone_is_found_also_by_who_clones_it_again() {
    let app = app().await;
    let asset = sample(&app, ADMIN).await;
    assert_eq!(clone(&app, ADMIN, "lost", &asset).await.status, 503);
    assert_eq!(clone(&app, ADMIN, "lost", &asset).await.refusal(), "409 voice_name_conflict name");
    assert_eq!(named(&app, ADMIN, "lost").await, ["cloned-1"], "no second one was asked for");
}

#[tokio::test]
async fn a_clone_that_was_never_made_takes_its_name_for_a_while() {
    let app = app().await;
    let asset = sample(&app, ADMIN).await;
    assert_eq!(clone(&app, ADMIN, "dropped", &asset).await.status, 503);
    let unsettled = clone(&app, ADMIN, "dropped", &asset).await;
    assert_eq!((unsettled.refusal().as_str(), unsettled.header("retry-after")), ("409 voice_clone_busy -", Some("60")));
    assert_eq!(clone(&app, ADMIN, "Ada", &asset).await.status, 201, "another name is free");
    app.clock.advance(std::time::Duration::from_millis(CLONE_SETTLES_MS.unsigned_abs()));
    assert_eq!(clone(&app, ADMIN, "dropped", &asset).await.status, 503, "asked for again");
    let refused = json!({"name": "unclonable", "assetId": asset}).to_string();
    for _ in 0..2 {
        assert_eq!(app.post("/v2/voices", ADMIN, refused.clone()).await.refusal(), "403 voice_clone_limit_reached -");
    }
}
