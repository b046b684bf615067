//! `GET /v2/generations/count`
use axum::body::Body;
use http::Method;

use crate::harness::{App, CREATOR, STRANGER, request};

#[tokio::test]
async fn they_are_counted_by_their_status() {
    let app = App::start().await;
    for _ in 0..2 {
        let id = app.created("sync-3").await;
        app.ended(&id).await;
    }
    app.created("lipsync-2").await;
    app.made.started().await;
    for (query, count) in [
        ("", 3),
        ("?status=COMPLETED", 2),
        ("?status=COMPLETED,PROCESSING", 3),
        ("?status=%5B%22FAILED%22%5D", 0),
        ("?status=%5B%5D", 0),
        ("?type=api", 3),
        ("?type=playground", 0),
        ("?type=playground,api&source=web&generationSource=x&currentUserOnly=true", 3),
    ] {
        let answer = app.get(&format!("/v2/generations/count{query}")).await;
        assert_eq!(answer.text(), format!("{{\"count\":{count}}}"), "{query}");
    }
    let theirs = app.send(request(Method::GET, "/v2/generations/count", Some(STRANGER), Body::empty())).await;
    assert_eq!(theirs.text(), "{\"count\":0}");
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let app = App::start().await;
    for (query, field) in [("status=DONE", "status"), ("type=web", "type"), ("currentUserOnly=x", "currentUserOnly")] {
        let answer = app.get(&format!("/v2/generations/count?{query}")).await;
        assert_eq!(answer.refusal(), format!("400 invalid_request {field}"));
    }
    let path = "/v2/generations/count?status=DONE";
    let answer = app.send(request(Method::GET, path, Some(CREATOR), Body::empty())).await;
    assert_eq!(answer.refusal(), "403 insufficient_scope -");
}
