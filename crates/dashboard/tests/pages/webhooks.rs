//! `/webhooks`: the secret is shown when it is asked for and rotated in its stages; endpoints are looked after.
use crate::browser::{Browser, router};
use crate::harness::{ADMIN, App};

const SECRET: &str = "whsec_8f14e45fceea167a5a36dedd4bea2543";

#[tokio::test]
async fn the_secret_is_shown_once_it_is_asked_for_and_rotates_in_its_stages() {
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    let page = admin.get("/webhooks").await;
    page.shows(">Reveal</button>");
    page.hides("whsec_");
    let page = admin.submit("/webhooks/secret", &[("do", "reveal")]).await;
    page.shows(SECRET);
    for (step, said, stage) in [
        ("prepare", "A next secret is prepared", "prepared"),
        ("switch", "The next secret is the current one", "switched"),
        ("expire", "The previous secret signs no more", "stable"),
    ] {
        let page = admin.submit("/webhooks/secret", &[("do", step)]).await;
        assert_eq!(page.status, 303, "{step}: {}", page.text);
        let page = admin.get(page.header("location")).await;
        page.shows(said);
        page.shows(&format!("id=\"stage\">{stage}<"));
        page.hides("whsec_");
    }
    let page = admin.submit("/webhooks/secret", &[("do", "reveal")]).await;
    page.shows("whsec_");
    page.hides(SECRET);
    let page = admin.submit("/webhooks/secret", &[("do", "switch")]).await;
    assert_eq!(page.status, 409);
    page.shows("No next secret is prepared");
    assert_eq!(admin.submit("/webhooks/secret", &[("do", "nonsense")]).await.status, 400);
}

#[tokio::test]
async fn an_endpoint_is_registered_tested_paused_changed_and_deleted() {
    let app = App::start().await;
    let admin = Browser::signed_in(&router(&app), ADMIN).await;
    let page = admin.submit("/webhooks/endpoints", &[("url", "http://10.0.0.1/x"), ("description", "<i>mine")]).await;
    assert_eq!(page.status, 400);
    page.shows("role=\"alert\"");
    page.shows("value=\"&#60;i&#62;mine\"");
    let fields = [("url", "https://app.example.com/hook"), ("description", "mine"), ("events", "generation.failed")];
    let page = admin.submit("/webhooks/endpoints", &fields).await;
    assert_eq!(page.status, 303, "{}", page.text);
    let path = page.header("location").split('?').next().unwrap().to_owned();
    let page = admin.get(&path).await;
    page.shows("generation.failed");
    page.hides("whsec_");
    admin.submit(&path, &[("do", "reveal")]).await.shows("whsec_");
    let page = admin.submit(&path, &[("do", "test")]).await;
    assert!(page.header("location").starts_with("/deliveries/dlv_"), "{}", page.text);
    for (what, state) in [("pause", "paused"), ("enable", "enabled")] {
        admin.submit(&path, &[("do", what)]).await;
        admin.get(&path).await.shows(&format!("id=\"status\">{state}<"));
    }
    let page = admin.submit(&path, &[("do", "change"), ("url", "https://app.example.com/other")]).await;
    assert_eq!(page.header("location"), format!("{path}?did=changed"));
    admin.get(&path).await.shows("https://app.example.com/other");
    assert_eq!(admin.submit(&path, &[("do", "change"), ("url", "gopher://x")]).await.status, 400);
    assert_eq!(admin.submit(&path, &[("do", "delete")]).await.header("location"), "/webhooks?did=deleted");
    assert_eq!(admin.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_key_is_shown_once_and_revoked() {
    let app = App::start().await;
    let router = router(&app);
    let admin = Browser::signed_in(&router, ADMIN).await;
    for wrong in [[("name", ""), ("scope", "read")], [("name", "x"), ("scope", "root")]] {
        assert_eq!(admin.submit("/keys", &wrong).await.status, 400);
    }
    let page = admin.submit("/keys", &[("name", "<b>phone"), ("scope", "read")]).await;
    page.hides("<b>phone");
    let text =
        page.text.split("id=\"made\" class=\"secret\" tabindex=\"0\">").nth(1).unwrap().split('<').next().unwrap();
    let phone = Browser::signed_in(&router, text).await;
    let page = admin.get("/keys").await;
    page.hides(text);
    let id = page.text.split("/keys/").nth(2).or(page.text.split("/keys/").nth(1)).unwrap();
    let id = id.split('/').next().unwrap().to_owned();
    let page = admin.submit(&format!("/keys/{id}/revoke"), &[]).await;
    assert_eq!(page.header("location"), "/keys?did=revoked");
    drop(phone);
}
