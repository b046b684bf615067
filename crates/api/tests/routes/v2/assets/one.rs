//! `/v2/assets/{id}`, `POST /v2/assets`.
use http::Method;
use serde_json::json;

use super::{UNKNOWN, ask, begun, registered, uploaded};
use crate::harness::{ADMIN, App, Made};

#[tokio::test]
async fn a_registered_url_is_shown_as_sync_shows_it() {
    let app = App::start().await;
    let asset = registered(&app, &json!({"url": "https://media.example.com/a/in%20put.mp4?x=1"})).await;
    assert_eq!(app.get(&format!("/v2/assets/{}", asset["id"].as_str().unwrap())).await.json(), asset);
    let mut shown = asset.clone();
    shown["id"] = json!("-");
    insta::assert_snapshot!(shown, @r#"{"id":"-","createdAt":"2026-11-23T08:21:17.123Z","updatedAt":"2026-11-23T08:21:17.123Z","type":"VIDEO","visibility":"USER","name":"in put.mp4","url":"https://media.example.com/a/in%20put.mp4?x=1","size":null,"format":null,"inputType":"URL","durationSeconds":null,"thumbnailUrl":null,"width":null,"height":null,"sha256":null}"#);
    let download = app.get(&format!("/v2/assets/{}/download", asset["id"].as_str().unwrap())).await;
    assert_eq!(download.text(), "https://media.example.com/a/in%20put.mp4?x=1");
    assert_eq!(download.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[tokio::test]
async fn what_can_not_be_registered_is_named() {
    let app = App::start().await;
    for (body, refusal) in [
        (json!({}), "400 invalid_request url"),
        (json!({"url": 5}), "400 invalid_request url"),
        (json!({"url": "ftp://media.example.com/in.mp4"}), "400 generation_input_validation_failed url"),
        (json!({"url": "https://127.0.0.1/in.mp4"}), "400 generation_input_validation_failed url"),
        (json!({"url": "https://media.example.com/in"}), "400 invalid_request type"),
        (json!({"url": "https://media.example.com/in", "type": "video"}), "400 invalid_request type"),
        (json!({"url": "https://media.example.com/in.mp4", "name": ""}), "400 invalid_request name"),
        (json!({"url": "https://media.example.com/in.mp4", "name": "x".repeat(256)}), "400 invalid_request name"),
        (json!({"url": "https://media.example.com/in.mp4", "name": "a\nb"}), "400 invalid_request name"),
        (json!({"url": "https://media.example.com/in.mp4", "visibility": "ALL"}), "400 invalid_request visibility"),
    ] {
        assert_eq!(app.post("/v2/assets", ADMIN, body.to_string()).await.refusal(), refusal, "{body}");
    }
    assert_eq!(app.get("/v2/assets/count").await.text(), "0");
}

#[tokio::test]
async fn its_name_and_visibility_change_and_nothing_else() {
    let app = App::start().await;
    let asset = registered(
        &app,
        &json!({"url": "https://media.example.com/in", "type": "AUDIO", "visibility": "ORGANIZATION"}),
    )
    .await;
    assert_eq!(
        (&asset["name"], &asset["type"], &asset["visibility"]),
        (&json!("in"), &json!("AUDIO"), &json!("ORGANIZATION"))
    );
    let path = format!("/v2/assets/{}", asset["id"].as_str().unwrap());
    app.clock.advance(std::time::Duration::from_secs(5));
    let change = r#"{"name":"\u00fcber","visibility":"USER","type":"IMAGE","url":"https://x.example.com"}"#;
    let changed = ask(&app, Method::PATCH, &path, ADMIN, change).await.json();
    let mut want = asset.clone();
    want["name"] = json!("\u{fc}ber");
    want["visibility"] = json!("USER");
    want["updatedAt"] = json!("2026-11-23T08:21:22.123Z");
    assert_eq!(changed, want);
    app.clock.advance(std::time::Duration::from_secs(5));
    for nothing in [r#"{"name":null}"#, "{}", r#"{"nmae":"x","url":"https://x.example.com"}"#] {
        assert_eq!(ask(&app, Method::PATCH, &path, ADMIN, nothing).await.json(), want, "its time stays, too");
    }
    for (body, field) in [(r#"{"name":1}"#, "name"), (r#"{"visibility":"no"}"#, "visibility"), ("[]", "-"), ("{", "-")]
    {
        assert_eq!(
            ask(&app, Method::PATCH, &path, ADMIN, body).await.refusal(),
            format!("400 invalid_request {field}")
        );
    }
    assert_eq!(app.get(&path).await.json()["name"], "\u{fc}ber");
}

#[tokio::test]
async fn it_goes_with_its_file() {
    let app = App::start().await;
    let asset = uploaded(&app, "in.mp4", "video/mp4", &Made::video()).await;
    let path = format!("/v2/assets/{}", asset["id"].as_str().unwrap());
    assert_eq!(app.media.files().len(), 1);
    assert_eq!(ask(&app, Method::DELETE, &path, ADMIN, "").await.status, 204);
    assert!(app.media.files().is_empty());
    assert_eq!(ask(&app, Method::DELETE, &path, ADMIN, "").await.refusal(), "404 asset_not_found -");
    for path in [path.as_str(), &format!("{path}/download"), "/v2/assets/nonsense", &format!("/v2/assets/{UNKNOWN}")] {
        assert_eq!(app.get(path).await.refusal(), "404 asset_not_found -", "{path}");
    }
    assert_eq!(app.get("/v2/assets/count").await.text(), "0");
}

#[tokio::test]
async fn an_uploads_own_url_is_registered_as_what_it_is() {
    let app = App::start().await;
    let asset = uploaded(&app, "in.mp4", "video/mp4", &Made::video()).await;
    let again = registered(&app, &json!({"url": asset["url"], "name": "renamed"})).await;
    assert_eq!((&again["id"], &again["name"]), (&asset["id"], &json!("renamed")));
    assert_eq!(app.get("/v2/assets/count").await.text(), "1");
    let (_, url) = begun(&app, "later.mp4", "video/mp4", 10).await;
    let early = json!({"url": format!("https://lips.example.com{url}")});
    assert_eq!(app.post("/v2/assets", ADMIN, early.to_string()).await.refusal(), "404 uploaded_file_not_found url");
}

#[tokio::test]
async fn an_uploads_own_url_is_an_input_without_being_fetched() {
    let app = App::start().await;
    let asset = uploaded(&app, "in.mp4", "video/mp4", &Made::video()).await;
    let create = json!({"model": "lipsync-2", "input": [
        {"type": "video", "url": asset["url"]}, {"type": "audio", "url": "https://media.example.com/in.wav"},
    ]});
    let made = app.create(&create).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["input"][0], json!({"type": "video", "assetId": asset["id"]}));
    let mut null = create.clone();
    null["input"][0]["assetId"] = json!(null);
    assert_eq!(app.create(&null).await.json()["input"][0]["assetId"], asset["id"]);
    let row = |n: usize| json!({"request_id": n.to_string(), "endpoint": "/v2/generate", "payload": create});
    let rows: Vec<_> = (0..20).map(row).collect();
    let answer = app.post("/v2/batch", ADMIN, json!({"rows": rows}).to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let listed = app.get("/v2/generations?limit=1").await.json();
    assert_eq!(listed[0]["input"][0], json!({"type": "video", "assetId": asset["id"]}));
}
