//! `/webhooks/verify`: the answer of the API's verify on a page; a body byte for byte, and hostile ones as text.
use axum::body::Body;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use postsync_core::Secret;
use postsync_core::verify::sign_sync;

use crate::browser::{Browser, Page, router};
use crate::harness::{ADMIN, App, READER, START, STRANGER};

const SECRET: &str = "whsec_8f14e45fceea167a5a36dedd4bea2543";
const BODY: &str = r#"{"id":"1","status":"COMPLETED"}"#;
const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

fn signed(body: &[u8]) -> String {
    sign_sync(&Secret::new(SECRET).unwrap(), START.unix_s(), body)
}

/// A form as browsers send it: their line ends in texts, the bytes of a file as they are.
async fn send(browser: &Browser, fields: &[(&str, &str)], file: &[u8]) -> Page {
    let mut form = Vec::new();
    for (name, text) in fields {
        let text = text.replace('\n', "\r\n");
        form.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").bytes(),
        );
    }
    let head =
        "Content-Disposition: form-data; name=\"file\"; filename=\"body\"\r\nContent-Type: application/octet-stream";
    form.extend([format!("--{BOUNDARY}\r\n{head}\r\n\r\n").as_bytes(), file, b"\r\n"].concat());
    form.extend(format!("--{BOUNDARY}--\r\n").bytes());
    let request = Request::builder()
        .method(Method::POST)
        .uri("/webhooks/verify")
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(Body::from(form))
        .unwrap();
    browser.send(request).await
}

/// The same with the token of its page.
async fn check(browser: &Browser, fields: &[(&str, &str)], file: &[u8]) -> Page {
    let token = browser.get("/webhooks/verify").await.hidden("csrf").to_owned();
    let page = send(browser, &[&[("csrf", token.as_str())], fields].concat(), file).await;
    page.hides("8f14e45f");
    page
}

#[tokio::test]
async fn a_body_is_checked_as_text_as_a_file_and_as_base64() {
    let app = App::start().await;
    let reader = Browser::signed_in(&router(&app), READER).await;
    reader.get("/webhooks").await.shows("href=\"/webhooks/verify\"");
    let (signature, packed) = (signed(BODY.as_bytes()), STANDARD.encode(BODY));
    for (field, file) in [(("body", BODY), ""), (("body", ""), BODY), (("base64", &*packed), "")] {
        for secret in ["", SECRET] {
            let fields = [("signature", &*signature), ("secret", secret), ("tolerance", "5m"), field];
            let page = check(&reader, &fields, file.as_bytes()).await;
            assert_eq!(page.status, 200, "{fields:?}");
            page.shows("id=\"verdict\">verified<");
        }
    }
    let page = check(&reader, &[("signature", &signature), ("body", BODY)], BODY.as_bytes()).await;
    assert_eq!(page.status, 400);
    page.shows("Give the body once");
    page.shows(&signature);
}

#[tokio::test]
async fn the_first_byte_that_differs_is_marked_and_how_to_mend_it_is_said() {
    let app = App::start().await;
    let reader = Browser::signed_in(&router(&app), READER).await;
    let page = check(
        &reader,
        &[("signature", &signed(BODY.as_bytes())), ("body", r#"{"id": "1", "status": "COMPLETED"}"#)],
        b"",
    )
    .await;
    page.shows("id=\"verdict\">not verified<");
    page.shows("at byte 6, counted from 0");
    page.shows("{&#34;id&#34;:<mark> </mark>&#34;1&#34;");
    for framework in ["Express", "Next.js", "FastAPI", "Flask", "Go", "axum"] {
        page.shows(&format!("<dt>{framework}</dt>"));
    }
}

#[tokio::test]
async fn a_line_end_that_was_added_is_told_also_through_a_text_field() {
    let app = App::start().await;
    let reader = Browser::signed_in(&router(&app), READER).await;
    let signature = signed(BODY.as_bytes());
    let added = format!("{BODY}\n");
    check(&reader, &[("signature", &signature), ("body", &added)], b"").await.shows("1 byte(s) of white space");
    let two = format!("{BODY}\r\n");
    check(&reader, &[("signature", &signature)], two.as_bytes()).await.shows("2 byte(s) of white space");
    let latin = [b"{\"id\":\"\xff\"}".as_slice()].concat();
    check(&reader, &[("signature", &signed(&latin))], &latin).await.shows("id=\"verdict\">verified<");
}

#[tokio::test]
async fn the_bytes_on_record_are_its_organizations_only() {
    let app = App::start().await;
    let id = app.created("sync-3").await;
    app.ended(&id).await;
    let event = app.get("/postsync/v1/events").await.json()["items"][0].clone();
    let (id, sent) = (event["id"].as_str().unwrap(), event["body"].as_str().unwrap());
    let signature = signed(sent.as_bytes());
    let changed = sent.replace("\"COMPLETED\"", "\"FAILED\"");
    let fields = [("signature", &*signature), ("body", &changed), ("event", id), ("tolerance", "none")];
    let router = router(&app);
    let page = check(&Browser::signed_in(&router, READER).await, &fields, b"").await;
    page.shows(&format!("right for {id}"));
    page.shows("<mark>C</mark>");
    assert_eq!(check(&Browser::signed_in(&router, STRANGER).await, &fields, b"").await.status, 404);
}

#[tokio::test]
async fn hostile_fields_are_text_and_bad_ones_are_named() {
    const EVIL: &str = "</textarea></mark>\"><script>alert(1)</script>\r\nSet-Cookie: a=b";
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    for name in ["signature", "body", "base64", "tolerance", "secret"] {
        let page = check(&admin, &[("signature", "t=1"), (name, EVIL)], b"").await;
        assert!(matches!(page.status, 200 | 400), "{name}: {}", page.status);
        page.hides("<script>alert");
        assert!(!page.headers.contains_key("set-cookie"));
    }
    assert_eq!(check(&admin, &[("event", EVIL)], b"").await.status, 404);
    let record = format!(r#"{{"id":"{}"}}"#, "</mark><script>alert(1)</script>");
    let spaced = record.replace(':', ": ");
    let page = check(&admin, &[("signature", &signed(record.as_bytes())), ("body", &spaced)], b"").await;
    page.shows("<mark> </mark>");
    page.hides("<script>alert");
    let large = "x".repeat(1024 * 1024 + 1);
    for (field, wrong) in [
        (("base64", "%%%"), "is not Base64"),
        (("tolerance", "soon"), "tolerance must be"),
        (("secret", "8f14e45f"), "Secret: "),
        (("body", &large), "Body is longer"),
    ] {
        let page = check(&admin, &[field], b"").await;
        assert_eq!(page.status, 400, "{field:?}");
        page.shows(&wrong.replace("tolerance must", "Tolerance must"));
    }
    assert_eq!(check(&admin, &[("body", "x")], &vec![b'x'; 2 * 1024 * 1024]).await.status, 400, "too large as a whole");
}

#[tokio::test]
async fn it_is_for_who_is_signed_in_and_carries_the_token() {
    let app = App::start().await;
    let router = router(&app);
    let (reader, admin) = (Browser::signed_in(&router, READER).await, Browser::signed_in(&router, ADMIN).await);
    let others = admin.token().await;
    for token in ["", "00", &others] {
        assert_eq!(send(&reader, &[("csrf", token), ("body", BODY)], b"").await.status, 403, "{token:?}");
    }
    assert_eq!(send(&Browser::new(&router), &[("csrf", &others)], b"").await.status, 303);
    assert_eq!(reader.submit("/webhooks/verify", &[("body", BODY)]).await.status, 400, "it is multipart");
}
