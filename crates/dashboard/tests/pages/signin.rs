//! `/signin`, `/signout`: a key for a session, and nothing else for one.
use std::time::Duration;

use postsync_core::ids::OrgId;

use crate::browser::{Browser, router};
use crate::harness::{ADMIN, App, READER, WORKER};

const SESSION: &str = "__Host-postsync_session";

#[tokio::test]
async fn a_key_signs_in_and_the_overview_leads_everywhere() {
    let app = App::start().await;
    let browser = Browser::new(&router(&app));
    let form = browser.get("/").await;
    assert_eq!(form.status, 200);
    assert_eq!(form.text.matches("<input").count() - form.text.matches("type=\"hidden\"").count(), 1, "one field");
    assert_eq!(browser.sign_in(READER, "/").await.header("location"), "/");
    let home = browser.get("/").await;
    for name in ["Generations", "Deliveries", "Webhooks", "Destinations", "Batches", "Keys", "Usage"] {
        home.shows(&format!(">{name}</a>"));
    }
    let out = browser.submit("/signout", &[]).await;
    assert_eq!((out.status, out.header("location")), (303, "/signin"));
    assert!(!browser.cookies.lock().unwrap().contains_key(SESSION));
    assert_eq!(browser.get("/deliveries").await.header("location"), "/signin?next=%2Fdeliveries");
}

#[tokio::test]
async fn what_is_no_key_is_refused_and_counted() {
    let app = App::start().await;
    let browser = Browser::new(&router(&app));
    let page = browser.sign_in("no such key", "/").await;
    assert_eq!(page.status, 401);
    page.shows("That key does not work.");
    page.hides("no such key");
    assert_eq!(browser.sign_in(WORKER, "/").await.status, 403, "it lacks the scope read");
    let mut refused = 0;
    while browser.sign_in("no such key", "/").await.status == 401 {
        refused += 1;
        assert!(refused <= postsync_core::limits::REFUSED_PER_MINUTE, "sign-ins are never too many");
    }
    let page = browser.sign_in("no such key", "/").await;
    assert_eq!(page.status, 429);
    assert!(page.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert_eq!(browser.sign_in(READER, "/").await.status, 303, "a key that works is not locked out");
}

#[tokio::test]
async fn a_planted_session_is_worth_nothing() {
    let app = App::start().await;
    let browser = Browser::new(&router(&app));
    let planted = "0".repeat(64);
    browser.cookies.lock().unwrap().insert(SESSION.to_owned(), planted.clone());
    assert_eq!(browser.get("/generations").await.status, 303);
    browser.sign_in(READER, "/").await;
    let first = browser.cookies.lock().unwrap()[SESSION].clone();
    assert_ne!(first, planted);
    browser.sign_in(READER, "/").await;
    let second = browser.cookies.lock().unwrap().insert(SESSION.to_owned(), first.clone()).unwrap();
    assert_ne!(first, second);
    assert_eq!(browser.get("/generations").await.status, 303, "the session before a sign-in has ended");
}

#[tokio::test]
async fn a_session_ends_with_its_key_and_with_its_time() {
    let app = App::start().await;
    let router = router(&app);
    let (reader, admin) = (Browser::signed_in(&router, READER).await, Browser::signed_in(&router, ADMIN).await);
    assert_eq!(reader.get("/generations").await.status, 200);
    let hash = postsync_core::access::key_hash(READER);
    let key = app.engine.store().key_by_hash(hash).await.unwrap().unwrap();
    app.engine.revoke_key(&OrgId::new("default"), key.id).await.unwrap();
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(reader.get("/generations").await.status, 303);
    app.clock.advance(Duration::from_secs(12 * 60 * 60 - 2));
    assert_eq!(admin.get("/generations").await.status, 200);
    app.clock.advance(Duration::from_secs(2));
    assert_eq!(admin.get("/generations").await.status, 303);
}

#[tokio::test]
async fn a_sign_in_leads_to_our_own_pages_only() {
    let app = App::start().await;
    let browser = Browser::new(&router(&app));
    for (next, want) in [
        ("/deliveries?status=due", "/deliveries?status=due"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
    ] {
        assert_eq!(browser.sign_in(READER, next).await.header("location"), want);
    }
    browser.get("/signin?next=//evil.example").await.hides("evil");
}

#[tokio::test]
async fn a_session_is_no_key() {
    let app = App::start().await;
    let browser = Browser::signed_in(&router(&app), ADMIN).await;
    let cookie = format!("{SESSION}={}", browser.cookies.lock().unwrap()[SESSION]);
    for path in ["/v2/generations", "/postsync/v1/deliveries", "/postsync/v1/secret", "/metrics"] {
        let mut request = crate::harness::request(http::Method::GET, path, None, axum::body::Body::empty());
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        assert_eq!(app.send(request).await.status, 401, "{path}");
    }
}
