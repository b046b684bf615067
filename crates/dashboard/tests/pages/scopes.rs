//! A key does on the pages what it may do over the API: for its scopes, and for its organization.
use serde_json::json;

use crate::browser::{Browser, router};
use crate::harness::{ADMIN, App, CREATOR, READER, STRANGER, body};

const SECRET: &str = "whsec_8f14e45fceea167a5a36dedd4bea2543";

/// A delivery of a generation that has ended; their ids.
pub(crate) async fn delivered(app: &App) -> (String, String) {
    let mut create = body("sync-3");
    create["webhookUrl"] = json!("https://app.example.com/hook?token=shh");
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    app.ended(&id).await;
    let delivery = app
        .until(|| async {
            let page = app.get(&format!("/postsync/v1/deliveries?generationId={id}&status=delivered")).await.json();
            page["items"][0]["id"].as_str().map(str::to_owned)
        })
        .await;
    (id, delivery)
}

#[tokio::test]
async fn a_read_key_sees_no_secret_and_no_button_that_it_may_not_use() {
    let app = App::start().await;
    let (generation, delivery) = delivered(&app).await;
    let reader = Browser::signed_in(&router(&app), READER).await;
    for path in [
        "/",
        "/generations",
        &format!("/generations/{generation}"),
        "/deliveries",
        &format!("/deliveries/{delivery}"),
        "/webhooks",
        "/destinations",
        "/batches",
        "/usage",
    ] {
        let page = reader.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        for never in [SECRET, "Reveal", "Replay", "Retry", "New generation", "Cancel"] {
            assert!(!page.text.contains(never), "{never} on {path}");
        }
    }
    assert_eq!(reader.get("/keys").await.status, 403);
    assert_eq!(reader.get("/generations/new").await.status, 403);
    assert_eq!(reader.get("/replays/new").await.status, 403);
    for (path, what) in [
        ("/webhooks/secret", "reveal"),
        ("/webhooks/secret", "prepare"),
        ("/webhooks/endpoints", ""),
        ("/keys", ""),
        ("/replays/new", "replay"),
        (&*format!("/deliveries/{delivery}/replay"), ""),
        (&*format!("/generations/{generation}/retry"), ""),
        (&*format!("/generations/{generation}/cancel"), ""),
    ] {
        let page =
            reader.submit(path, &[("do", what), ("name", "x"), ("scope", "admin"), ("status", "delivered")]).await;
        assert_eq!(page.status, 403, "{path} {what}");
        page.hides(SECRET);
    }
}

#[tokio::test]
async fn another_organizations_are_not_there() {
    let app = App::start().await;
    let (generation, delivery) = delivered(&app).await;
    let router = router(&app);
    let admin = Browser::signed_in(&router, ADMIN).await;
    let made = admin.submit("/webhooks/endpoints", &[("url", "https://app.example.com/all")]).await;
    let endpoint = made.header("location").split('?').next().unwrap().to_owned();
    let begun = admin.submit("/replays/new", &[("do", "replay"), ("status", "delivered")]).await;
    let replay = begun.header("location").to_owned();
    assert!(endpoint.starts_with("/webhooks/endpoints/ep_") && replay.starts_with("/replays/rpl_"));
    let stranger = Browser::signed_in(&router, STRANGER).await;
    for path in [
        &*format!("/generations/{generation}"),
        &format!("/generations/{generation}/live"),
        &format!("/generations/{generation}/deliveries"),
        &format!("/deliveries/{delivery}"),
        &format!("/deliveries/{delivery}/live"),
        &format!("/deliveries/{delivery}/curl/1"),
        &endpoint,
        &replay,
        &format!("{replay}/live"),
        "/batches/0190a5a4-0000-7000-8000-000000000000",
    ] {
        assert_eq!(stranger.get(path).await.status, 404, "{path}");
    }
    for path in [
        format!("/generations/{generation}/cancel"),
        format!("/generations/{generation}/retry"),
        format!("/deliveries/{delivery}/replay"),
        "/keys/key_1/revoke".to_owned(),
    ] {
        assert_eq!(stranger.submit(&path, &[]).await.status, 404, "{path}");
    }
    for what in ["reveal", "test", "delete", "prepare", "pause", "change"] {
        assert_eq!(stranger.submit(&endpoint, &[("do", what)]).await.status, 404, "{what}");
    }
    for path in ["/", "/generations", "/deliveries", "/webhooks", "/destinations", "/usage"] {
        let page = stranger.get(path).await;
        for never in [&*generation, &*delivery, "app.example.com/all"] {
            page.hides(never);
        }
    }
    assert_eq!(admin.get(&endpoint).await.status, 200, "it is still there");
}

#[tokio::test]
async fn a_generate_key_that_may_not_read_is_told_so() {
    let app = App::start().await;
    let page = Browser::new(&router(&app)).sign_in(CREATOR, "/").await;
    assert_eq!(page.status, 403);
    page.shows("lacks the scope read");
}
