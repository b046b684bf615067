//! `POST /v2/assets/upload`, and the PUT that follows it.
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use futures::StreamExt as _;
use http::{Method, Request};
use postsync_api::ApiSettings;
use postsync_core::space::Space;
use serde_json::{Value, json};

use super::{begun, put, uploaded};
use crate::harness::{ADMIN, App, Made, TestMedia, request};

const WAV: &[u8] = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR";

#[tokio::test]
async fn what_was_put_is_listed_and_read_without_a_key() {
    let app = App::start().await;
    let video = Made::video();
    let (upload, url) = begun(&app, "in.mp4", "video/mp4", video.len()).await;
    assert_eq!(app.get("/v2/assets").await.json()["items"], json!([]), "it is not there before its bytes");
    assert_eq!(app.send(request(Method::GET, &url, None, Body::empty())).await.refusal(), "404 asset_not_found -");
    let asset = put(&app, &upload, &video).await.json();
    assert_eq!(
        (&asset["name"], &asset["type"], &asset["size"]),
        (&json!("in.mp4"), &json!("VIDEO"), &json!(video.len()))
    );
    assert_eq!((&asset["format"], &asset["inputType"]), (&json!("mp4"), &json!("UPLOAD")));
    assert_eq!(asset["url"], json!(format!("https://lips.example.com{url}")));
    assert_eq!(asset["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(app.get("/v2/assets").await.json()["items"], json!([asset]));
    let read = app.send(request(Method::GET, &url, None, Body::empty())).await;
    assert_eq!((read.status, read.body.as_ref()), (200, video.as_slice()));
    for (header, value) in [
        ("content-type", "video/mp4"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
    ] {
        assert_eq!(read.header(header), Some(value));
    }
    let part = app.send(Request::get(&url).header("range", "bytes=1-3").body(Body::empty()).unwrap()).await;
    assert_eq!((part.status, part.body.as_ref()), (206, &video[1..=3]));
    let download = app.get(&format!("/v2/assets/{}/download", asset["id"].as_str().unwrap())).await;
    assert_eq!(download.text(), format!("https://lips.example.com{url}"));
}

#[tokio::test]
async fn sound_in_a_container_for_pictures_is_what_was_announced() {
    let app = App::start().await;
    assert_eq!(uploaded(&app, "a.m4a", "audio/mp4", &Made::video()).await["type"], "AUDIO");
    assert_eq!(uploaded(&app, "a.wav", "audio/wav", WAV).await["type"], "AUDIO");
    assert_eq!(uploaded(&app, "a.png", "image/png", PNG).await["format"], "png");
}

#[tokio::test]
async fn an_altered_or_expired_url_is_refused_and_leaves_nothing() {
    let app = App::start().await;
    let video = Made::video();
    let (upload, _) = begun(&app, "in.mp4", "video/mp4", video.len()).await;
    let (other, _) = begun(&app, "other.mp4", "video/mp4", video.len()).await;
    let grant_of = |url: &str| url.split("grant=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let id_of = |url: &str| -> String { url.split('/').nth(3).unwrap().to_owned() };
    let larger = {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let mut grant: Value = serde_json::from_slice(&engine.decode(grant_of(&upload)).unwrap()).unwrap();
        grant["bytes"] = json!(1_u64 << 40);
        engine.encode(grant.to_string())
    };
    for altered in [
        upload.replace(&grant_of(&upload), &larger),
        upload.replace(&grant_of(&upload), &grant_of(&other)),
        upload.replace(&id_of(&upload), &id_of(&other)),
        upload.replace("signature=", "signature=x"),
        upload.split("&signature").next().unwrap().to_owned(),
        upload.split('?').next().unwrap().to_owned(),
        format!("{upload}&grant=x"),
    ] {
        assert_eq!(put(&app, &altered, &video).await.refusal(), "403 upload_url_invalid -", "{altered}");
    }
    app.clock.advance(Duration::from_secs(3_600));
    assert_eq!(put(&app, &upload, &video).await.refusal(), "403 upload_url_invalid -");
    assert!(app.media.files().is_empty());
    assert_eq!(app.get("/v2/assets/count").await.text(), "0");
}

/// Who revokes a key that leaked means what was given out under it, too.
#[tokio::test]
async fn a_revoked_keys_urls_end_with_it() {
    let app = App::start().await;
    let made = app.post("/postsync/v1/keys", ADMIN, json!({"name": "ci"}).to_string()).await.json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let video = Made::video();
    let begin = async || {
        let body = json!({"fileName": "in.mp4", "contentType": "video/mp4", "size": video.len()}).to_string();
        let answer = app.post("/v2/assets/upload", key, body).await.json();
        answer["uploadUrl"].as_str().unwrap().strip_prefix("https://lips.example.com").unwrap().to_owned()
    };
    let (first, second) = (begin().await, begin().await);
    assert_eq!(put(&app, &first, &video).await.status, 200);
    let gone = request(Method::DELETE, &format!("/postsync/v1/keys/{id}"), Some(ADMIN), Body::empty());
    assert_eq!(app.send(gone).await.status, 204);
    for url in [&second, &first] {
        let refused = put(&app, url, &video).await;
        assert_eq!(refused.refusal(), "403 upload_url_invalid -");
        assert!(refused.text().contains("has been revoked"), "{}", refused.text());
    }
    assert_eq!(app.get("/v2/assets/count").await.text(), "1");
    let (others, _) = begun(&app, "in.mp4", "video/mp4", video.len()).await;
    assert_eq!(put(&app, &others, &video).await.status, 200);
}

#[tokio::test]
async fn other_bytes_than_announced_are_refused_and_leave_nothing() {
    let app = App::start().await;
    let video = Made::video();
    let (upload, _) = begun(&app, "in.mp4", "video/mp4", video.len()).await;
    let longer = [video.as_slice(), b"x"].concat();
    assert_eq!(put(&app, &upload, &video[1..]).await.refusal(), "400 invalid_request size");
    assert_eq!(put(&app, &upload, &longer).await.refusal(), "400 invalid_request size");
    let said = Request::put(&upload).header("content-length", "5").body(Body::from("12345")).unwrap();
    assert_eq!(app.send(said).await.refusal(), "400 invalid_request size");
    let page = vec![b'<'; video.len()];
    let mismatch = "400 generation_input_asset_type_mismatch contentType";
    assert_eq!(put(&app, &upload, &page).await.refusal(), mismatch);
    let (image, _) = begun(&app, "in.png", "image/png", video.len()).await;
    assert_eq!(put(&app, &image, &video).await.refusal(), mismatch);
    assert!(app.media.files().is_empty());
    assert_eq!(put(&app, &upload, &video).await.status, 200, "the URL is still good");
}

#[tokio::test]
async fn sent_again_it_is_the_same_and_never_another() {
    let app = App::start().await;
    let video = Made::video();
    let (upload, url) = begun(&app, "in.mp4", "video/mp4", video.len()).await;
    let first = put(&app, &upload, &video).await.json();
    assert_eq!(put(&app, &upload, &video).await.json(), first);
    let mut other = video.clone();
    *other.last_mut().unwrap() ^= 1;
    assert_eq!(put(&app, &upload, &other).await.refusal(), "409 asset_conflict -");
    assert_eq!(app.media.files().len(), 1);
    assert_eq!(app.send(request(Method::GET, &url, None, Body::empty())).await.body.as_ref(), video.as_slice());
}

#[tokio::test]
async fn begun_again_it_takes_over_from_the_one_under_way() {
    let app = App::start().await;
    let video = Made::video();
    let (upload, _) = begun(&app, "in.mp4", "video/mp4", video.len()).await;
    let (hold, held) = futures::channel::oneshot::channel::<()>();
    let first = video[..10].to_vec();
    let rest = futures::stream::once(async move { Ok(held.await.map_or(Vec::new(), |()| Vec::new())) });
    let chunks = futures::stream::iter([Ok::<_, std::io::Error>(first)]).chain(rest);
    let slow = app.send(Request::put(&upload).body(Body::from_stream(chunks)).unwrap());
    let again = async {
        app.until(|| async { (!app.media.files().is_empty()).then_some(()) }).await;
        put(&app, &upload, &video).await
    };
    let (slow, again) = tokio::join!(slow, again);
    assert_eq!((slow.refusal().as_str(), again.status), ("409 asset_conflict -", 200));
    drop(hold);
    assert_eq!(app.media.files().len(), 1, "what the first had written is gone");
}

#[tokio::test]
async fn once_deleted_its_upload_url_does_not_bring_it_back() {
    let app = App::start().await;
    let video = Made::video();
    let (upload, url) = begun(&app, "in.mp4", "video/mp4", video.len()).await;
    let id = put(&app, &upload, &video).await.json()["id"].as_str().unwrap().to_owned();
    let gone = request(Method::DELETE, &format!("/v2/assets/{id}"), Some(ADMIN), Body::empty());
    assert_eq!(app.send(gone).await.status, 204);
    assert_eq!(put(&app, &upload, &video).await.refusal(), "409 asset_conflict -");
    assert_eq!(app.send(request(Method::GET, &url, None, Body::empty())).await.status, 404);
    assert!(app.media.files().is_empty());
}

#[tokio::test]
async fn a_large_upload_ends_where_the_room_that_is_kept_free_begins() {
    let app = App::start().await;
    let size = 40 * 1024 * 1024;
    let (upload, _) = begun(&app, "in.mp4", "video/mp4", size).await;
    let mut video = Made::video();
    video.resize(size, 0);
    let media = app.media.clone();
    let chunks = (0..40).map(|i| video[i << 20..(i + 1) << 20].to_vec()).collect::<Vec<_>>();
    let chunks = chunks.into_iter().enumerate().map(move |(i, chunk)| {
        if i == 10 {
            *media.space.lock().unwrap() = Some(Space { free_bytes: 1, disk_bytes: 1 << 40, media_bytes: None });
        }
        Ok::<_, std::io::Error>(chunk)
    });
    let body = Body::from_stream(futures::stream::iter(chunks));
    let answer = app.send(Request::put(&upload).body(body).unwrap()).await;
    assert_eq!(answer.refusal(), "503 generation_infra_storage_error -");
    assert!(app.media.files().is_empty());
}

#[tokio::test]
async fn what_can_not_be_begun_is_named() {
    let app = App::with(ApiSettings { input_bytes_max: 1_000, ..ApiSettings::default() }).await;
    let good = json!({"fileName": "in.mp4", "contentType": "video/mp4", "size": 1_000});
    assert_eq!(app.post("/v2/assets/upload", ADMIN, good.to_string()).await.status, 201);
    for (member, value, refusal) in [
        ("fileName", Value::Null, "400 invalid_request fileName"),
        ("fileName", json!(""), "400 invalid_request fileName"),
        ("fileName", json!("x".repeat(256)), "400 invalid_request fileName"),
        ("contentType", Value::Null, "400 invalid_request contentType"),
        ("contentType", json!("text/html"), "400 invalid_request contentType"),
        ("size", Value::Null, "400 invalid_request size"),
        ("size", json!(0), "400 invalid_request size"),
        ("size", json!(-1), "400 invalid_request size"),
        ("size", json!(1.5), "400 invalid_request size"),
        ("size", json!("10"), "400 invalid_request size"),
        ("size", json!(1_001), "413 payload_too_large size"),
    ] {
        let mut body = good.clone();
        body[member] = value;
        assert_eq!(app.post("/v2/assets/upload", ADMIN, body.to_string()).await.refusal(), refusal, "{body}");
    }
}

#[tokio::test]
async fn a_full_disk_keeps_nothing() {
    let app = App::start().await;
    let (upload, _) = begun(&app, "in.mp4", "video/mp4", Made::video().len()).await;
    app.media.full.store(true, Ordering::SeqCst);
    assert_eq!(put(&app, &upload, &Made::video()).await.refusal(), "503 generation_infra_storage_error -");
    assert!(app.media.files().is_empty());
    app.media.full.store(false, Ordering::SeqCst);
    assert_eq!(put(&app, &upload, &Made::video()).await.status, 200);
}

#[tokio::test]
async fn what_came_is_looked_at() {
    let media = TestMedia::new();
    media.looks.store(true, Ordering::SeqCst);
    let app = App::with_media(ApiSettings::default(), media).await;
    let id = uploaded(&app, "in.mp4", "video/mp4", &Made::video()).await["id"].as_str().unwrap().to_owned();
    let seen = app
        .until(|| async {
            let asset = app.get(&format!("/v2/assets/{id}")).await.json();
            asset["thumbnailUrl"].is_string().then_some(asset)
        })
        .await;
    assert_eq!((&seen["durationSeconds"], &seen["width"], &seen["height"]), (&json!(2.5), &json!(640), &json!(360)));
    assert_eq!(seen["format"], "mp4", "what the first bytes said stays");
    let picture = seen["thumbnailUrl"].as_str().unwrap().strip_prefix("https://lips.example.com").unwrap();
    let read = app.send(request(Method::GET, picture, None, Body::empty())).await;
    assert_eq!((read.status, read.header("content-type")), (200, Some("image/jpeg")));
    let path = format!("/v2/assets/{id}");
    assert_eq!(app.send(request(Method::DELETE, &path, Some(ADMIN), Body::empty())).await.status, 204);
    assert!(app.media.files().is_empty(), "the picture goes with it");
    assert_eq!(app.send(request(Method::GET, picture, None, Body::empty())).await.refusal(), "404 asset_not_found -");
}
