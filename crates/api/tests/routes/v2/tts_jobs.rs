//! `/v2/tts/jobs`
use std::sync::atomic::Ordering;

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, App, CREATOR, READER, STRANGER, request};

fn words(script: &str) -> Value {
    json!({"script": script, "voiceId": "en-us"})
}

async fn post(app: &App, keys: &[&str], body: &Value) -> Answer {
    let mut request = request(Method::POST, "/v2/tts/jobs", Some(CREATOR), body.to_string().into());
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    for key in keys {
        request.headers_mut().append("idempotency-key", key.parse().unwrap());
    }
    app.send(request).await
}

async fn ended(app: &App, id: &str) -> Value {
    let path = format!("/v2/tts/jobs/{id}");
    app.until(|| async {
        let job = app.get(&path).await.json();
        ["COMPLETED", "FAILED"].contains(&job["status"].as_str().unwrap()).then_some(job)
    })
    .await
}

#[tokio::test]
async fn words_are_taken_spoken_and_become_an_asset() {
    let app = App::start().await;
    app.media.looks.store(true, Ordering::SeqCst);
    let taken = post(&app, &[], &words("Good  morning.")).await;
    assert_eq!(taken.status, 202, "{}", taken.text());
    let id = taken.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(taken.header("location"), Some(format!("https://lips.example.com/v2/tts/jobs/{id}").as_str()));
    assert_eq!(taken.header("idempotency-replayed"), None);
    assert_eq!((&taken.json()["provider"], &taken.json()["voiceId"]), (&json!("elevenlabs"), &json!("en-us")));
    let job = ended(&app, &id).await;
    assert_eq!((&job["status"], &job["duration"], &job["error"]), (&json!("COMPLETED"), &json!(1.25), &Value::Null));
    let asset = app.get(&format!("/v2/assets/{}", job["assetId"].as_str().unwrap())).await.json();
    assert_eq!(
        (&asset["inputType"], &asset["name"], &asset["url"]),
        (&json!("TTS"), &json!("Good morning."), &job["url"])
    );
    let path = job["url"].as_str().unwrap().strip_prefix("https://lips.example.com").unwrap();
    assert_eq!(app.send(request(Method::GET, path, None, Body::empty())).await.status, 200);
    let foreign = app.send(request(Method::GET, &format!("/v2/tts/jobs/{id}"), Some(STRANGER), Body::empty())).await;
    assert_eq!(foreign.refusal(), "404 speech_job_not_found -");
    assert_eq!(app.get("/v2/tts/jobs/x").await.refusal(), "404 speech_job_not_found -");
    let gone = app.send(request(
        Method::DELETE,
        &format!("/v2/assets/{}", asset["id"].as_str().unwrap()),
        Some(ADMIN),
        Body::empty(),
    ));
    assert_eq!(gone.await.status, 204);
    let job = app.get(&format!("/v2/tts/jobs/{id}")).await.json();
    assert_eq!((&job["status"], &job["url"], &job["assetId"]), (&json!("COMPLETED"), &Value::Null, &asset["id"]));
}

#[tokio::test]
async fn what_can_not_be_spoken_ends_failed() {
    let app = App::start().await;
    app.media.looks.store(true, Ordering::SeqCst);
    let taken = post(&app, &[], &words("unspeakable")).await.json();
    let job = ended(&app, taken["id"].as_str().unwrap()).await;
    assert_eq!((&job["status"], &job["errorCode"]), (&json!("FAILED"), &json!("elevenlabs_quota_exceeded")));
    assert_eq!((&job["error"], &job["assetId"]), (&json!("There is no more to be said."), &Value::Null));
    assert_eq!(app.get("/v2/assets").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_key_makes_one_job() {
    let app = App::start().await;
    app.media.looks.store(true, Ordering::SeqCst);
    let first = post(&app, &["order-1"], &words("Hi.")).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (202, None));
    let id = first.json()["id"].clone();
    ended(&app, id.as_str().unwrap()).await;
    let reordered: Value = serde_json::from_str(r#"{"voiceId":"en-us","script":"Hi."}"#).unwrap();
    let again = post(&app, &["order-1"], &reordered).await;
    assert_eq!((again.status, again.header("idempotency-replayed"), &again.json()["id"]), (202, Some("true"), &id));
    assert_eq!(again.json()["status"], "COMPLETED", "as it is now");
    assert_eq!(post(&app, &["order-1"], &words("Ho.")).await.refusal(), "409 IDEMPOTENCY_KEY_REUSED Idempotency-Key");
    assert_ne!(post(&app, &["order-2"], &words("Hi.")).await.json()["id"], id);
    assert_ne!(post(&app, &[], &words("Hi.")).await.json()["id"], id);
    let long = "x".repeat(129);
    for wrong in [&[""][..], &["a b"], &[long.as_str()], &["a", "a"]] {
        let refused = post(&app, wrong, &words("Hi.")).await;
        assert_eq!(refused.refusal(), "400 INVALID_IDEMPOTENCY_KEY Idempotency-Key", "{wrong:?}");
    }
    let refused = post(&app, &["order-3"], &words("")).await;
    assert_eq!(refused.refusal(), "400 generation_input_validation_failed script");
    assert_eq!(post(&app, &["order-3"], &words("Hi.")).await.status, 202, "a refused one has not used its key up");
}

#[tokio::test]
async fn bodies_are_judged_as_those_of_tts_and_scopes_come_first() {
    let app = App::start().await;
    for (body, refusal) in [
        (json!({"script": "x".repeat(5_001), "voiceId": "v"}), "400 generation_text_length_exceeded script"),
        (json!({"script": "x", "voiceId": "a/b"}), "400 generation_input_validation_failed voiceId"),
        (json!({"script": "x", "voiceId": "v", "provider": "nobody"}), "400 invalid_request provider"),
    ] {
        assert_eq!(post(&app, &[], &body).await.refusal(), refusal);
    }
    assert_eq!(app.post("/v2/tts/jobs", READER, "no JSON").await.refusal(), "403 insufficient_scope -");
}
