//! `/v2/assets`
mod list;
mod one;
mod upload;

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, App, CREATOR, READER, STRANGER, request};

const UNKNOWN: &str = "018f2f6e-6d3a-7b6a-8c6e-0123456789ab";

/// An upload that was begun; gives its paths: to put, and to read.
async fn begun(app: &App, name: &str, content_type: &str, size: usize) -> (String, String) {
    let body = json!({"fileName": name, "contentType": content_type, "size": size});
    let answer = app.post("/v2/assets/upload", ADMIN, body.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let target = answer.json();
    assert_eq!(target["expiresIn"], 3_600);
    let path = |key: &str| target[key].as_str().unwrap().strip_prefix("https://lips.example.com").unwrap().to_owned();
    (path("uploadUrl"), path("url"))
}

/// Without a key, in chunks, as `fetch` does.
async fn put(app: &App, path: &str, bytes: &[u8]) -> Answer {
    let chunks: Vec<_> = bytes.chunks(1_000).map(|c| Ok::<_, std::io::Error>(c.to_vec())).collect();
    let body = Body::from_stream(futures::stream::iter(chunks));
    app.send(Request::put(path).header("content-type", "video/mp4").body(body).unwrap()).await
}

async fn uploaded(app: &App, name: &str, content_type: &str, bytes: &[u8]) -> Value {
    let (upload, _) = begun(app, name, content_type, bytes.len()).await;
    let answer = put(app, &upload, bytes).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn registered(app: &App, body: &Value) -> Value {
    let answer = app.post("/v2/assets", ADMIN, body.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn ask(app: &App, method: Method, path: &str, key: &str, body: &str) -> Answer {
    let mut request = request(method, path, Some(key), body.to_owned().into());
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    app.send(request).await
}

/// Each operation that wants a key: the method, the path of an asset, what it wants.
fn operations(id: &str) -> [(Method, String, &'static str); 8] {
    [
        (Method::GET, "/v2/assets".to_owned(), "read"),
        (Method::GET, "/v2/assets/count".to_owned(), "read"),
        (Method::GET, format!("/v2/assets/{id}"), "read"),
        (Method::GET, format!("/v2/assets/{id}/download"), "read"),
        (Method::POST, "/v2/assets".to_owned(), "generate"),
        (Method::POST, "/v2/assets/upload".to_owned(), "generate"),
        (Method::PATCH, format!("/v2/assets/{id}"), "generate"),
        (Method::DELETE, format!("/v2/assets/{id}"), "generate"),
    ]
}

#[tokio::test]
async fn a_missing_scope_is_said_before_anything_else() {
    let app = App::start().await;
    for (method, path, scope) in operations("no-id") {
        let key = if scope == "read" { CREATOR } else { READER };
        let answer = ask(&app, method.clone(), &path, key, "rubbish").await;
        assert_eq!(answer.refusal(), "403 insufficient_scope -", "{method} {path}");
        assert!(answer.text().contains(&format!("scope {scope}")), "{}", answer.text());
        assert_eq!(app.send(request(method, &path, None, Body::empty())).await.status, 401);
    }
}

#[tokio::test]
async fn another_organization_sees_none_and_changes_nothing() {
    let app = App::start().await;
    let asset = registered(&app, &json!({"url": "https://media.example.com/in.mp4", "name": "mine"})).await;
    let id = asset["id"].as_str().unwrap();
    for (method, path, _) in operations(id).into_iter().filter(|(_, path, _)| path.contains(id)) {
        let answer = ask(&app, method, &path, STRANGER, r#"{"name":"theirs"}"#).await;
        assert_eq!(answer.refusal(), "404 asset_not_found -", "{path}");
    }
    let list = ask(&app, Method::GET, "/v2/assets", STRANGER, "").await.json();
    assert_eq!((&list["items"], &list["totalCount"]), (&json!([]), &json!(0)));
    assert_eq!(ask(&app, Method::GET, "/v2/assets/count", STRANGER, "").await.text(), "0");
    let named = json!({"model": "lipsync-2", "input": [{"type": "video", "assetId": id}, {"type": "audio", "url": "https://media.example.com/in.wav"}]});
    assert_eq!(
        app.post("/v2/generate", STRANGER, named.to_string()).await.refusal(),
        "400 asset_not_found input[0].assetId"
    );
    assert_eq!(app.get(&format!("/v2/assets/{id}")).await.json(), asset);
}
