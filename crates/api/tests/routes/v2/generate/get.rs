//! `GET /v2/generate/{id}`.
use std::time::Duration;

use crate::harness::{App, body};

#[tokio::test]
async fn unknown_and_malformed_ids_are_404() {
    let app = App::start().await;
    for id in ["018f2f6e-6d3a-7b6a-8c6e-0123456789ab", "nope", "..", "%00", "%ff", "a%2Fb", "{id}", "%7Bid%7D"] {
        assert_eq!(app.get(&format!("/v2/generate/{}", id.replace(['{', '}'], "%7B"))).await.status, 404, "{id}");
    }
    assert_eq!(app.get("/v2/generate/nope").await.refusal(), "404 generation_not_found -");
}

#[tokio::test]
async fn waits_until_it_has_ended() {
    let app = App::start().await;
    let id = app.created("lipsync-2").await;
    app.made.started().await;
    let path = format!("/v2/generate/{id}?wait=true&timeout=10");
    let (answer, ()) = tokio::join!(app.get(&path), async { app.made.finish_one() });
    assert_eq!(answer.json()["status"], "COMPLETED");
    assert_eq!(answer.header("x-sync-wait-mode"), Some("long_poll"));
    assert_eq!(answer.header("x-sync-wait-timeout-seconds"), Some("10"));
    assert_eq!(answer.header("retry-after"), None);
}

#[tokio::test]
async fn a_wait_in_vain_answers_with_what_is() {
    let app = App::start().await;
    let id = app.created("lipsync-2").await;
    app.made.started().await;
    let before = app.clock.sleepers();
    let path = format!("/v2/generate/{id}?wait=true");
    let move_on = async {
        app.until(|| async { (app.clock.sleepers() > before).then_some(()) }).await;
        app.clock.advance(Duration::from_secs(5));
    };
    let (answer, ()) = tokio::join!(app.get(&path), move_on);
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("PROCESSING")));
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert_eq!(answer.header("x-sync-wait-timeout-seconds"), Some("5"));
}

#[tokio::test]
async fn parameters_have_bounds() {
    let app = App::start().await;
    let id = app.created("sync-3").await;
    for (query, field) in [
        ("wait=true&timeout=0", "timeout"),
        ("wait=true&timeout=11", "timeout"),
        ("wait=true&timeout=x", "timeout"),
        ("wait=maybe", "wait"),
        ("wait=true&include=progress", "include"),
        ("include=everything", "include"),
        ("wait=true&wait=true", "wait"),
    ] {
        let refusal = app.get(&format!("/v2/generate/{id}?{query}")).await.refusal();
        assert_eq!(refusal, format!("400 invalid_request {field}"), "{query}");
    }
    assert_eq!(app.get(&format!("/v2/generate/{id}?unknown=1&wait=false&timeout=")).await.status, 200);
}

#[tokio::test]
async fn progress_is_shown_where_it_is_asked_for() {
    let app = App::start().await;
    let id = app.created("lipsync-2").await;
    app.made.started().await;
    let path = format!("/v2/generate/{id}?include=progress");
    assert_eq!(app.get(&path).await.json()["progress_percent"], 42);
    assert!(app.get(&format!("/v2/generate/{id}")).await.json().get("progress_percent").is_none());
    app.made.finish_one();
    app.ended(&id).await;
    assert_eq!(app.get(&path).await.json()["progress_percent"], 100);
}

#[tokio::test]
async fn a_failure_has_both_names_of_its_code() {
    let app = App::start().await;
    let mut create = body("lipsync-2");
    create["options"] = serde_json::json!({"fail": true});
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    app.made.started().await;
    app.made.finish_one();
    let ended = app.ended(&id).await;
    assert_eq!(
        (&ended["error_code"], &ended["errorCode"]),
        (&"generation_timeout".into(), &"generation_timeout".into())
    );
    assert!(ended["error"].is_string() && ended["outputUrl"].is_null());
    let progress = app.get(&format!("/v2/generate/{id}?include=progress")).await.json();
    assert!(progress["progress_percent"].is_null());
}
