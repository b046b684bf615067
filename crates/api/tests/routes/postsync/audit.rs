//! `/postsync/v1/audit`.
use axum::body::Body;
use http::Method;
use postsync_api::{ApiSettings, Peer};
use postsync_core::batch::RowLimits;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{ADMIN, App, CREATOR, Form, Made, STRANGER, body, request};

const AUDIT: &str = "/postsync/v1/audit";

async fn items(app: &App, query: &str) -> Vec<Value> {
    let answer = app.get(&format!("{AUDIT}{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

/// Creates from an address; gives the generation's id.
async fn created(app: &App, address: &str, headers: &[(&'static str, &str)], body: &Value) -> String {
    let mut request = request(Method::POST, "/v2/generate", Some(CREATOR), Body::from(body.to_string()));
    request.extensions_mut().insert(Peer(address.parse().unwrap()));
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let answer = app.send(request).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn it_says_who_asked_from_where_for_what() {
    let app = App::start().await;
    let mut wanted = body("sync-3");
    wanted["input"][0]["url"] = json!("https://media.example.com/in.mp4?X-Signature=s3cret");
    let provider = json!({"name": "elevenlabs", "voiceId": "v", "script": "s3cret words"});
    wanted["input"][1] = json!({"type": "text", "provider": provider});
    // Anybody can write such a header: only a proxy's would be worth something, and none is believed.
    let id = created(&app, "::ffff:203.0.113.7", &[("x-forwarded-for", "198.51.100.1")], &wanted).await;
    let shown = app.get(AUDIT).await;
    assert!(!shown.text().contains("s3cret"), "{}", shown.text());
    let [item] = items(&app, "").await.try_into().unwrap();
    let keys = app.get("/postsync/v1/keys").await.json();
    let key = keys["items"].as_array().unwrap().iter().find(|key| key["name"] == CREATOR).unwrap();
    let created_at = app.get(&format!("/v2/generate/{id}")).await.json()["createdAt"].clone();
    let words = hex::encode(Sha256::digest("s3cret words"));
    assert_eq!(
        item,
        json!({
            "generationId": id, "createdAt": created_at, "keyId": key["id"], "address": "203.0.113.7", "model": "sync-3",
            "inputs": [
                {"type": "video", "assetId": null, "sha256": null, "url": "https://media.example.com/in.mp4"},
                {"type": "text", "assetId": null, "sha256": words, "url": null},
            ],
        })
    );
}

#[tokio::test]
async fn uploads_and_assets_are_told_by_the_hash_of_their_bytes() {
    let app = App::start().await;
    let wav = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00";
    let form = Form::default().file("video", "v.mp4", &Made::video()).file("audio", "a.wav", wav);
    let uploaded = app.send(form.text("model", "sync-3").post()).await.json();
    let asset = |i: usize| uploaded["input"][i]["assetId"].clone();
    let registered = json!({"url": "https://media.example.com/v.mp4?token=s3cret", "type": "VIDEO"});
    let registered = app.post("/v2/assets", ADMIN, registered.to_string()).await.json()["id"].clone();
    let input = |video: &Value| json!([{"type": "video", "assetId": video}, {"type": "audio", "assetId": asset(1)}]);
    for video in [asset(0), registered.clone()] {
        let answer = app.create(&json!({"model": "sync-3", "input": input(&video)})).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let stored = |kind: &str, id: Value, bytes: &[u8]| {
        let sha256 = hex::encode(Sha256::digest(bytes));
        json!({"type": kind, "assetId": id, "sha256": sha256, "url": null})
    };
    let (video, audio) = (stored("video", asset(0), &Made::video()), stored("audio", asset(1), wav));
    let elsewhere =
        json!({"type": "video", "assetId": registered, "sha256": null, "url": "https://media.example.com/v.mp4"});
    let inputs: Vec<Value> = items(&app, "").await.iter().map(|item| item["inputs"].clone()).collect();
    assert_eq!(inputs, [json!([elsewhere, audio]), json!([video, audio]), json!([video, audio])]);
}

#[tokio::test]
async fn each_generation_has_one_and_keeps_it() {
    let app = App::with(ApiSettings { batch_rows: RowLimits { min: 2, max: 4 }, ..ApiSettings::default() }).await;
    let once = created(&app, "192.0.2.1", &[("idempotency-key", "k-1")], &body("sync-3")).await;
    let again = created(&app, "192.0.2.2", &[("idempotency-key", "k-1")], &body("sync-3")).await;
    assert_eq!(once, again);
    let [item] = items(&app, "").await.try_into().unwrap();
    assert_eq!(item["address"], "192.0.2.1", "of the one that made it");

    let asset = json!({"url": "https://media.example.com/b.mp4", "type": "VIDEO"});
    let asset = app.post("/v2/assets", ADMIN, asset.to_string()).await.json()["id"].clone();
    let mut second = body("sync-3");
    second["input"][0] = json!({"type": "video", "assetId": asset});
    let row = |id: &str, payload: &Value| json!({"request_id": id, "endpoint": "/v2/generate", "payload": payload});
    let rows = json!({"rows": [row("a", &body("sync-3")), row("b", &second)]});
    let mut request = request(Method::POST, "/v2/batch", Some(CREATOR), Body::from(rows.to_string()));
    request.extensions_mut().insert(Peer("192.0.2.3".parse().unwrap()));
    assert_eq!(app.send(request).await.status, 201);
    let rows: Vec<Value> = items(&app, "").await.into_iter().filter(|item| item["address"] == "192.0.2.3").collect();
    assert_eq!(rows.len(), 2);
    let of_asset = rows.iter().find(|row| row["inputs"][0]["assetId"] == asset).unwrap();
    assert_eq!(of_asset["inputs"][0]["url"], "https://media.example.com/b.mp4");

    app.ended(&once).await;
    let delete = http::Request::delete(format!("/v2/generations/{once}")).header("x-api-key", ADMIN);
    assert_eq!(app.send(delete.body(Body::empty()).unwrap()).await.status, 204);
    assert_eq!(app.get(&format!("/v2/generate/{once}")).await.status, 404);
    assert_eq!(items(&app, &format!("?generationId={once}")).await, [item]);
}

#[tokio::test]
async fn it_has_filters_and_pages_and_is_each_organizations_own() {
    let app = App::start().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, created(&app, "192.0.2.1", &[], &body("sync-3")).await);
        app.clock.advance(std::time::Duration::from_secs(60));
    }
    let of = |items: &[Value]| -> Vec<String> {
        items.iter().map(|item| item["generationId"].as_str().unwrap().to_owned()).collect()
    };
    let all = items(&app, "").await;
    assert_eq!(of(&all), ids);
    let (key, second) = (all[0]["keyId"].as_str().unwrap(), all[1]["createdAt"].as_str().unwrap());
    for (query, want) in [
        (format!("?keyId={key}"), &ids[..]),
        (format!("?since={second}"), &ids[..2]),
        (format!("?until={second}"), &ids[2..]),
        (format!("?since={second}&until={second}"), &[]),
        ("?keyId=key_0000000000099".to_owned(), &[]),
    ] {
        assert_eq!(of(&items(&app, &query).await), want, "{query}");
    }
    let first = app.get(&format!("{AUDIT}?limit=2")).await.json();
    let rest = app.get(&format!("{AUDIT}?limit=2&cursor={}", first["nextCursor"].as_str().unwrap())).await.json();
    assert_eq!((of(first["items"].as_array().unwrap()), rest["nextCursor"].clone()), (ids[..2].to_vec(), Value::Null));
    assert_eq!(of(rest["items"].as_array().unwrap()), ids[2..]);
    let theirs = app.send(request(Method::GET, AUDIT, Some(STRANGER), Body::empty())).await;
    assert_eq!(theirs.json(), json!({"items": [], "nextCursor": null}));
    for (query, field) in [
        ("?generationId=x", "generationId"),
        ("?keyId=x", "keyId"),
        ("?since=yesterday", "since"),
        ("?since=2026-11-24T08:00:00Z&until=2026-11-24T07:00:00Z", "until"),
        ("?limit=0", "limit"),
        ("?cursor=x", "cursor"),
    ] {
        assert_eq!(
            app.get(&format!("{AUDIT}{query}")).await.refusal(),
            format!("400 invalid_request {field}"),
            "{query}"
        );
    }
}
