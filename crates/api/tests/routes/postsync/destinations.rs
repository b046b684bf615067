//! `/postsync/v1/destinations`.
use std::time::Duration;

use axum::body::Body;
use http::Method;
use postsync_core::outcome::{Outcome, SendError, SendReport};
use serde_json::{Value, json};

use crate::harness::{App, STRANGER, body, request};

/// A finished generation with a webhook.
async fn notify(app: &App, url: &str) {
    let mut create = body("sync-3");
    create["webhookUrl"] = json!(url);
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    app.ended(&id).await;
    app.clock.advance(Duration::from_millis(1));
}

async fn list(app: &App, query: &str) -> Value {
    app.get(&format!("/postsync/v1/destinations{query}")).await.json()
}

/// Once it is so.
async fn listed(app: &App, is_so: impl Fn(&Value) -> bool) -> Value {
    app.until(|| async {
        let page = list(app, "").await;
        is_so(&page).then_some(page)
    })
    .await
}

#[tokio::test]
async fn a_destination_that_is_up() {
    let app = App::start().await;
    assert_eq!(list(&app, "").await, json!({"items": [], "nextCursor": null}));
    notify(&app, "https://app.example.com/webhook?order=1").await;
    let page = listed(&app, |page| page["items"].get(0).is_some_and(|item| item["backlog"] == 0)).await;
    insta::assert_snapshot!(page, @r#"{"items":[{"scheme":"https","host":"app.example.com","port":443,"health":"up","circuit":"closed","backlog":0}],"nextCursor":null}"#);
}

#[tokio::test]
async fn one_that_is_down_and_what_waits_for_it() {
    let app = App::start().await;
    for n in 0..10 {
        let refused = Outcome::Failed(SendError::ConnectRefused);
        app.sender.answer_with(SendReport::bare(refused, "nothing listens"));
        notify(&app, &format!("https://app.example.com:8443/webhook?order={n}")).await;
    }
    let is_down =
        |page: &Value| page["items"].get(0).is_some_and(|item| item["circuit"] == "open" && item["backlog"] == 2);
    let page = listed(&app, is_down).await;
    insta::assert_snapshot!(page["items"][0], @r#"{"scheme":"https","host":"app.example.com","port":8443,"health":"down","circuit":"open","backlog":2}"#);
    // An organization that shares the host sees neither the host nor its rows before it has sent there itself.
    let others = app.send(request(Method::GET, "/postsync/v1/destinations", Some(STRANGER), Body::empty())).await;
    assert_eq!(others.json(), json!({"items": [], "nextCursor": null}));
}

#[tokio::test]
async fn pages_and_bad_parameters() {
    let app = App::start().await;
    for host in ["c", "a", "b"] {
        notify(&app, &format!("https://{host}.example.com/webhook")).await;
    }
    listed(&app, |page| page["items"].as_array().is_some_and(|items| items.len() == 3)).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(&app, &format!("?limit=1{cursor}")).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["host"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["a.example.com", "b.example.com", "c.example.com"]);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("cursor=https://a.example", "cursor"),
        ("cursor=nope", "cursor"),
    ] {
        let refusal = app.get(&format!("/postsync/v1/destinations?{query}")).await.refusal();
        assert_eq!(refusal, format!("400 invalid_request {field}"));
    }
}
