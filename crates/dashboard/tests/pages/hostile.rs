//! Texts of users, receivers and upstreams are texts on every page, and no query breaks one.
use bytes::Bytes;
use postsync_core::attempt::Answer;
use postsync_core::outcome::{Outcome, SendReport};
use serde_json::json;

use crate::browser::{Browser, router};
use crate::harness::{ADMIN, App, Form, body};

const EVIL: &str = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'";

#[tokio::test]
async fn what_a_receiver_answers_is_text() {
    let app = App::start().await;
    let mut report = SendReport::bare(Outcome::Refused { status: 500, retry_after: None }, EVIL);
    report.answer = Some(Answer {
        headers: Bytes::from(format!("x-evil: {EVIL}\n")),
        body: Bytes::from(format!("<h1>{EVIL}</h1>")),
        truncated: false,
    });
    app.sender.answer_with(report);
    let mut create = body("sync-3");
    create["webhookUrl"] = json!("https://app.example.com/'-alert(1)-'?a=%22%3E");
    create["outputFileName"] = json!("a-b_c");
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    app.ended(&id).await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    let delivery = app
        .until(|| async {
            let page = app.get(&format!("/postsync/v1/deliveries?generationId={id}")).await.json();
            let item = &page["items"][0];
            (item["attempts"] == 1 && item["step"] == 1).then(|| item["id"].as_str().unwrap().to_owned())
        })
        .await;
    let page = admin.get(&format!("/deliveries/{delivery}")).await;
    page.hides("<script>alert");
    page.hides("<h1>\"");
    page.shows("&#60;script&#62;alert(1)&#60;/script&#62;");
    for path in
        ["/", "/deliveries", &format!("/generations/{id}"), &format!("/deliveries/{delivery}/live"), "/destinations"]
    {
        let page = admin.get(path).await;
        page.hides("<script>alert");
        page.hides("'-alert(1)-'");
    }
}

/// Names of files and rows, options, URLs, descriptions and names of keys: on every page that shows one.
#[tokio::test]
async fn what_users_have_stored_is_text() {
    const MP4: &[u8] = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2 footage";
    const WAV: &[u8] = b"RIFF\x10\0\0\0WAVEfmt speech";
    let app = App::start().await;
    let upload = Form::default()
        .text("model", "lipsync-2")
        .file("video", &EVIL.replace('"', ""), MP4)
        .file("audio", "<script>alert(1)</script>.wav", WAV)
        .text("webhookUrl", "https://app.example.com/hook?<script>alert(1)</script>")
        .text("options", &json!({"note": EVIL}).to_string());
    let made = app.send(upload.post()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let uploaded = made.json()["id"].as_str().unwrap().to_owned();
    let mut by_url = body("sync-3");
    by_url["input"][0]["url"] = json!(format!("https://media.example.com/{EVIL}?a={EVIL}"));
    by_url["options"] = json!({"note": EVIL});
    let by_url = app.create(&by_url).await;
    let row =
        |n: usize| json!({"request_id": format!("{EVIL}{n}"), "endpoint": "/v2/generate", "payload": body("sync-3")});
    let batch = app.post("/v2/batch", ADMIN, json!({"rows": (0..20).map(row).collect::<Vec<_>>()}).to_string()).await;
    let endpoint = json!({"url": format!("https://app.example.com/?{EVIL}"), "description": EVIL});
    let endpoint = app.post("/postsync/v1/endpoints", ADMIN, endpoint.to_string()).await;
    let key = app.post("/postsync/v1/keys", ADMIN, json!({"name": EVIL, "scopes": ["read"]}).to_string()).await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    let id = |answer: &crate::harness::Answer| answer.json()["id"].as_str().map(str::to_owned);
    let mut paths = ["/", "/generations", "/deliveries", "/webhooks", "/destinations", "/batches", "/keys", "/usage"]
        .map(str::to_owned)
        .to_vec();
    paths.extend([format!("/generations/{uploaded}"), format!("/generations/{}", id(&by_url).unwrap())]);
    paths.extend([
        format!("/batches/{}", id(&batch).unwrap()),
        format!("/webhooks/endpoints/{}", id(&endpoint).unwrap()),
    ]);
    assert_eq!(key.status, 201, "{}", key.text());
    let mut shown = 0;
    for path in paths {
        let page = admin.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        page.hides("<script>alert");
        page.hides("<img src=x");
        shown += usize::from(page.text.contains("&#60;script&#62;alert(1)"));
    }
    assert!(shown >= 5, "and it is there: {shown}");
}

/// As a browser that sniffs would be told otherwise: a command line is a text, and what is in it ends no quote.
#[tokio::test]
async fn a_command_line_is_a_text_and_quotes_what_it_holds() {
    let app = App::start().await;
    let mut create = body("sync-3");
    create["webhookUrl"] = json!("https://app.example.com/hook?a='$(id)'`id`<script>alert(1)</script>");
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    app.ended(&id).await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    let delivery = app
        .until(|| async {
            let page = app.get(&format!("/postsync/v1/deliveries?generationId={id}&status=delivered")).await.json();
            page["items"][0]["id"].as_str().map(str::to_owned)
        })
        .await;
    let page = admin.get(&format!("/deliveries/{delivery}/curl/1")).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/plain; charset=utf-8"));
    page.shows(r"'https://app.example.com/hook?a='\''$(id)'\''`id`<script>alert(1)</script>' --");
    for path in ["/deliveries/dlv_1/curl/1", &*format!("/deliveries/{delivery}/curl/99")] {
        assert_eq!(admin.get(path).await.status, 404, "{path}");
    }
    assert_eq!(admin.get(&format!("/deliveries/{delivery}/curl/-1%27")).await.status, 400);
}

/// In a form as in a query: it names nothing, breaks nothing, and the header of a redirect holds none of it.
#[tokio::test]
async fn hostile_words_in_forms_do_nothing() {
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    let made = admin.submit("/webhooks/endpoints", &[("url", "https://app.example.com/all")]).await;
    let endpoint = made.header("location").split('?').next().unwrap().to_owned();
    let words = [EVIL, "'; DROP TABLE keys; --", "../../../etc/passwd", "x\r\nSet-Cookie: a=b", "\0", "//evil.example"];
    for word in words {
        for (path, field) in [
            ("/webhooks/secret", "do"),
            (&*endpoint, "do"),
            ("/replays/new", "status"),
            ("/keys", "scope"),
            ("/webhooks/endpoints", "url"),
        ] {
            let page = admin.submit(path, &[(field, word), ("name", "x")]).await;
            assert!(matches!(page.status, 400 | 404 | 409), "{} {path} {word:?}", page.status);
            page.hides("<script>alert");
            assert!(
                !page.headers.contains_key("set-cookie") && !page.headers.contains_key("location"),
                "{path} {word:?}"
            );
        }
    }
    assert_eq!(admin.get(&endpoint).await.status, 200, "all is there still");
    assert_eq!(admin.get("/keys").await.status, 200);
}

#[tokio::test]
async fn no_query_and_no_path_breaks_a_page() {
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    let evil = url::form_urlencoded::byte_serialize(EVIL.as_bytes()).collect::<String>();
    let long = "x".repeat(5_000);
    let values = [
        evil.as_str(),
        "%00",
        "%ff%fe",
        "'%20OR%201=1--",
        "..%2f..%2fetc%2fpasswd",
        "%0d%0aSet-Cookie:%20a=b",
        &long,
        "-1",
        "99999999999999999999",
    ];
    let paths = [
        "/generations",
        "/generations/live",
        "/deliveries",
        "/deliveries/live",
        "/destinations",
        "/batches",
        "/keys",
        "/usage",
        "/webhooks",
        "/webhooks/verify",
        "/webhooks/listeners/live",
        "/replays/new",
        "/",
        "/signin",
    ];
    let names = [
        "status",
        "after",
        "before",
        "endpoint",
        "generation",
        "did",
        "seen",
        "attempt",
        "next",
        "error",
        "since",
        "name",
    ];
    for path in paths {
        for name in names {
            for value in values {
                let page = admin.get(&format!("{path}?{name}={value}")).await;
                assert!(matches!(page.status, 200 | 400), "{} {path}?{name}={value}", page.status);
                page.hides("<script>alert");
            }
        }
    }
    for path in ["/generations/", "/deliveries/", "/batches/", "/replays/", "/webhooks/endpoints/", "/static/"] {
        for value in &values[..6] {
            let page = admin.get(&format!("{path}{value}")).await;
            assert!(matches!(page.status, 400 | 404), "{} {path}{value}", page.status);
            page.hides("<script>alert");
        }
    }
}

#[tokio::test]
async fn what_a_form_was_given_comes_back_as_text() {
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    for name in ["status", "error", "endpointId", "generationId", "since", "until", "again"] {
        let page = admin.submit("/replays/new", &[("do", "replay"), (name, EVIL)]).await;
        assert_eq!(page.status, 400, "{name}");
        page.hides("<script>alert");
    }
    let page = admin.submit("/webhooks/endpoints", &[("url", EVIL), ("description", EVIL), ("events", EVIL)]).await;
    assert_eq!(page.status, 400);
    page.hides("<script>alert");
}
