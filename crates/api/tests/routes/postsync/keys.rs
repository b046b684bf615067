//! `/postsync/v1/keys`.
use std::time::Duration;

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN, App, STRANGER, request};

const KEYS: &str = "/postsync/v1/keys";

async fn made(app: &App, body: &Value) -> Value {
    let answer = app.post(KEYS, ADMIN, body.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

async fn status(app: &App, key: &str, path: &str) -> u16 {
    app.send(request(Method::GET, path, Some(key), Body::empty())).await.status
}

async fn names(app: &App, query: &str) -> (Vec<String>, Value) {
    let page = app.get(&format!("{KEYS}{query}")).await.json();
    let names = page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned());
    (names.collect(), page["nextCursor"].clone())
}

#[tokio::test]
async fn a_key_is_made_used_and_revoked() {
    let app = App::start().await;
    let made = made(&app, &json!({"name": " ci ", "scope": "read"})).await;
    let (id, text) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!((&made["name"], &made["scope"], &made["lastUsedAt"]), (&json!("ci"), &json!("read"), &Value::Null));
    assert!(text.starts_with("psk_") && id.starts_with("key_"));
    assert_eq!((status(&app, text, "/v2/models").await, status(&app, text, KEYS).await), (200, 403));

    let list = app.get(KEYS).await;
    assert!(!list.text().contains(text), "its text is shown once");
    assert_eq!(list.json()["items"][0]["id"], id, "newest first");
    let gone = app.send(request(Method::DELETE, &format!("{KEYS}/{id}"), Some(ADMIN), Body::empty())).await;
    assert_eq!((gone.status, gone.text().as_str()), (204, ""));
    assert_eq!(status(&app, text, "/v2/models").await, 401, "at once");
    assert!(app.get(KEYS).await.json()["items"][0]["revokedAt"].is_string());
    let again = app.send(request(Method::DELETE, &format!("{KEYS}/{id}"), Some(ADMIN), Body::empty())).await;
    assert_eq!(again.status, 204);
}

#[tokio::test]
async fn the_default_is_what_an_application_needs_and_mistakes_are_named() {
    let app = App::start().await;
    assert_eq!(made(&app, &json!({"name": "app"})).await["scope"], "generate,read");
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "a\nb"}), "name"),
        (json!({"name": 7}), "name"),
        (json!({"name": "x".repeat(101)}), "name"),
        (json!({"name": "x", "scope": "root"}), "scope"),
        (json!({"name": "x", "scope": ["read"]}), "scope"),
        (json!({"name": "x", "scope": ""}), "scope"),
    ] {
        let answer = app.post(KEYS, ADMIN, body.to_string()).await;
        assert_eq!(answer.refusal(), format!("400 invalid_request {field}"), "{body}");
    }
}

#[tokio::test]
async fn the_list_has_pages_and_only_ones_own() {
    let app = App::start().await;
    for name in ["a", "b", "c"] {
        made(&app, &json!({"name": name})).await;
    }
    let (all, next) = names(&app, "").await;
    assert_eq!((all[..3].to_vec(), next), (vec!["c".to_owned(), "b".into(), "a".into()], Value::Null));
    assert!(!all.contains(&STRANGER.to_owned()));
    let (first, next) = names(&app, "?limit=2").await;
    assert_eq!(first, ["c", "b"]);
    let (second, _) = names(&app, &format!("?limit=2&cursor={}", next.as_str().unwrap())).await;
    assert_eq!(second[0], "a");
    for query in ["?limit=0", "?limit=1001", "?cursor=x"] {
        assert_eq!(app.get(&format!("{KEYS}{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn its_last_use_is_noted_once_a_minute() {
    let app = App::start().await;
    let text = made(&app, &json!({"name": "ci"})).await["key"].as_str().unwrap().to_owned();
    let last_used = || async { app.get(KEYS).await.json()["items"][0]["lastUsedAt"].as_str().map(str::to_owned) };
    assert_eq!(last_used().await, None);
    assert_eq!(status(&app, &text, "/v2/models").await, 200);
    let first = app.until(&last_used).await;
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(status(&app, &text, "/v2/models").await, 200);
    tokio::task::yield_now().await;
    assert_eq!(last_used().await.as_ref(), Some(&first));
    app.clock.advance(Duration::from_secs(31));
    assert_eq!(status(&app, &text, "/v2/models").await, 200);
    app.until(|| async { last_used().await.filter(|last| *last != first) }).await;
}
