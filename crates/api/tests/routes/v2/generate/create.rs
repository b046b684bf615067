//! `POST /v2/generate` as JSON.
use axum::body::Body;
use http::Method;
use postsync_api::ApiSettings;
use postsync_core::ids::OrgId;
use postsync_engine::ports::{GenerationOrder, GenerationQuery, Store as _};
use serde_json::{Value, json};

use crate::harness::{ADMIN, App, body, request};

/// A good body, changed by `extra`.
fn with(extra: &Value) -> Value {
    let mut body = body("lipsync-2");
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_generation_is_answered_as_sync_answers() {
    let app = App::start().await;
    let answer = app
        .create(&with(&json!({"options": {"temperature": 1.0, "sync_mode": "loop"}, "webhookUrl": "https://app.example.com/webhook?o=1"})))
        .await;
    assert_eq!((answer.status, answer.header("content-type")), (201, Some("application/json")));
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(answer.text().replace(&id, "ID"), @r#"{"id":"ID","createdAt":"2026-11-23T08:21:17.123Z","status":"PENDING","model":"lipsync-2","input":[{"type":"video","url":"https://media.example.com/in.mp4"},{"type":"audio","url":"https://media.example.com/in.wav"}],"segments":null,"webhookUrl":"https://app.example.com/webhook?o=1","options":{"temperature":1,"sync_mode":"loop"},"outputUrl":null,"segmentOutputUrl":null,"outputDuration":null,"error":null,"error_code":null,"errorCode":null,"outputFileName":null}"#);
    app.made.started().await;
    assert_eq!(app.get("/v2/generations").await.json()[0]["status"], "PROCESSING");
    app.made.finish_one();
    let ended = app.ended(&id).await.to_string().replace(&id, "ID");
    let (before, after) = ended.split_once("token=").unwrap();
    let after = after.split_once('"').unwrap().1;
    insta::assert_snapshot!(format!("{before}token=TOKEN\"{after}"), @r#"{"id":"ID","createdAt":"2026-11-23T08:21:17.123Z","status":"COMPLETED","model":"lipsync-2","input":[{"type":"video","url":"https://media.example.com/in.mp4"},{"type":"audio","url":"https://media.example.com/in.wav"}],"segments":null,"webhookUrl":"https://app.example.com/webhook?o=1","options":{"temperature":1,"sync_mode":"loop"},"outputUrl":"https://lips.example.com/v2/generations/ID/result?token=TOKEN","segmentOutputUrl":null,"outputDuration":9.98,"error":null,"error_code":null,"errorCode":null,"outputFileName":null}"#);
}

#[tokio::test]
async fn refusals_name_the_field() {
    let app = App::start().await;
    let video = json!({"type": "video", "url": "https://media.example.com/in.mp4"});
    let audio = json!({"type": "audio", "url": "https://media.example.com/in.wav"});
    let id = "018f2f6e-6d3a-7b6a-8c6e-0123456789ab";
    let mut refusals = Vec::new();
    for extra in [
        json!({"model": "lipsync-9"}),
        json!({"model": null}),
        json!({"model": 5}),
        json!({"input": null}),
        json!({"input": "x"}),
        json!({"input": []}),
        json!({"input": [video]}),
        json!({"input": [video, video, audio]}),
        json!({"input": [video, audio, audio]}),
        json!({"input": [video, {"type": "text", "provider": {"name": "elevenlabs", "voiceId": "v", "script": ""}}]}),
        json!({"input": [video, {"type": "audio", "url": "https://10.0.0.1/x"}]}),
        json!({"input": [video, {"type": "audio", "assetId": id}]}),
        json!({"segments": [{"startTime": 0, "endTime": 1, "audioInput": {"refId": "a"}}]}),
        json!({"options": {"sync_mode": "stretch"}}),
        json!({"options": {"temperature": 2}}),
        json!({"webhookUrl": "http://app.example.com/"}),
        json!({"webhook_url": "https://app.example.com/"}),
        json!({"outputFileName": "a.mp4"}),
    ] {
        refusals.push(app.create(&with(&extra)).await.refusal());
    }
    insta::assert_snapshot!(refusals.join("\n"), @r"
    400 generation_unsupported_model model
    400 generation_input_validation_failed model
    400 generation_input_validation_failed model
    400 generation_input_validation_failed input
    400 generation_input_validation_failed input
    400 generation_video_missing input
    400 generation_audio_missing input
    400 generation_input_too_many_visual input
    400 generation_input_validation_failed input
    400 generation_input_validation_failed input[1].provider.script
    400 generation_input_validation_failed input[1].url
    400 asset_not_found input[1].assetId
    400 generation_input_segments_invalid segments[0].audioInput.refId
    400 generation_input_validation_failed options.sync_mode
    400 generation_input_validation_failed options.temperature
    400 generation_input_validation_failed webhookUrl
    400 generation_input_validation_failed webhook_url
    400 generation_input_validation_failed outputFileName
    ");
    assert!(none_left(&app).await);
}

async fn none_left(app: &App) -> bool {
    let query = GenerationQuery {
        org: OrgId::new("default"),
        statuses: vec![],
        ids: vec![],
        order: GenerationOrder::NewestFirst,
        after: None,
        limit: 1,
    };
    app.store.generations(query).await.unwrap().is_empty()
}

#[tokio::test]
async fn an_error_says_what_and_where() {
    let app = App::start().await;
    let mut request =
        request(Method::POST, "/v2/generate", Some(ADMIN), Body::from(with(&json!({"model": "x"})).to_string()));
    request.headers_mut().insert("x-request-id", "mine-1".parse().unwrap());
    let answer = app.send(request).await;
    insta::assert_snapshot!(answer.text(), @r#"{"message":"model is not known here; it is one of mesh-1, lipsync-2, lipsync-2-pro, lipsync-1.9.0-beta, react-1, sync-3","statusCode":400,"error":"Bad Request","errorCode":"generation_unsupported_model","suggestion":"Use one of the ids that GET /v2/models lists.","field":"model","requestId":"mine-1"}"#);
}

#[tokio::test]
async fn private_addresses_in_every_spelling() {
    let app = App::start().await;
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "x.localhost",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fc00::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "\u{ff11}27.0.0.1",
        "127.0.0.1:8080",
        "user@a.example",
        "100.64.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "255.255.255.255",
        "a.example:22",
        "[::]",
    ] {
        let refused = app.create(&with(&json!({"webhookUrl": format!("https://{host}/")}))).await;
        assert_eq!(refused.refusal(), "400 generation_input_validation_failed webhookUrl", "{host}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_json_object() {
    let app = App::start().await;
    let deep = "[".repeat(100_000);
    let twice = r#"{"model":"lipsync-2","model":"sync-3"}"#;
    let surrogate = r#"{"model":"\ud800"}"#;
    for text in ["", "{", "[]", "5", "null", "\"x\"", "{}x", &deep, twice, surrogate, r#"{"a":1e999}"#] {
        let answer = app.create_text(text.to_owned()).await;
        assert_eq!(answer.refusal(), "400 generation_input_validation_failed -", "{}", &text[..text.len().min(50)]);
    }
    for bytes in [&b"\xff\xfe"[..], b"{\"model\":\"\xff\"}", b"\x00", b"\xef\xbb\xbf{}"] {
        assert_eq!(app.create_text(bytes.to_vec()).await.status, 400);
    }
}

#[tokio::test]
async fn a_body_over_the_cap_is_413() {
    let app = App::with(ApiSettings { json_bytes_max: 1_000, ..ApiSettings::default() }).await;
    let large = with(&json!({"options": {"note": "x".repeat(2_000)}})).to_string();
    assert_eq!(app.create_text(large.clone()).await.refusal(), "413 payload_too_large -");
    let stream = futures::stream::iter(vec![Ok::<_, std::io::Error>(large)]);
    assert_eq!(app.create_text(Body::from_stream(stream)).await.refusal(), "413 payload_too_large -");
}

#[tokio::test]
async fn content_types() {
    let app = App::start().await;
    for (content_type, want) in [
        (Some("application/json"), 201),
        (Some("Application/JSON; charset=utf-8"), 201),
        (None, 201),
        (Some("application/x-www-form-urlencoded"), 400),
        (Some("multipart/form-data"), 400),
        (Some("text/plain"), 415),
        (Some("application/xml"), 415),
        (Some("rubbish"), 415),
        (Some(""), 415),
    ] {
        let mut request = request(Method::POST, "/v2/generate", Some(ADMIN), Body::from(body("sync-3").to_string()));
        if let Some(content_type) = content_type {
            request.headers_mut().insert("content-type", content_type.parse().unwrap());
        }
        assert_eq!(app.send(request).await.status, want, "{content_type:?}");
    }
}

#[tokio::test]
async fn an_image_is_taken_for_a_video() {
    let app = App::start().await;
    let input = json!([{"type": "image", "url": "https://a.example/i.png"}, {"type": "audio", "url": "https://a.example/a.wav"}]);
    for model in ["mesh-1", "lipsync-2", "sync-3"] {
        assert_eq!(app.create(&json!({"model": model, "input": input})).await.status, 201);
    }
}

#[tokio::test]
async fn what_is_not_ascii_is_echoed_percent_encoded() {
    let app = App::start().await;
    let answer = app.create(&with(&json!({"webhookUrl": "https://b\u{fc}cher.example/\u{e9}?q=%20"}))).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert!(answer.json()["webhookUrl"].as_str().unwrap().starts_with("https://xn--bcher-kva.example/%C3%A9?q=%20"));
}

#[tokio::test]
async fn a_server_that_stops_takes_nothing() {
    let app = App::start().await;
    app.engine.stop().await;
    let answer = app.create(&body("sync-3")).await;
    assert_eq!(answer.refusal(), "503 generation_infra_service_unavailable -");
    assert!(answer.header("retry-after").is_some());
}
