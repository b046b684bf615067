//! `Idempotency-Key` on `POST /v2/generate`.
use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Method, Request};
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, App, CREATOR, Form, Made, STRANGER, body, request};

const WAV: &[u8] = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00";

fn keyed(mut request: Request<Body>, keys: &[&str]) -> Request<Body> {
    for key in keys {
        let value = HeaderValue::from_bytes(key.as_bytes()).unwrap();
        request.headers_mut().append("idempotency-key", value);
    }
    request
}

fn json_create(who: &str, key: &str, text: impl Into<Body>) -> Request<Body> {
    let mut request = request(Method::POST, "/v2/generate", Some(who), text.into());
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    keyed(request, &[key])
}

fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn count(app: &App) -> usize {
    app.get("/v2/generations").await.json().as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_json_again_is_the_same_generation() {
    let app = App::start().await;
    let first = app.send(json_create(ADMIN, "k-1", body("sync-3").to_string())).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    app.ended(&id(&first)).await;
    let other_way = r#"{"input":[{"url":"https://media.example.com/in.mp4","type":"video"},{"type":"audio","url":"https:\/\/media.example.com\/in.wav"}], "model":"sync-3"}"#;
    // Another key of the same organization.
    for (who, text) in [(ADMIN, body("sync-3").to_string()), (CREATOR, other_way.to_owned())] {
        let again = app.send(json_create(who, "k-1", text)).await;
        assert_eq!((id(&again), again.header("idempotency-replayed")), (id(&first), Some("true")));
        assert_eq!(again.json()["status"], "COMPLETED", "as it is now");
    }
    assert_eq!(count(&app).await, 1);

    let other = app.send(json_create(ADMIN, "k-1", body("lipsync-2").to_string())).await;
    assert_eq!(other.refusal(), "409 IDEMPOTENCY_KEY_REUSED -");
    let foreign = app.send(json_create(STRANGER, "k-1", body("sync-3").to_string())).await;
    assert_ne!(id(&foreign), id(&first), "each organization has its own keys");
    let case = app.send(json_create(ADMIN, "K-1", body("sync-3").to_string())).await;
    assert_ne!(id(&case), id(&first));
}

#[tokio::test]
async fn a_form_counts_by_its_parts_and_leaves_no_second_file() {
    let app = App::start().await;
    let form = || Form::default().file("video", "in.mp4", &Made::video()).file("audio", "in.wav", WAV);
    let first = app.send(keyed(form().text("model", "lipsync-2").post(), &["form"])).await;
    let files = app.media.files();
    let other_way =
        Form::default().text("model", "lipsync-2").file("audio", "x", WAV).file("video", "again.mp4", &Made::video());
    let again = app.send(keyed(form().text("model", "lipsync-2").post(), &["form"])).await;
    assert_eq!((id(&again), again.header("idempotency-replayed")), (id(&first), Some("true")));
    assert_eq!(id(&app.send(keyed(other_way.post(), &["form"])).await), id(&first), "neither do order and file names");
    let renamed = app.send(keyed(form().text("model", "lipsync-2").bounded_by("other").post(), &["form"])).await;
    assert_eq!(id(&renamed), id(&first), "the boundary does not count");

    let other = Form::default().file("video", "in.mp4", &Made::video()).file("audio", "in.wav", &[WAV, b"x"].concat());
    let other = app.send(keyed(other.text("model", "lipsync-2").post(), &["form"])).await;
    assert_eq!(other.refusal(), "409 IDEMPOTENCY_KEY_REUSED -");
    assert_eq!((count(&app).await, app.media.files()), (1, files));
}

#[tokio::test]
async fn a_refused_create_does_not_use_up_its_key() {
    let app = App::start().await;
    let wrong = json!({"model": "lipsync-9", "input": body("sync-3")["input"]});
    assert_eq!(app.send(json_create(ADMIN, "k", wrong.to_string())).await.status, 400);
    assert_eq!(app.send(json_create(ADMIN, "k", "{not json")).await.status, 400);
    let form = Form::default().file("video", "in.mp4", &Made::video()).text("model", "lipsync-2");
    assert_eq!(app.send(keyed(form.post(), &["k"])).await.status, 400);
    app.media.full.store(true, std::sync::atomic::Ordering::SeqCst);
    let form = || Form::default().file("video", "v", &Made::video()).file("audio", "a", WAV).text("model", "lipsync-2");
    assert_eq!(app.send(keyed(form().post(), &["k"])).await.status, 503);
    app.media.full.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(app.send(keyed(form().post(), &["k"])).await.status, 201);
    assert_eq!(count(&app).await, 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_a_400() {
    let app = App::start().await;
    let longest = "x".repeat(128);
    for keys in
        [&[""][..], &["a b"], &["a,b"], &["\u{e9}"], &[&format!("{longest}x")], &["a", "a"], &["a", "b"], &["", ""]]
    {
        let mut request = request(Method::POST, "/v2/generate", Some(ADMIN), Body::from("{not json"));
        request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        let answer = app.send(keyed(request, keys)).await;
        assert_eq!(answer.refusal(), "400 INVALID_IDEMPOTENCY_KEY Idempotency-Key", "{keys:?}");
    }
    assert_eq!(app.send(json_create(ADMIN, &longest, body("sync-3").to_string())).await.status, 201);
}

#[tokio::test]
async fn of_many_at_once_one_is_made() {
    let app = App::start().await;
    let one = |_| app.send(json_create(ADMIN, "k", body("sync-3").to_string()));
    let answers = futures::future::join_all((0..32).map(one)).await;
    let ids: std::collections::BTreeSet<String> = answers.iter().map(id).collect();
    assert_eq!(ids.len(), 1);
    let fresh = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count();
    assert_eq!((fresh, count(&app).await), (1, 1));
}

#[tokio::test]
async fn a_day_later_the_key_is_free() {
    let app = App::start().await;
    let create = || json_create(ADMIN, "k", body("sync-3").to_string());
    let first = id(&app.send(create()).await);
    app.clock.advance(Duration::from_secs(24 * 3600 - 1));
    assert_eq!(id(&app.send(create()).await), first);
    app.clock.advance(Duration::from_secs(1));
    let second: Value = app.send(create()).await.json();
    assert_ne!(second["id"], first.as_str());
}
