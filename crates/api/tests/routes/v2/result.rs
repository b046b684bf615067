//! `GET /v2/generations/{id}/result?token=`: what `outputUrl` points at.
use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use crate::harness::{Answer, App, Made, body, request};

/// The path and query of a finished generation's `outputUrl`, and its id.
async fn finished(app: &App, name: Option<&str>) -> (String, String) {
    let mut create = body("lipsync-2");
    create["outputFileName"] = json!(name);
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    app.made.started().await;
    app.made.finish_one();
    let url = app.ended(&id).await["outputUrl"].as_str().unwrap().to_owned();
    (url.strip_prefix("https://lips.example.com").unwrap().to_owned(), id)
}

async fn fetch(app: &App, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    app.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_whole_video_without_a_key() {
    let app = App::start().await;
    let (path, id) = finished(&app, None).await;
    let answer = fetch(&app, &path, &[]).await;
    assert_eq!((answer.status, answer.body.as_ref()), (200, Made::video().as_slice()));
    let headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "etag", "content-disposition"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    insta::assert_snapshot!(headers.join("\n"), @r"
    content-type: video/mp4
    accept-ranges: bytes
    x-content-type-options: nosniff
    content-security-policy: sandbox; default-src 'none'
    referrer-policy: no-referrer
    cache-control: private, max-age=86400, immutable
    access-control-allow-origin: *
    access-control-expose-headers: content-length, content-range, accept-ranges, etag
    content-length: 100024
    ");
    assert_eq!(answer.header("content-disposition"), Some(format!("inline; filename=\"{id}.mp4\"").as_str()));
}

#[tokio::test]
async fn a_download_has_the_name_that_was_asked_for() {
    let app = App::start().await;
    let (path, _) = finished(&app, Some("take_1")).await;
    assert_eq!(fetch(&app, &path, &[]).await.header("content-disposition"), Some("inline; filename=\"take_1.mp4\""));
}

#[tokio::test]
async fn ranges() {
    let app = App::start().await;
    let (path, _) = finished(&app, None).await;
    let video = Made::video();
    let end = video.len() - 1;
    for (range, first, last) in
        [("bytes=0-", 0, end), ("bytes=0-0", 0, 0), ("bytes=70000-99999999", 70_000, end), ("bytes=-5", end - 4, end)]
    {
        let answer = fetch(&app, &path, &[("range", range)]).await;
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(answer.body, &video[first..=last], "{range}");
        assert_eq!(answer.header("content-range"), Some(format!("bytes {first}-{last}/{}", video.len()).as_str()));
        assert_eq!(answer.header("content-length"), Some((last - first + 1).to_string().as_str()));
    }
    for range in ["bytes=0-1,5-6", "lines=1-2", "bytes=9-2"] {
        assert_eq!(fetch(&app, &path, &[("range", range)]).await.status, 200, "{range}");
    }
    let outside = fetch(&app, &path, &[("range", "bytes=999999-")]).await;
    assert_eq!(outside.refusal(), "416 range_not_satisfiable -");
    assert_eq!(outside.header("content-range"), Some(format!("bytes */{}", video.len()).as_str()));
}

#[tokio::test]
async fn conditions() {
    let app = App::start().await;
    let (path, _) = finished(&app, None).await;
    let etag = fetch(&app, &path, &[]).await.header("etag").unwrap().to_owned();
    assert_eq!(fetch(&app, &path, &[("range", "bytes=1-2"), ("if-range", &etag)]).await.status, 206);
    assert_eq!(fetch(&app, &path, &[("range", "bytes=1-2"), ("if-range", "\"other\"")]).await.status, 200);
    let listed = format!("\"other\", W/{etag}");
    for known in [vec![etag.as_str()], vec!["*"], vec![&listed], vec!["\"other\"", &etag]] {
        let headers: Vec<_> = known.iter().map(|tag| ("if-none-match", *tag)).collect();
        let same = fetch(&app, &path, &headers).await;
        assert_eq!((same.status, same.body.len()), (304, 0), "{known:?}");
        assert_eq!(same.header("etag"), Some(etag.as_str()));
    }
    assert_eq!(fetch(&app, &path, &[("if-none-match", "\"other\"")]).await.status, 200);
    let nothing = path.replace("/result", "/nothing");
    assert_eq!(fetch(&app, &nothing, &[("if-none-match", "*")]).await.status, 404);
}

#[tokio::test]
async fn a_head_has_no_body_but_its_length() {
    let app = App::start().await;
    let (path, _) = finished(&app, None).await;
    let answer = app.send(request(Method::HEAD, &path, None, Body::empty())).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), Some(Made::video().len().to_string().as_str()));
    assert_eq!(answer.header("content-type"), Some("video/mp4"));
}

#[tokio::test]
async fn a_wrong_token_and_an_unknown_id_look_the_same() {
    let app = App::start().await;
    let (path, id) = finished(&app, None).await;
    let waiting = app.created("lipsync-2").await;
    let passed = app.created("sync-3").await;
    app.ended(&passed).await;
    let base = path.split('?').next().unwrap();
    for path in [
        base.to_owned(),
        format!("{base}?token="),
        format!("{base}?token=x"),
        format!("{path}x"),
        format!("{path}&token=x"),
        path.replace(&id, &waiting),
        path.replace(&id, &passed),
        path.replace(&id, "018f2f6e-6d3a-7b6a-8c6e-0123456789ab"),
        path.replace(&id, "..%2F..%2Fetc"),
    ] {
        assert_eq!(fetch(&app, &path, &[]).await.refusal(), "404 generation_not_found -", "{path}");
    }
}

#[tokio::test]
async fn after_its_retention_it_is_gone() {
    let app = App::start().await;
    let (path, _) = finished(&app, None).await;
    app.media.files().iter().for_each(|file| std::fs::remove_file(file).unwrap());
    assert_eq!(fetch(&app, &path, &[]).await.refusal(), "410 media_expired -");
}

#[tokio::test]
async fn what_a_browser_could_run_is_an_attachment() {
    let app = App::start().await;
    let (path, _) = finished(&app, None).await;
    app.media.files().iter().for_each(|file| std::fs::write(file, "<script>alert(1)</script>").unwrap());
    let answer = fetch(&app, &path, &[]).await;
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert!(answer.header("content-disposition").unwrap().starts_with("attachment; "));
    assert_eq!(answer.header("content-security-policy"), Some("sandbox; default-src 'none'"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}
