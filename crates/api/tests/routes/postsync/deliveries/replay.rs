//! `/postsync/v1/deliveries/{id}/replay`.
use std::time::Duration;

use axum::body::Body;
use http::Method;
use postsync_core::outcome::{Outcome, SendReport};
use serde_json::json;

use super::{delivery, notified};
use crate::harness::{ADMIN, App, CREATOR, READER, STRANGER, request};

fn path(id: &str) -> String {
    format!("/postsync/v1/deliveries/{id}/replay")
}

#[tokio::test]
async fn a_delivery_that_has_ended_is_made_anew() {
    let app = App::start().await;
    let generation = notified(&app).await;
    let old = delivery(&app, &generation, "delivered", 1).await;
    app.clock.advance(Duration::from_secs(3_600));
    let old_id = old["id"].as_str().unwrap();
    let answer = app.post(&path(old_id), CREATOR, "").await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let made = answer.json();
    assert_eq!((&made["origin"], &made["createdAt"]), (&"replay".into(), &"2026-11-23T09:21:17.124Z".into()));
    for same in ["eventId", "event", "generationId", "endpointId", "url"] {
        assert_eq!(made[same], old[same], "{same}");
    }
    assert_ne!(made["id"], old["id"]);
    let ended = app.until(|| async {
        let found = app.get(&format!("/postsync/v1/deliveries/{}", made["id"].as_str().unwrap())).await.json();
        (found["status"] == "delivered").then_some(found)
    });
    assert_eq!(ended.await["attempts"], 1);
    let first = app.get(&format!("/postsync/v1/deliveries/{old_id}")).await.json();
    assert_eq!((&first["origin"], &first["attempts"]), (&"event".into(), &1.into()), "what was stays as it was");
    assert_eq!(app.post(&path(old_id), ADMIN, "").await.status, 202, "as often as somebody asks");
}

#[tokio::test]
async fn one_that_is_still_tried_is_a_conflict() {
    let app = App::start().await;
    app.sender.answer_with(SendReport::bare(Outcome::Refused { status: 500, retry_after: None }, "500"));
    let generation = notified(&app).await;
    let due = delivery(&app, &generation, "due", 1).await;
    let answer = app.post(&path(due["id"].as_str().unwrap()), ADMIN, "").await;
    assert_eq!(answer.refusal(), "409 delivery_conflict -");
    assert!(answer.text().contains("has not ended"), "{}", answer.text());
}

#[tokio::test]
async fn what_was_for_a_registered_endpoint_goes_where_that_is_now() {
    const ENDPOINTS: &str = "/postsync/v1/endpoints";
    let app = App::start().await;
    let change = async |method: Method, path: &str, body: serde_json::Value| {
        let mut request = request(method, path, Some(ADMIN), Body::from(body.to_string()));
        request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        app.send(request).await
    };
    let url = "https://app.example.com/webhook?order=1";
    let made = change(Method::POST, ENDPOINTS, json!({ "url": url })).await.json();
    let endpoint = format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap());
    let generation = notified(&app).await;
    let old = delivery(&app, &generation, "delivered", 1).await;
    assert_eq!(old["endpointId"], made["id"]);
    let path = path(old["id"].as_str().unwrap());

    let moved = "https://moved.example.com/webhook";
    assert_eq!(change(Method::PATCH, &endpoint, json!({ "url": moved })).await.status, 200);
    let again = app.post(&path, CREATOR, "").await.json();
    assert_eq!((&again["endpointId"], again["url"].as_str()), (&made["id"], Some(moved)));

    assert_eq!(change(Method::PATCH, &endpoint, json!({ "state": "disabled" })).await.status, 200);
    let refused = app.post(&path, CREATOR, "").await;
    assert_eq!(refused.refusal(), "409 endpoint_conflict -");
    assert!(refused.text().contains("disabled"), "{}", refused.text());

    assert_eq!(change(Method::DELETE, &endpoint, json!({})).await.status, 204);
    let again = app.post(&path, CREATOR, "").await.json();
    assert_eq!(again["url"], url);
    assert!(again["endpointId"].as_str().unwrap().starts_with("imp_"), "{again}");
}

#[tokio::test]
async fn keys_and_ids_are_judged() {
    let app = App::start().await;
    let generation = notified(&app).await;
    let id = delivery(&app, &generation, "delivered", 1).await["id"].as_str().unwrap().to_owned();
    assert_eq!(app.post(&path(&id), READER, "").await.refusal(), "403 insufficient_scope -");
    assert_eq!(app.post(&path(&id), STRANGER, "").await.refusal(), "404 delivery_not_found -");
    assert_eq!(app.send(request(Method::POST, &path(&id), None, Body::empty())).await.status, 401);
    for id in ["nope", "dlv_0000000000000", "rpl_0000000000000"] {
        assert_eq!(app.post(&path(id), ADMIN, "").await.refusal(), "404 delivery_not_found -");
    }
    assert_eq!(app.get(&path(&id)).await.status, 405);
}
