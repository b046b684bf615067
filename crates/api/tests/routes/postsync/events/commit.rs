//! `POST /postsync/v1/events/commit`.
use axum::body::Body;
use http::Method;
use postsync_core::limits::CONSUMERS_MAX;
use serde_json::json;

use super::{commit, commit_text, happened, next, no_cursors, poll};
use crate::harness::{ADMIN, App, CREATOR, READER, STRANGER, request};

#[tokio::test]
async fn a_commit_never_moves_back() {
    let app = App::start().await;
    happened(&app, 3).await;
    let first = next(&poll(&app, "consumer=a&limit=1").await);
    let last = next(&poll(&app, "consumer=a").await);
    for (sent, then) in [(&first, &first), (&last, &last), (&first, &last), (&last, &last)] {
        let answer = commit(&app, "a", sent).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"consumer": "a", "cursor": then})));
    }
    assert_eq!(poll(&app, "consumer=a").await, json!({"items": [], "nextCursor": last}));
}

#[tokio::test]
async fn a_body_is_judged() {
    let app = App::start().await;
    happened(&app, 1).await;
    let good = next(&poll(&app, "consumer=a").await);
    for (body, refusal) in [
        ("{".to_owned(), "400 invalid_request -"),
        ("[]".to_owned(), "400 invalid_request -"),
        (String::new(), "400 invalid_request -"),
        ("{}".to_owned(), "400 invalid_request consumer"),
        (json!({"consumer": 7, "cursor": good}).to_string(), "400 invalid_request consumer"),
        (json!({"consumer": "a b", "cursor": good}).to_string(), "400 invalid_request consumer"),
        (json!({"consumer": "n".repeat(65), "cursor": good}).to_string(), "400 invalid_request consumer"),
        (json!({"consumer": "a"}).to_string(), "400 invalid_request cursor"),
        (json!({"consumer": "a", "cursor": null}).to_string(), "400 invalid_request cursor"),
        (json!({"consumer": "a", "cursor": "x".repeat(11 * 1024 * 1024)}).to_string(), "413 payload_too_large -"),
    ] {
        assert_eq!(commit_text(&app, ADMIN, body.clone()).await.refusal(), refusal, "{}", &body[..body.len().min(99)]);
    }
    for (cursor, why) in no_cursors() {
        let answer = commit(&app, "a", &cursor).await;
        assert_eq!(answer.refusal(), "400 invalid_request cursor", "{cursor}");
        assert!(answer.json()["message"].as_str().unwrap().contains(why), "{}", answer.text());
    }
    let mut form = request(Method::POST, "/postsync/v1/events/commit", Some(ADMIN), Body::from("consumer=a"));
    form.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    assert_eq!(app.send(form).await.refusal(), "415 unsupported_media_type -");
}

#[tokio::test]
async fn a_read_key_may_commit_and_each_organization_has_its_own_consumers() {
    let app = App::start().await;
    happened(&app, 1).await;
    let cursor = next(&poll(&app, "consumer=a").await);
    let body = json!({"consumer": "a", "cursor": cursor}).to_string();
    assert_eq!(commit_text(&app, READER, body.clone()).await.status, 200);
    assert_eq!(commit_text(&app, CREATOR, body.clone()).await.refusal(), "403 insufficient_scope -");
    assert_eq!(commit_text(&app, STRANGER, body).await.refusal(), "400 invalid_request cursor");
    let theirs = request(Method::GET, "/postsync/v1/events/poll?consumer=a", Some(STRANGER), Body::empty());
    assert_eq!(app.send(theirs).await.json()["items"], json!([]));
}

#[tokio::test]
async fn consumers_are_bounded() {
    let app = App::start().await;
    let cursor = next(&poll(&app, "consumer=c0").await);
    for number in 0..CONSUMERS_MAX {
        assert_eq!(commit(&app, &format!("c{number}"), &cursor).await.status, 200);
    }
    let answer = commit(&app, "one-more", &cursor).await;
    assert_eq!(answer.refusal(), "409 consumer_limit_reached consumer");
    assert_eq!(commit(&app, "c0", &cursor).await.status, 200);
}
