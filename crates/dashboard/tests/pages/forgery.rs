//! Forms that did not come from a page of the session's own change nothing.
use axum::body::Body;
use axum::extract::Request;
use http::Method;
use postsync_core::ids::OrgId;
use postsync_core::rotation::SecretOwner;

use crate::browser::{Browser, router};
use crate::harness::{ADMIN, App, READER};

/// All that take a form, but for those of several parts, which have tests of their own, and the sign-in.
const PATHS: [&str; 10] = [
    "/signout",
    "/webhooks/secret",
    "/webhooks/endpoints",
    "/webhooks/endpoints/ep_1",
    "/keys",
    "/keys/key_1/revoke",
    "/replays/new",
    "/deliveries/dlv_1/replay",
    "/generations/0190a5a4-0000-7000-8000-000000000000/cancel",
    "/generations/0190a5a4-0000-7000-8000-000000000000/retry",
];

#[test]
fn each_form_of_the_pages_is_among_them() {
    let elsewhere = ["/signin", "/generations/upload", "/webhooks/verify"];
    let routes = include_str!("../../src/routes/mod.rs").split(".route(\"").skip(1);
    let forms = routes.filter(|route| route.split_once(";").map_or(*route, |(route, _)| route).contains("post("));
    let mut count = 0;
    for path in forms.map(|route| route.split('"').next().unwrap()) {
        let has_shape = |own: &str| {
            let (own, path) = (own.split('/'), path.split('/'));
            own.clone().count() == path.clone().count()
                && own.zip(path).all(|(own, part)| part.starts_with('{') || own == part)
        };
        assert!(elsewhere.contains(&path) || PATHS.iter().any(|own| has_shape(own)), "{path}");
        count += 1;
    }
    assert_eq!(count, PATHS.len() + elsewhere.len());
}

#[tokio::test]
async fn no_link_does_what_a_form_does() {
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    let token = admin.token().await;
    for path in PATHS {
        let link = format!("{path}?csrf={token}&do=prepare&name=x&scope=admin");
        let page = admin.any(Request::builder().uri(link).body(Body::empty()).unwrap()).await;
        assert!(matches!(page.status, 200 | 404 | 405), "{} {path}", page.status);
    }
    let owner = SecretOwner::org(&OrgId::new("default"));
    assert_eq!(app.engine.signing(&owner).await.unwrap().unwrap().stage(app.engine.now()).as_str(), "stable");
    assert_eq!(admin.get("/deliveries").await.status, 200, "and nobody was signed out");
}

#[tokio::test]
async fn no_form_counts_without_the_token_of_its_session() {
    let app = App::start().await;
    let router = router(&app);
    let (admin, reader) = (Browser::signed_in(&router, ADMIN).await, Browser::signed_in(&router, READER).await);
    let others = reader.token().await;
    for path in PATHS {
        for token in ["", "00", &others] {
            let page = admin.post(path, &[("csrf", token), ("do", "prepare"), ("name", "x"), ("scope", "admin")]).await;
            assert_eq!(page.status, 403, "{path} with {token:?}");
        }
        assert_eq!(
            Browser::new(&router).post(path, &[("csrf", &others)]).await.status,
            303,
            "{path}: nobody is signed in"
        );
    }
    let owner = SecretOwner::org(&OrgId::new("default"));
    assert_eq!(app.engine.signing(&owner).await.unwrap().unwrap().stage(app.engine.now()).as_str(), "stable");
    assert_eq!(admin.get("/deliveries").await.status, 200, "and nobody was signed out");
}

#[tokio::test]
async fn an_upload_is_refused_before_it_is_read() {
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    for query in ["", "?csrf=", "?csrf=0123"] {
        let never = Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/generations/upload{query}"))
            .header("content-type", "multipart/form-data; boundary=x")
            .body(never)
            .unwrap();
        assert_eq!(admin.send(request).await.status, 403);
    }
    assert!(app.media.files().is_empty());
}

#[tokio::test]
async fn nobody_signs_a_strangers_browser_in() {
    let app = App::start().await;
    let router = router(&app);
    let (mine, strangers) = (Browser::new(&router), Browser::new(&router));
    let form = mine.get("/signin").await;
    let fields = [("csrf", form.hidden("csrf")), ("key", READER)];
    assert_eq!(strangers.post("/signin", &fields).await.status, 403, "it has not loaded that form");
    strangers.get("/signin").await;
    assert_eq!(strangers.post("/signin", &fields).await.status, 403);
    assert_eq!(mine.post("/signin", &fields).await.status, 303);
}

#[tokio::test]
async fn forms_that_never_come_hold_up_no_page() {
    let app = App::start().await;
    let router = router(&app);
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let never = Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
        let request = Request::builder()
            .method(Method::POST)
            .uri("/signin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(never)
            .unwrap();
        let browser = Browser::new(&router);
        waiting.spawn(async move { browser.send(request).await.status });
    }
    tokio::task::yield_now().await;
    let shown = tokio::time::timeout(std::time::Duration::from_secs(4), Browser::new(&router).get("/")).await;
    assert_eq!(shown.expect("a page waits for none of them").status, 200);
    waiting.abort_all();
}

#[tokio::test]
async fn a_form_is_small_and_urlencoded() {
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    let large = "x".repeat(70_000);
    assert_eq!(admin.submit("/keys", &[("name", &large)]).await.status, 400);
    let mut request = Request::builder().method(Method::POST).uri("/keys").body(Body::from("{}")).unwrap();
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    assert_eq!(admin.send(request).await.status, 400);
}
