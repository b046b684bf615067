//! The server about itself, and what the router refuses.
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Method;
use postsync_api::{ApiSettings, ApiState};
use postsync_core::space::Space;
use tower::ServiceExt as _;

use crate::harness::{ADMIN, Answer, App, READER, TestMedia, body, request};

#[tokio::test]
async fn health_is_open() {
    let app = App::start().await;
    for path in ["/healthz", "/readyz"] {
        let answer = app.send(request(Method::GET, path, None, Body::empty())).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"status":"ok"}"#), "{path}");
    }
    app.engine.stop().await;
    let ready = app.send(request(Method::GET, "/readyz", None, Body::empty())).await;
    assert_eq!(ready.refusal(), "503 generation_infra_service_unavailable -");
    assert_eq!(app.send(request(Method::GET, "/healthz", None, Body::empty())).await.status, 200);
}

#[tokio::test]
async fn too_little_room_is_told_before_anything_is_read() {
    let space = |free_bytes| Some(Space { free_bytes, disk_bytes: 1 << 40, media_bytes: None });
    let media = TestMedia::new();
    *media.space.lock().unwrap() = space(1 << 20);
    let app = App::with_media(ApiSettings::default(), media).await;
    for answer in [
        app.create(&body("sync-3")).await,
        app.create_text("not even JSON").await,
        app.send(request(Method::GET, "/readyz", None, Body::empty())).await,
    ] {
        assert_eq!(answer.refusal(), "503 generation_infra_storage_error -");
        assert_eq!(answer.header("retry-after"), Some("60"));
        assert!(!answer.text().contains("MB"), "how large the disk is, is nobody's business: {}", answer.text());
    }
    assert_eq!(app.get("/v2/generations").await.status, 200, "what is there can be read");
    *app.media.space.lock().unwrap() = space(1 << 30);
    app.until(|| async {
        app.clock.advance(Duration::from_secs(5));
        (app.create(&body("sync-3")).await.status == 201).then_some(())
    })
    .await;
    assert_eq!(app.send(request(Method::GET, "/readyz", None, Body::empty())).await.status, 200);
}

/// What begins something; the bodies are never looked at.
const BEGINNINGS: [&str; 6] =
    ["/v2/generate", "/v2/batch", "/v2/tts", "/v2/tts/jobs", "/v2/voices", "/v2/assets/upload"];

#[tokio::test]
async fn nothing_is_begun_without_room_or_at_a_stop() {
    let media = TestMedia::new();
    *media.space.lock().unwrap() = Some(Space { free_bytes: 1 << 20, disk_bytes: 1 << 40, media_bytes: None });
    let app = App::with_media(ApiSettings::default(), media).await;
    for path in BEGINNINGS {
        let refused = app.post(path, ADMIN, "{}").await;
        assert_eq!(refused.refusal(), "503 generation_infra_storage_error -", "{path}");
    }
    let app = App::start().await;
    app.engine.stop().await;
    for path in BEGINNINGS {
        let refused = app.post(path, ADMIN, "{}").await;
        assert_eq!(refused.refusal(), "503 generation_infra_service_unavailable -", "{path}");
    }
}

#[tokio::test]
async fn metrics_need_a_reader_unless_they_are_open() {
    let app = App::start().await;
    let answer = app.send(request(Method::GET, "/metrics", Some(READER), Body::empty())).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "postsync_http_requests_total 0\n"));
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
    assert_eq!(app.send(request(Method::GET, "/metrics", None, Body::empty())).await.status, 401);
    let open = App::with(ApiSettings { metrics_open: true, ..ApiSettings::default() }).await;
    assert_eq!(open.send(request(Method::GET, "/metrics", None, Body::empty())).await.status, 200);
}

#[tokio::test]
async fn the_routers_own_refusals_are_json() {
    let app = App::start().await;
    insta::assert_snapshot!(app.get("/v3/generate").await.refusal(), @"404 not_found -");
    insta::assert_snapshot!(app.get("/").await.refusal(), @"404 not_found -");
    let answer = app.send(request(Method::DELETE, "/v2/models", None, Body::empty())).await;
    insta::assert_snapshot!(answer.refusal(), @"405 method_not_allowed -");
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    let odd = Method::from_bytes(b"BREW").unwrap();
    assert_eq!(app.send(request(odd, "/v2/models", None, Body::empty())).await.status, 405);
    assert_eq!(app.send(request(Method::GET, "/v2/generate", None, Body::empty())).await.status, 405);
    assert_eq!(app.send(request(Method::GET, "/v2/models/", None, Body::empty())).await.status, 404);
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let app = App::start().await;
    let mut mine = request(Method::GET, "/healthz", None, Body::empty());
    mine.headers_mut().insert("x-request-id", "abc-1".parse().unwrap());
    assert_eq!(app.send(mine).await.header("x-request-id"), Some("abc-1"));
    for rubbish in ["a b", "", &"x".repeat(129), "\u{e9}"] {
        let mut theirs = request(Method::GET, "/healthz", None, Body::empty());
        theirs.headers_mut().insert("x-request-id", http::HeaderValue::from_bytes(rubbish.as_bytes()).unwrap());
        let answer = app.send(theirs).await;
        assert_eq!(answer.header("x-request-id").unwrap().len(), 32, "{rubbish}");
    }
}

#[tokio::test]
async fn a_panic_is_a_500_that_shows_nothing_of_itself() {
    let app = App::start().await;
    let open = ApiSettings { metrics_open: true, ..ApiSettings::default() };
    let router = postsync_api::router(ApiState::new(app.engine.clone(), open, Arc::new(|| panic!("on purpose"))));
    let response = router.oneshot(request(Method::GET, "/metrics", None, Body::empty())).await.unwrap();
    let answer = Answer::read(response, false).await;
    assert_eq!(answer.refusal(), "500 internal_error -");
    assert!(!answer.text().contains("purpose"));
}
