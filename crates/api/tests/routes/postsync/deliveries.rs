//! `/postsync/v1/deliveries`.
use std::time::Duration;

use axum::body::Body;
use http::Method;
use postsync_core::outcome::{Outcome, Phases, SendReport};
use serde_json::{Value, json};

use crate::harness::{App, STRANGER, body, request};

/// A finished generation with a webhook; gives its id.
async fn notified(app: &App) -> String {
    let mut create = body("sync-3");
    create["webhookUrl"] = json!("https://app.example.com/webhook?order=1");
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    app.ended(&id).await;
    app.clock.advance(Duration::from_millis(1));
    id
}

/// The generation's delivery once it has that status and so many attempts.
async fn delivery(app: &App, generation: &str, status: &str, attempts: u32) -> Value {
    app.until(|| async {
        let page = app.get(&format!("/postsync/v1/deliveries?generationId={generation}&status={status}")).await.json();
        page["items"].get(0).filter(|item| item["attempts"] == attempts).cloned()
    })
    .await
}

#[tokio::test]
async fn a_delivery_with_its_attempts() {
    let app = App::start().await;
    let mut refused =
        SendReport::bare(Outcome::Refused { status: 500, retry_after: None }, "The receiver answered 500.");
    refused.address = Some("203.0.113.7:443".parse().unwrap());
    refused.phases = Phases { total_us: Some(1_500), ..Phases::default() };
    app.sender.answer_with(refused);
    let id = notified(&app).await;
    let due = delivery(&app, &id, "due", 1).await;
    let detail = app.until(|| async {
        let detail = app.get(&format!("/postsync/v1/deliveries/{}", due["id"].as_str().unwrap())).await.json();
        (detail["step"] == 1).then_some(detail)
    });
    insta::assert_snapshot!(stable(&detail.await, &id), @r#"{"id":"dlv_...","eventId":"evt_...","event":"generation.completed","generationId":"...","endpointId":"imp_...","url":"https://app.example.com/webhook?order=1","origin":"event","status":"due","attempts":1,"step":1,"nextAttemptAt":"...","createdAt":"2026-11-23T08:21:17.123Z","reason":null,"attemptLog":[{"attempt":1,"step":0,"startedAt":"2026-11-23T08:21:17.123Z","endedAt":"2026-11-23T08:21:17.123Z","outcome":"failed","httpStatus":500,"error":"http_status","message":"The receiver answered 500.","address":"203.0.113.7:443","phases":{"dnsUs":null,"connectUs":null,"tlsUs":null,"firstByteUs":null,"totalUs":1500}}]}"#);
    app.clock.advance(Duration::from_secs(10));
    let done = delivery(&app, &id, "delivered", 2).await;
    assert!(done["nextAttemptAt"].is_null() && done["reason"].is_null());
}

/// With its ids named instead of shown.
fn stable(detail: &Value, generation: &str) -> String {
    let mut detail = detail.clone();
    for key in ["id", "eventId", "endpointId"] {
        let text = detail[key].as_str().unwrap();
        let prefix = text.split('_').next().unwrap().to_owned();
        detail[key] = json!(format!("{prefix}_..."));
    }
    assert_eq!(detail["generationId"], generation);
    detail["generationId"] = json!("...");
    // The next attempt's time has jitter in it.
    assert!(detail["nextAttemptAt"].is_string());
    detail["nextAttemptAt"] = json!("...");
    detail.to_string()
}

#[tokio::test]
async fn pages_and_filters() {
    let app = App::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        let id = notified(&app).await;
        delivery(&app, &id, "delivered", 1).await;
        made.insert(0, id);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/postsync/v1/deliveries?limit=2{cursor}")).await.json();
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["generationId"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, made);
    let all = app.get("/postsync/v1/deliveries").await.json();
    let endpoint = all["items"][0]["endpointId"].as_str().unwrap();
    for (query, want) in [
        (format!("endpointId={endpoint}"), 5),
        ("endpointId=imp_other".to_owned(), 0),
        ("status=parked".to_owned(), 0),
        ("status=exhausted".to_owned(), 0),
        ("status=delivered&limit=1000".to_owned(), 5),
        ("generationId=018f2f6e-6d3a-7b6a-8c6e-0123456789ab".to_owned(), 0),
    ] {
        let page = app.get(&format!("/postsync/v1/deliveries?{query}")).await.json();
        assert_eq!((page["items"].as_array().unwrap().len(), &page["nextCursor"]), (want, &Value::Null), "{query}");
    }
}

#[tokio::test]
async fn parameters_are_judged() {
    let app = App::start().await;
    for (query, field) in [
        ("status=done", "status"),
        ("generationId=nope", "generationId"),
        ("cursor=nope", "cursor"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
    ] {
        let refusal = app.get(&format!("/postsync/v1/deliveries?{query}")).await.refusal();
        assert_eq!(refusal, format!("400 invalid_request {field}"));
    }
}

#[tokio::test]
async fn unknown_malformed_and_foreign_ids_are_404() {
    let app = App::start().await;
    let id = notified(&app).await;
    let delivery = delivery(&app, &id, "delivered", 1).await;
    let path = format!("/postsync/v1/deliveries/{}", delivery["id"].as_str().unwrap());
    assert_eq!(app.get(&path).await.status, 200);
    let foreign = app.send(request(Method::GET, &path, Some(STRANGER), Body::empty())).await;
    assert_eq!(foreign.refusal(), "404 delivery_not_found -");
    let foreign = app.send(request(Method::GET, "/postsync/v1/deliveries", Some(STRANGER), Body::empty())).await;
    assert_eq!(foreign.text(), r#"{"items":[],"nextCursor":null}"#);
    for id in ["nope", "dlv_0000000000000", "evt_0000000000000", "1"] {
        assert_eq!(app.get(&format!("/postsync/v1/deliveries/{id}")).await.refusal(), "404 delivery_not_found -");
    }
}
