//! `POST /postsync/v1/generations/{id}/cancel`
mod stream;

use axum::body::Body;
use http::Method;
use serde_json::json;

use crate::harness::{ADMIN, Answer, App, CREATOR, READER, STRANGER, body, request};

async fn cancel(app: &App, id: &str, key: &str) -> Answer {
    app.send(request(Method::POST, &format!("/postsync/v1/generations/{id}/cancel"), Some(key), Body::empty())).await
}

#[tokio::test]
async fn it_ends_failed_with_a_webhook() {
    let app = App::start().await;
    let mut create = body("lipsync-2");
    create["webhookUrl"] = json!("https://app.example.com/webhook");
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    app.made.started().await;
    assert_eq!(cancel(&app, &id, READER).await.refusal(), "403 insufficient_scope -");
    assert_eq!(cancel(&app, &id, STRANGER).await.refusal(), "404 generation_not_found -");
    assert_eq!(cancel(&app, "nonsense", ADMIN).await.refusal(), "404 generation_not_found -");
    assert_eq!(app.get(&format!("/v2/generate/{id}")).await.json()["status"], "PROCESSING");
    let canceled = cancel(&app, &id, CREATOR).await;
    assert_eq!(canceled.status, 200, "{}", canceled.text());
    let shown = canceled.json();
    assert_eq!((&shown["status"], &shown["error_code"]), (&json!("FAILED"), &json!("generation_canceled")));
    assert_eq!(app.get(&format!("/v2/generate/{id}")).await.json(), shown);
    let deliveries = app.get(&format!("/postsync/v1/deliveries?generationId={id}")).await.json();
    assert_eq!(deliveries["items"][0]["event"], "generation.failed");
    assert_eq!(cancel(&app, &id, ADMIN).await.refusal(), "409 generation_conflict -");
}
