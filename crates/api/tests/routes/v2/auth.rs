//! Who may do what. The two 401 bodies are Sync's, byte for byte.
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};
use postsync_core::change::Change;
use postsync_core::ids::KeyId;
use postsync_engine::ports::{Applied, Store as _};

use crate::harness::{ADMIN, App, CREATOR, READER, START, STRANGER, body, request};

#[tokio::test]
async fn without_a_key() {
    let app = App::start().await;
    for (method, path) in [
        (Method::GET, "/v2/models"),
        (Method::POST, "/v2/generate"),
        (Method::GET, "/metrics"),
        (Method::GET, "/v2/generate/x"),
    ] {
        let answer = app.send(request(method, path, None, Body::empty())).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer.text(), @r#"{"message":"Either Cookie or x-api-key header must be provided","error":"Unauthorized","statusCode":401}"#);
        }
    }
}

#[tokio::test]
async fn with_a_key_that_does_not_work() {
    let app = App::start().await;
    for value in ["nope", "admin-key2", "ADMIN-KEY", "\u{e9}"] {
        let mut request = request(Method::GET, "/v2/models", None, Body::empty());
        request.headers_mut().insert("x-api-key", http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        let answer = app.send(request).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer.text(), @r#"{"message":"Unauthorized","statusCode":401}"#);
        }
    }
    let basic = Request::get("/v2/models").header("authorization", "Basic YTpi").body(Body::empty()).unwrap();
    assert_eq!(app.send(basic).await.text(), r#"{"message":"Unauthorized","statusCode":401}"#);
}

#[tokio::test]
async fn a_bearer_token_will_do() {
    let app = App::start().await;
    for value in [format!("Bearer {ADMIN}"), format!("bearer  {ADMIN} ")] {
        let request = Request::get("/v2/models").header("authorization", value).body(Body::empty()).unwrap();
        assert_eq!(app.send(request).await.status, 200);
    }
}

#[tokio::test]
async fn a_missing_scope_comes_before_anything_else() {
    let app = App::start().await;
    let post = request(Method::POST, "/v2/generate", Some(READER), Body::from("{not json"));
    assert_eq!(app.send(post).await.refusal(), "403 insufficient_scope -");
    for path in ["/v2/models", "/v2/generate/nope", "/v2/generations?limit=0", "/postsync/v1/deliveries", "/metrics"] {
        let answer = app.send(request(Method::GET, path, Some(CREATOR), Body::empty())).await;
        assert_eq!(answer.refusal(), "403 insufficient_scope -", "{path}");
    }
    assert_eq!(app.send(request(Method::GET, "/v2/models", Some(READER), Body::empty())).await.status, 200);
}

#[tokio::test]
async fn what_belongs_to_others_is_unknown() {
    let app = App::start().await;
    let id = app.created("sync-3").await;
    let get = |path: String| app.send(request(Method::GET, &path, Some(STRANGER), Body::empty()));
    assert_eq!(get(format!("/v2/generate/{id}")).await.refusal(), "404 generation_not_found -");
    assert_eq!(get(format!("/v2/generate/{id}?wait=true")).await.refusal(), "404 generation_not_found -");
    assert_eq!(get(format!("/v2/generations?ids={id}")).await.text(), "[]");
}

#[tokio::test]
async fn a_revoked_key_stops_within_a_second() {
    let app = App::start().await;
    assert_eq!(app.create(&body("sync-3")).await.status, 201);
    let revoke = Change::RevokeKey { id: KeyId(1), at: START };
    assert_eq!(app.store.apply(vec![revoke]).await, Ok(Applied::Done));
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(app.create(&body("sync-3")).await.status, 401);
}
