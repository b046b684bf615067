//! `POST /postsync/v1/trigger`.
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, App, CREATOR, READER, STRANGER};

const TRIGGER: &str = "/postsync/v1/trigger";

async fn trigger(app: &App, key: &str, body: &Value) -> Answer {
    app.post(TRIGGER, key, body.to_string()).await
}

async fn endpoint(app: &App, url: &str, events: &[&str]) -> String {
    let body = json!({"url": url, "events": events}).to_string();
    let made = app.post("/postsync/v1/endpoints", ADMIN, body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn it_goes_to_the_endpoints_that_take_it_and_through_the_log() {
    let app = App::start().await;
    let taker = endpoint(&app, "https://app.example.com/failed", &["generation.failed"]).await;
    endpoint(&app, "https://app.example.com/batches", &["batch.completed"]).await;
    let answer = trigger(&app, CREATOR, &json!({"event": "generation.failed"})).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let made = answer.json();
    assert_eq!((&made["event"], made["deliveries"].as_array().unwrap().len()), (&json!("generation.failed"), 1));
    let delivery = &made["deliveries"][0];
    assert_eq!((&delivery["endpointId"], &delivery["origin"]), (&json!(taker), &json!("test")));
    assert_eq!((&delivery["eventId"], &delivery["generationId"]), (&made["id"], &Value::Null));
    let path = format!("/postsync/v1/deliveries/{}", delivery["id"].as_str().unwrap());
    let delivered = app
        .until(|| async {
            let shown = app.get(&path).await.json();
            (shown["status"] == "delivered").then_some(shown)
        })
        .await;
    let sent = delivered["attemptLog"][0].to_string();
    assert!(sent.contains("postsync-test") && sent.contains("generation.failed"), "{sent}");
    trigger(&app, CREATOR, &json!({"event": "batch.completed"})).await;
    let events = app.get("/postsync/v1/events").await.json();
    assert_eq!(events["items"], json!([]), "the feed tells only of what has happened");
    assert_eq!(app.get("/v2/generations").await.json(), json!([]), "no generation was made");
}

#[tokio::test]
async fn with_a_url_it_goes_there_alone() {
    let app = App::start().await;
    let (url, taken) = ("https://app.example.com/try", "https://app.example.com/taken");
    let registered = endpoint(&app, taken, &["batch.completed"]).await;
    for event in ["generation.completed", "generation.failed", "batch.completed"] {
        let made = trigger(&app, CREATOR, &json!({"event": event, "to": url})).await.json();
        let deliveries = made["deliveries"].as_array().unwrap();
        assert_eq!((deliveries.len(), &deliveries[0]["url"]), (1, &json!(url)), "{made}");
        assert_ne!(deliveries[0]["endpointId"], json!(registered));
    }
    let made = trigger(&app, CREATOR, &json!({"event": "generation.failed", "to": taken})).await.json();
    assert_eq!(made["deliveries"][0]["endpointId"], json!(registered), "whatever its filter");
    let path = format!("/postsync/v1/endpoints/{registered}");
    let disabled = request_patch(&app, &path, &json!({"state": "disabled"})).await;
    assert_eq!(disabled.status, 200, "{}", disabled.text());
    let refused = trigger(&app, CREATOR, &json!({"event": "generation.failed", "to": taken})).await;
    assert_eq!(refused.refusal(), "409 endpoint_conflict -");
}

async fn request_patch(app: &App, path: &str, body: &Value) -> Answer {
    let body = axum::body::Body::from(body.to_string());
    let mut request = crate::harness::request(http::Method::PATCH, path, Some(ADMIN), body);
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    app.send(request).await
}

#[tokio::test]
async fn a_wish_is_judged_and_each_organization_has_its_own() {
    let app = App::start().await;
    let theirs = endpoint(&app, "https://app.example.com/mine", &["generation.completed"]).await;
    let answer = trigger(&app, STRANGER, &json!({"event": "generation.completed"})).await;
    assert_eq!((answer.status, &answer.json()["deliveries"]), (202, &json!([])), "nobody of theirs takes it");
    assert!(!answer.text().contains(&theirs));
    for (body, field) in [
        (json!({}), "event"),
        (json!({"event": "delivery.exhausted"}), "event"),
        (json!({"event": 7}), "event"),
        (json!({"event": "generation.completed", "to": 7}), "to"),
        (json!({"event": "generation.completed", "to": "not a url"}), "to"),
        (json!({"event": "generation.completed", "to": "http://app.example.com/"}), "to"),
        (json!({"event": "generation.completed", "to": "https://127.0.0.1/"}), "to"),
        (json!({"event": "generation.completed", "url": "https://app.example.com/"}), "url"),
    ] {
        assert_eq!(trigger(&app, CREATOR, &body).await.refusal(), format!("400 invalid_request {field}"), "{body}");
    }
    assert_eq!(trigger(&app, READER, &json!({})).await.refusal(), "403 insufficient_scope -");
}
