//! `/postsync/v1/deliveries`.
mod replay;

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Method;
use postsync_core::attempt::Answer;
use postsync_core::outcome::{Outcome, Phases, SendReport};
use postsync_core::retention::first_delivery_at;
use postsync_core::sent::Sent;
use postsync_core::time::Timestamp;
use serde_json::{Value, json};

use crate::harness::{App, START, STRANGER, body, request};

/// A finished generation with a webhook; gives its id.
pub(super) async fn notified(app: &App) -> String {
    let mut create = body("sync-3");
    create["webhookUrl"] = json!("https://app.example.com/webhook?order=1");
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    app.ended(&id).await;
    app.clock.advance(Duration::from_millis(1));
    id
}

/// The generation's delivery once it has that status and so many attempts.
pub(super) async fn delivery(app: &App, generation: &str, status: &str, attempts: u32) -> Value {
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
    refused.tls = Some("TLSv1.3".to_owned());
    refused.sent = signed();
    refused.answer = Some(Answer {
        headers: Bytes::from_static(b"content-type: text/plain\nvary: a\nvary: b\n"),
        body: Bytes::from_static(b"it's \xff"),
        truncated: true,
    });
    app.sender.answer_with(refused);
    let id = notified(&app).await;
    let due = delivery(&app, &id, "due", 1).await;
    let detail = app.until(|| async {
        let detail = app.get(&format!("/postsync/v1/deliveries/{}", due["id"].as_str().unwrap())).await.json();
        (detail["step"] == 1).then_some(detail)
    });
    insta::assert_snapshot!(stable(&detail.await, &id), @r#"{"id":"dlv_...","eventId":"evt_...","event":"generation.completed","generationId":"...","endpointId":"imp_...","url":"https://app.example.com/webhook?order=1","origin":"event","status":"due","attempts":1,"step":1,"nextAttemptAt":"...","createdAt":"2026-11-23T08:21:17.123Z","reason":null,"attemptLog":[{"attempt":1,"step":0,"startedAt":"2026-11-23T08:21:17.123Z","endedAt":"2026-11-23T08:21:17.123Z","outcome":"failed","httpStatus":500,"error":"http_status","message":"The receiver answered 500.","address":"203.0.113.7:443","phases":{"dnsUs":null,"connectUs":null,"tlsUs":null,"firstByteUs":null,"totalUs":1500},"tls":"TLSv1.3","nextReason":"schedule","request":{"method":"POST","url":"https://app.example.com/webhook?order=1","headers":{"Host":"app.example.com","Content-Type":"application/json","User-Agent":"postsync/0.0.9","Sync-Signature":"t=1795422077,v1=0707070707070707070707070707070707070707070707070707070707070707","Webhook-Id":"evt_...","Webhook-Timestamp":"1795422077","Webhook-Signature":"v1,BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=","Postsync-Event":"generation.completed","Postsync-Delivery":"dlv_...","Postsync-Attempt":"1","Content-Length":"..."},"body":"{...}"},"response":{"status":500,"headers":{"content-type":"text/plain","vary":"a, b"},"body":"aXQncyD/","bodyEncoding":"base64","truncated":true},"curl":"curl ..."}]}"#);
    app.clock.advance(Duration::from_secs(10));
    let done = delivery(&app, &id, "delivered", 2).await;
    assert!(done["nextAttemptAt"].is_null() && done["reason"].is_null());
}

/// Of a signature whose bytes are all the same.
fn signed() -> Sent {
    let mut sent = Sent::by("0.0.9", 1_795_422_077);
    sent.take("Sync-Signature", &format!("t=1795422077,v1={}", "07".repeat(32)));
    sent.take("Webhook-Signature", "v1,BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
    sent
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
    let attempt = &mut detail["attemptLog"][0];
    let sent = attempt["request"]["body"].as_str().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&sent).unwrap()["id"], generation);
    // Its own test says what is in it, beside its body.
    let curl = attempt["curl"].as_str().unwrap().to_owned();
    assert!(curl.starts_with("curl --globoff --request POST 'https://app.example.com/webhook?order=1' --header "));
    assert!(curl.ends_with(&format!(" --data-raw '{sent}'")), "{curl}");
    (attempt["request"]["body"], attempt["curl"]) = (json!("{...}"), json!("curl ..."));
    for (name, prefix) in [("Webhook-Id", "evt_"), ("Postsync-Delivery", "dlv_")] {
        let header = &mut attempt["request"]["headers"][name];
        assert!(header.as_str().unwrap().starts_with(prefix));
        *header = json!(format!("{prefix}..."));
    }
    assert_eq!(attempt["request"]["headers"]["Content-Length"], sent.len().to_string());
    attempt["request"]["headers"]["Content-Length"] = json!("...");
    detail.to_string()
}

/// The start is on record, and nobody has seen its end yet.
#[tokio::test]
async fn an_open_attempt_says_what_is_being_sent() {
    let app = App::start().await;
    let (_hold, held) = app.sender.hold();
    let id = notified(&app).await;
    held.await.unwrap();
    let open = delivery(&app, &id, "due", 1).await;
    let detail = app.get(&format!("/postsync/v1/deliveries/{}", open["id"].as_str().unwrap())).await.json();
    let attempt = &detail["attemptLog"][0];
    assert_eq!((&attempt["outcome"], &attempt["request"]["method"]), (&json!("open"), &json!("POST")));
    assert_eq!(attempt["request"]["headers"]["Postsync-Attempt"], "1");
    for name in ["endedAt", "response", "nextReason", "tls", "phases"] {
        assert!(attempt[name].is_null(), "{name}");
    }
    assert!(attempt["request"]["headers"]["Sync-Signature"].is_null(), "it is kept with the end");
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
        ("endpointId=imp_000000000000000000000000".to_owned(), 0),
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
        ("endpointId=nonsense", "endpointId"),
        ("endpointId=imp_other", "endpointId"),
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

#[tokio::test]
async fn what_is_older_than_deliveries_are_kept_is_gone_and_not_unknown() {
    let app = App::start().await;
    let of = |at: Timestamp| format!("/postsync/v1/deliveries/{}", first_delivery_at(at));
    let days = |days: i64| START.plus_ms(-days * 24 * 3_600_000);
    assert_eq!(app.get(&of(days(29))).await.refusal(), "404 delivery_not_found -");
    let gone = app.get(&of(days(31))).await;
    assert_eq!(gone.refusal(), "410 delivery_expired -");
    assert!(gone.text().contains("not kept any more"), "{}", gone.text());
}
