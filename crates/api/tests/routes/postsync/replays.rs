//! `/postsync/v1/replays`.
use std::time::Duration;

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use super::deliveries::{delivery, notified};
use crate::harness::{ADMIN, App, CREATOR, READER, STRANGER, request};
use postsync_api::wire::{ReplayAccepted, ReplayBody, ReplayCount};

const PATH: &str = "/postsync/v1/replays";

/// So many deliveries that were taken; gives their generations.
async fn delivered(app: &App, count: usize) -> Vec<String> {
    let mut made = Vec::new();
    for _ in 0..count {
        let id = notified(app).await;
        delivery(app, &id, "delivered", 1).await;
        made.push(id);
    }
    made
}

async fn asked(app: &App, body: Value) -> Value {
    let answer = app.post(PATH, CREATOR, body.to_string()).await;
    assert!(matches!(answer.status, 200 | 202), "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_replay_is_counted_begun_and_done() {
    let app = App::start().await;
    delivered(&app, 3).await;
    let dry = app.post(PATH, CREATOR, json!({"filter": {"status": "delivered"}, "dryRun": true}).to_string()).await;
    assert_eq!((dry.status, dry.text().as_str()), (200, r#"{"count":3}"#));
    let _: ReplayCount = serde_json::from_str(&dry.text()).unwrap();
    assert_eq!(app.get("/postsync/v1/deliveries").await.json()["items"].as_array().unwrap().len(), 3, "only counted");

    let begun = app.post(PATH, CREATOR, json!({"filter": {"status": "delivered"}}).to_string()).await;
    assert_eq!(begun.status, 202);
    let begun: ReplayAccepted = serde_json::from_str(&begun.text()).unwrap();
    assert_eq!(begun.count, Some(3));
    let done = app.until(|| async {
        let replay = app.send(request(Method::GET, &format!("{PATH}/{}", begun.id), Some(READER), Body::empty())).await;
        (replay.json()["status"] == "done").then_some(replay)
    });
    let text = done.await.text();
    let mut shown: Value = serde_json::from_str(&text).unwrap();
    shown["id"] = json!("rpl_...");
    insta::assert_snapshot!(shown, @r#"{"id":"rpl_...","status":"done","count":3,"done":3,"skipped":0,"createdAt":"2026-11-23T08:21:17.126Z"}"#);
    let read: ReplayBody = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    let made = app.until(|| async {
        let items = app.get("/postsync/v1/deliveries?status=delivered").await.json()["items"].clone();
        (items.as_array().unwrap().len() == 6).then_some(items)
    });
    let origins: Vec<Value> = made.await.as_array().unwrap().iter().map(|item| item["origin"].clone()).collect();
    assert_eq!(origins, ["replay", "replay", "replay", "event", "event", "event"]);
}

#[tokio::test]
async fn a_filter_means_what_it_says() {
    let app = App::start().await;
    let ids = delivered(&app, 3).await;
    let all = app.get("/postsync/v1/deliveries").await.json();
    let of = |n: usize, name: &str| all["items"][n][name].as_str().unwrap().to_owned();
    let (endpoint, second) = (of(0, "endpointId"), of(1, "createdAt"));
    for (filter, want) in [
        (json!({"generationId": ids[0]}), 1),
        (json!({"generationId": "018f2f6e-6d3a-7b6a-8c6e-0123456789ab"}), 0),
        (json!({"endpointId": endpoint}), 3),
        (json!({"endpointId": "imp_000000000000000000000000"}), 0),
        (json!({"status": "exhausted", "endpointId": endpoint}), 0),
        (json!({"since": second}), 2),
        (json!({"until": second}), 2),
        (json!({"since": second, "until": second, "status": null}), 1),
        (json!({"error": "connect_refused"}), 0),
        (json!({"again": true, "status": "delivered"}), 3),
    ] {
        let counted = asked(&app, json!({"filter": filter, "dryRun": true})).await;
        assert_eq!(counted, json!({"count": want}), "{filter}");
    }
    assert_eq!(asked(&app, json!({"filter": {}, "all": true, "dryRun": true})).await, json!({"count": 3}));
    assert_eq!(asked(&app, json!({"all": true, "dryRun": true})).await, json!({"count": 3}));
    let foreign = app.post(PATH, STRANGER, json!({"all": true, "dryRun": true}).to_string()).await;
    assert_eq!(foreign.json(), json!({"count": 0}));
}

#[tokio::test]
async fn everything_is_not_replayed_by_accident() {
    let app = App::start().await;
    delivered(&app, 1).await;
    for body in [
        "{}",
        r#"{"filter":{}}"#,
        r#"{"filter":null}"#,
        r#"{"filter":{"since":null,"status":null}}"#,
        r#"{"filter":{"again":true}}"#,
        r#"{"filter":{},"all":false}"#,
        r#"{"dryRun":true}"#,
    ] {
        let answer = app.post(PATH, ADMIN, body).await;
        assert_eq!(answer.refusal(), "400 invalid_request filter", "{body}");
        assert!(answer.text().contains(r#"\"all\": true"#), "it says what to do: {}", answer.text());
    }
    // What is misspelled would mean more than was meant.
    for (body, field) in [
        (r#"{"status":"exhausted"}"#, "status"),
        (r#"{"filter":{"since":"2026-11-23T08:00:00Z"},"dryrun":true}"#, "dryrun"),
        (r#"{"filter":{"state":"exhausted","since":"2026-11-23T08:00:00Z"}}"#, "filter.state"),
        (r#"{"filter":{"generation_id":"018f2f6e-6d3a-7b6a-8c6e-0123456789ab"}}"#, "filter.generation_id"),
    ] {
        assert_eq!(app.post(PATH, ADMIN, body).await.refusal(), format!("400 invalid_request {field}"));
    }
    let after = app.get("/postsync/v1/deliveries").await.json();
    assert_eq!(after["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn bad_bodies_are_named() {
    let app = App::start().await;
    let of = |name: &str, value: Value| json!({"filter": {name: value}}).to_string();
    for (body, field) in [
        (of("status", json!("due")), "filter.status"),
        (of("status", json!("parked")), "filter.status"),
        (of("status", json!("done")), "filter.status"),
        (of("status", json!(["exhausted"])), "filter.status"),
        (of("generationId", json!("nope")), "filter.generationId"),
        (of("endpointId", json!("")), "filter.endpointId"),
        (of("endpointId", json!("imp_other")), "filter.endpointId"),
        (of("since", json!("2h")), "filter.since"),
        (of("since", json!(1_795_422_077)), "filter.since"),
        (of("until", json!("yesterday")), "filter.until"),
        (of("since", json!("2026-11-23T08:00:00+25:00")), "filter.since"),
        (of("until", json!("9999-12-31T00:00:00Z")), "filter.until"),
        (of("since", json!("2026-11-23T08:30:00Z")), "filter.since"),
        (json!({"filter": {"status": "exhausted"}, "all": "yes"}).to_string(), "all"),
        (of("error", json!("timeout")), "filter.error"),
        (of("again", json!("yes")), "filter.again"),
        (
            json!({"filter": {"since": "2026-11-23T08:00:01Z", "until": "2026-11-23T08:00:00Z"}}).to_string(),
            "filter.until",
        ),
        (json!({"filter": [], "all": true}).to_string(), "filter"),
        (json!({"filter": {"status": "exhausted"}, "dryRun": 1}).to_string(), "dryRun"),
        (json!({"all": "true"}).to_string(), "all"),
        ("[]".to_owned(), "-"),
        (String::new(), "-"),
        ("{".to_owned(), "-"),
        (r#"{"filter":{"since":"2026-11-23T08:00:00Z","since":null}}"#.to_owned(), "-"),
    ] {
        assert_eq!(
            app.post(PATH, ADMIN, body.clone()).await.refusal(),
            format!("400 invalid_request {field}"),
            "{body}"
        );
    }
    let mut form = request(Method::POST, PATH, Some(ADMIN), Body::from("filter=x"));
    form.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    assert_eq!(app.send(form).await.refusal(), "415 unsupported_media_type -");
    let large = format!(r#"{{"filter":{{"error":"{}"}}}}"#, "x".repeat(10 * 1024 * 1024));
    assert_eq!(app.post(PATH, ADMIN, large).await.refusal(), "413 payload_too_large -");
}

#[tokio::test]
async fn keys_and_ids_are_judged() {
    let app = App::start().await;
    let body = r#"{"all":true}"#;
    assert_eq!(app.post(PATH, READER, body).await.refusal(), "403 insufficient_scope -");
    assert_eq!(app.post(PATH, READER, "{").await.refusal(), "403 insufficient_scope -", "before anything else");
    assert_eq!(app.send(request(Method::POST, PATH, None, Body::from(body))).await.status, 401);
    let begun = app.post(PATH, CREATOR, body).await.json();
    let path = format!("{PATH}/{}", begun["id"].as_str().unwrap());
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(app.get(&path).await.status, 200);
    let with = |key| request(Method::GET, &path, Some(key), Body::empty());
    assert_eq!(app.send(with(READER)).await.status, 200);
    assert_eq!(app.send(with(CREATOR)).await.refusal(), "403 insufficient_scope -");
    assert_eq!(app.send(with(STRANGER)).await.refusal(), "404 replay_not_found -");
    for id in ["nope", "rpl_0000000000000", "dlv_0000000000000"] {
        assert_eq!(app.get(&format!("{PATH}/{id}")).await.refusal(), "404 replay_not_found -");
    }
}
