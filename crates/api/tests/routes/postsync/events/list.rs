//! `GET /postsync/v1/events`.
use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use super::{happened, ids, no_cursors};
use crate::harness::{App, CREATOR, READER, STRANGER, request};

#[tokio::test]
async fn an_event_has_the_bytes_of_the_webhook() {
    let app = App::start().await;
    let id = happened(&app, 1).await.remove(0);
    let generation = app.get(&format!("/v2/generate/{id}")).await.text();
    let page = app.get("/postsync/v1/events").await.json();
    assert_eq!(page["items"][0]["body"], generation);
    assert!(page["items"][0]["id"].as_str().unwrap().starts_with("evt_"));
    let mut item = page["items"][0].clone();
    (item["id"], item["body"]) = (json!("evt_..."), json!("..."));
    insta::assert_snapshot!(item, @r#"{"id":"evt_...","seq":1,"type":"generation.completed","createdAt":"2026-11-23T08:21:17.123Z","body":"..."}"#);
}

#[tokio::test]
async fn pages_run_from_the_newest_to_the_oldest() {
    let app = App::start().await;
    let mut made = happened(&app, 5).await;
    made.reverse();
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = app.get(&format!("/postsync/v1/events?limit=2{cursor}")).await.json();
        (pages, seen) = (pages + 1, [seen, ids(&page)].concat());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((seen, pages), (made, 3));
    let whole = app.get("/postsync/v1/events?limit=5").await.json();
    assert_eq!((whole["items"].as_array().unwrap().len(), &whole["nextCursor"]), (5, &Value::Null));
}

#[tokio::test]
async fn parameters_and_keys_are_judged() {
    let app = App::start().await;
    happened(&app, 1).await;
    for (query, field) in [("limit=0", "limit"), ("limit=1001", "limit"), ("cursor=a&cursor=b", "cursor")] {
        let refusal = app.get(&format!("/postsync/v1/events?{query}")).await.refusal();
        assert_eq!(refusal, format!("400 invalid_request {field}"), "{query}");
    }
    for (cursor, why) in no_cursors() {
        let answer = app.get(&format!("/postsync/v1/events?cursor={cursor}")).await;
        assert_eq!(answer.refusal(), "400 invalid_request cursor", "{cursor}");
        assert!(answer.json()["message"].as_str().unwrap().contains(why), "{}", answer.text());
    }
    let of = async |key| app.send(request(Method::GET, "/postsync/v1/events", Some(key), Body::empty())).await;
    assert_eq!(of(READER).await.status, 200);
    assert_eq!(of(CREATOR).await.refusal(), "403 insufficient_scope -");
    assert_eq!(of(STRANGER).await.text(), r#"{"items":[],"nextCursor":null}"#);
}
