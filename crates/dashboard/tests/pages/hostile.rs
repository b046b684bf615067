//! Texts of users, receivers and upstreams are texts on every page, and no query breaks one.
use bytes::Bytes;
use postsync_core::attempt::Answer;
use postsync_core::outcome::{Outcome, SendReport};
use serde_json::json;

use crate::browser::{Browser, router};
use crate::harness::{ADMIN, App, body};

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
