//! `/postsync/v1/events`: what its tests share.
mod commit;
mod list;
pub(super) mod poll;
mod stream;

use axum::body::Body;
use http::Method;
use postsync_core::feed::{Seq, cursor};
use postsync_core::ids::OrgId;
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, App, request};

/// So many generations, ended one after the other; gives their ids.
async fn happened(app: &App, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let id = app.created("sync-3").await;
        app.ended(&id).await;
        ids.push(id);
    }
    ids
}

async fn poll(app: &App, query: &str) -> Value {
    let answer = app.get(&format!("/postsync/v1/events/poll?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    answer.json()
}

async fn commit_text(app: &App, key: &str, body: impl Into<Body>) -> Answer {
    let mut request = request(Method::POST, "/postsync/v1/events/commit", Some(key), body.into());
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    app.send(request).await
}

async fn commit(app: &App, consumer: &str, cursor: &str) -> Answer {
    commit_text(app, ADMIN, json!({"consumer": consumer, "cursor": cursor}).to_string()).await
}

/// The generations that items are about.
fn ids(page: &Value) -> Vec<String> {
    let id = |item: &Value| serde_json::from_str::<Value>(item["body"].as_str().unwrap()).unwrap()["id"].clone();
    page["items"].as_array().unwrap().iter().map(|item| id(item).as_str().unwrap().to_owned()).collect()
}

fn next(page: &Value) -> String {
    page["nextCursor"].as_str().unwrap_or_else(|| panic!("{page}")).to_owned()
}

/// What no reader of `default` may send, each with the reason.
fn no_cursors() -> [(String, &'static str); 5] {
    [
        ("nope".to_owned(), "is not a cursor"),
        ("cur_".to_owned(), "is not a cursor"),
        ("evt_0000000000001".to_owned(), "is not a cursor"),
        (cursor(&OrgId::new("other"), Seq(0)), "is not a cursor of this organization"),
        (cursor(&OrgId::new("default"), Seq(99)), "lies behind the newest event"),
    ]
}
