//! `/generations`: made by upload, watched, canceled, asked for again.
use axum::body::Body;
use axum::extract::Request;
use http::Method;

use crate::browser::{Browser, router};
use crate::harness::{ADMIN, App, Form, Made, body};

const MP4: &[u8] = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2 footage";
const WAV: &[u8] = b"RIFF\x10\0\0\0WAVEfmt speech";

/// The same form, sent by a browser to the page.
fn to_the_page(form: Form, token: &str) -> Request {
    let (mut parts, body) = form.post().into_parts();
    parts.uri = format!("/generations/upload?csrf={token}").parse().unwrap();
    parts.headers.remove("x-api-key");
    Request::from_parts(parts, body)
}

#[tokio::test]
async fn an_upload_is_made_and_watched() {
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    admin.get("/generations/new").await.shows("lipsync-2");
    let token = admin.token().await;
    let form = Form::default()
        .text("model", "lipsync-2")
        .file("video", "me.mp4", MP4)
        .file("image", "", b"")
        .file("audio", "say \"<b>hi\".wav", WAV)
        .text("webhookUrl", "")
        .text("outputFileName", "");
    let page = admin.send(to_the_page(form, &token)).await;
    assert_eq!(page.status, 303, "{}", page.text);
    let path = page.header("location").split('?').next().unwrap().to_owned();
    app.made.started().await;
    let page = admin.get(&path).await;
    page.shows("PROCESSING");
    page.shows("value=\"42\"");
    page.shows("<video class=\"player\"");
    page.hides("<b>hi");
    let live = format!("{path}/live");
    let part = admin.get(&live).await;
    let seen = part.text.split("seen=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(admin.get(&format!("{live}?seen={seen}")).await.status, 204, "nothing has changed");
    app.made.finish_one();
    app.ended(path.rsplit('/').next().unwrap()).await;
    let part = admin.get(&format!("{live}?seen={seen}")).await;
    part.shows("COMPLETED");
    part.hides("hx-get");
    // Its player plays our own copy, by a path of ours.
    let src = part.text.rsplit("src=\"").next().unwrap().split('"').next().unwrap().replace("&#38;", "&");
    assert!(src.starts_with("/v2/generations/"), "{src}");
    let video = app.send(Request::builder().uri(&src).body(Body::empty()).unwrap()).await;
    assert_eq!((video.status, video.body.len()), (200, Made::video().len()));
}

#[tokio::test]
async fn a_refused_upload_says_why_in_the_form() {
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    let token = admin.token().await;
    let form =
        Form::default().text("model", "lipsync-2").file("video", "me.mp4", b"no video").file("audio", "a.wav", WAV);
    let page = admin.send(to_the_page(form, &token)).await;
    assert_eq!(page.status, 400);
    page.shows("role=\"alert\"");
    page.shows("video is not a video file");
    assert!(app.media.files().is_empty());
    let request = Request::builder().method(Method::POST).uri(format!("/generations/upload?csrf={token}"));
    let request = request.header("content-type", "application/json").body(Body::from("{}")).unwrap();
    assert_eq!(admin.send(request).await.status, 400, "that is what the API is for");
}

#[tokio::test]
async fn one_is_canceled_and_asked_for_again() {
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    let mut create = body("lipsync-2");
    create["webhookUrl"] = "https://app.example.com/hook".into();
    create["options"] = serde_json::json!({"sync_mode": "loop"});
    create["outputFileName"] = "mine".into();
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    app.made.started().await;
    assert_eq!(admin.submit(&format!("/generations/{id}/retry"), &[]).await.status, 409, "it has not ended");
    let page = admin.submit(&format!("/generations/{id}/cancel"), &[]).await;
    assert_eq!(page.header("location"), format!("/generations/{id}?did=canceled"));
    let page = admin.get(page.header("location")).await;
    page.shows("generation_canceled");
    page.shows("The generation was canceled.");
    page.hides(">Cancel<");
    assert_eq!(admin.submit(&format!("/generations/{id}/cancel"), &[]).await.status, 409);
    let again = admin.submit(&format!("/generations/{id}/retry"), &[]).await;
    assert_eq!(again.status, 303, "{}", again.text);
    let new = again.header("location").trim_start_matches("/generations/").split('?').next().unwrap().to_owned();
    assert_ne!(new, id);
    let (old, new) =
        (app.get(&format!("/v2/generate/{id}")).await.json(), app.get(&format!("/v2/generate/{new}")).await.json());
    for key in ["model", "input", "options", "webhookUrl", "outputFileName"] {
        assert_eq!(old[key], new[key], "{key}");
    }
}
