//! `GET /v2/generations/{id}/download`, `DELETE /v2/generations/{id}`.
use axum::body::Body;
use http::Method;

use crate::harness::{ADMIN, Answer, App, CREATOR, READER, STRANGER, request};

async fn ask(app: &App, method: Method, path: &str, key: &str) -> Answer {
    app.send(request(method, path, Some(key), Body::empty())).await
}

#[tokio::test]
async fn a_download_is_the_output_url() {
    let app = App::start().await;
    let id = app.created("sync-3").await;
    let url = app.ended(&id).await["outputUrl"].as_str().unwrap().to_owned();
    let path = format!("/v2/generations/{id}/download");
    let answer = app.get(&path).await;
    assert_eq!((answer.text(), answer.header("content-type")), (url, Some("text/plain; charset=utf-8")));
    assert_eq!(ask(&app, Method::GET, &path, STRANGER).await.refusal(), "404 generation_not_found -");
    assert_eq!(ask(&app, Method::GET, &path, CREATOR).await.refusal(), "403 insufficient_scope -");
    let working = app.created("lipsync-2").await;
    let early = app.get(&format!("/v2/generations/{working}/download")).await;
    assert_eq!(early.refusal(), "409 generation_conflict -");
    assert_eq!(app.get("/v2/generations/nonsense/download").await.refusal(), "404 generation_not_found -");
}

#[tokio::test]
async fn one_that_has_ended_goes_with_its_video() {
    let app = App::start().await;
    for path in ["/v2/generations", "/v2/generate"] {
        let id = app.created("lipsync-2").await;
        app.made.started().await;
        let path = format!("{path}/{id}");
        assert_eq!(ask(&app, Method::DELETE, &path, STRANGER).await.refusal(), "404 generation_not_found -");
        assert_eq!(ask(&app, Method::DELETE, &path, READER).await.refusal(), "403 insufficient_scope -");
        let early = ask(&app, Method::DELETE, &path, ADMIN).await;
        assert_eq!(early.refusal(), "409 generation_not_deletable_while_processing -");
        app.made.finish_one();
        let url = app.ended(&id).await["outputUrl"].as_str().unwrap().to_owned();
        let video = url.strip_prefix("https://lips.example.com").unwrap();
        assert_eq!(app.send(request(Method::GET, video, None, Body::empty())).await.status, 200);
        assert_eq!(app.media.files().len(), 1);
        assert_eq!(ask(&app, Method::DELETE, &path, CREATOR).await.status, 204);
        assert!(app.media.files().is_empty());
        assert_eq!(
            app.send(request(Method::GET, video, None, Body::empty())).await.refusal(),
            "404 generation_not_found -"
        );
        assert_eq!(app.get(&format!("/v2/generate/{id}")).await.refusal(), "404 generation_not_found -");
        assert_eq!(ask(&app, Method::DELETE, &path, ADMIN).await.refusal(), "404 generation_not_found -");
    }
    assert_eq!(app.get("/v2/generations").await.text(), "[]");
}
