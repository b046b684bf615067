//! `/postsync/v1/secret`.
use std::time::Duration;

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN, App, CREATOR, READER, STRANGER, request};

const SECRET: &str = "whsec_8f14e45fceea167a5a36dedd4bea2543";

async fn step(app: &App, what: &str, body: &Value) -> Value {
    let answer = app.post(&format!("/postsync/v1/secret/{what}"), ADMIN, body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let shown = app.get("/postsync/v1/secret").await.json();
    assert_eq!(answer.json(), shown, "what is answered is what is shown");
    shown
}

#[tokio::test]
async fn a_rotation_from_stage_to_stage() {
    let app = App::start().await;
    let shown = app.get("/postsync/v1/secret").await;
    assert_eq!(shown.headers["cache-control"], "no-store");
    let stable = json!({"secret": SECRET, "next": null, "previous": null, "stage": "stable", "expiresAt": null});
    assert_eq!(shown.json(), stable);
    let as_sync_has_it = app.get("/v2/organizations/webhook/secret").await;
    assert_eq!(as_sync_has_it.headers["cache-control"], "no-store");
    assert_eq!(as_sync_has_it.json(), json!({"secret": SECRET}));

    let prepared = step(&app, "prepare", &json!({})).await;
    let next = prepared["next"].as_str().unwrap().to_owned();
    assert!(next.starts_with("whsec_") && next != SECRET);
    assert_eq!((&prepared["secret"], &prepared["stage"]), (&json!(SECRET), &json!("prepared")));
    assert_eq!(step(&app, "prepare", &json!({})).await, prepared, "asked twice, it is the same one");

    let switched = step(&app, "switch", &json!({})).await;
    let expected = json!({
        "secret": next, "next": null, "previous": SECRET, "stage": "switched", "expiresAt": "2026-11-24T08:21:17.123Z",
    });
    assert_eq!(switched, expected);
    let sooner = step(&app, "expire", &json!({"duration": "1h"})).await;
    assert_eq!(sooner["expiresAt"], "2026-11-23T09:21:17.123Z");
    app.clock.advance(Duration::from_secs(3_600));
    let expired = app.get("/postsync/v1/secret").await.json();
    assert_eq!((&expired["previous"], &expired["stage"]), (&Value::Null, &json!("stable")));

    let imported = step(&app, "import", &json!({"secret": "whsec_from-elsewhere", "next": true})).await;
    assert_eq!((&imported["secret"], &imported["next"]), (&json!(next), &json!("whsec_from-elsewhere")));
    let imported = step(&app, "import", &json!({"secret": SECRET})).await;
    assert_eq!(imported, stable, "at once, and every other one ends");
    step(&app, "prepare", &json!({})).await;
    step(&app, "switch", &json!({})).await;
    assert_eq!(step(&app, "expire", &json!({"duration": "0"})).await["stage"], "stable");
}

#[tokio::test]
async fn a_body_is_not_needed() {
    let app = App::start().await;
    for what in ["prepare", "switch", "expire"] {
        let path = format!("/postsync/v1/secret/{what}");
        let answer = app.send(request(Method::POST, &path, Some(ADMIN), Body::empty())).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(app.get("/postsync/v1/secret").await.json()["expiresAt"], "2026-11-24T08:21:17.123Z");
}

#[tokio::test]
async fn what_can_not_be_done_is_said() {
    let app = App::start().await;
    for (what, body, status, words) in [
        ("switch", json!({}), 409, "No next secret is prepared"),
        ("expire", json!({}), 409, "There is no previous secret"),
        ("expire", json!({"duration": "8d"}), 400, "duration is longer than 7 days"),
        ("expire", json!({"duration": "soon"}), 400, "duration must be"),
        ("expire", json!({"duration": 5}), 400, "duration must be"),
        ("import", json!({}), 400, "secret is missing"),
        ("import", json!({"secret": 7}), 400, "secret must be a string"),
        ("import", json!({"secret": "8f14"}), 400, "secret: A signing secret starts with whsec_"),
        ("import", json!({"secret": "whsec_x", "next": "yes"}), 400, "next must be true or false"),
        ("import", json!({"secret": SECRET, "next": true}), 409, "current one already"),
        ("prepare", json!({"endpointId": 7}), 400, "endpointId must be"),
        ("prepare", json!({"endpointId": "ep_0000000000007"}), 404, "endpoint does not exist"),
        ("switch", json!([]), 400, "must be a JSON object"),
    ] {
        let answer = app.post(&format!("/postsync/v1/secret/{what}"), ADMIN, body.to_string()).await;
        assert!(answer.status == status && answer.text().contains(words), "{what} {body}: {}", answer.text());
        assert!(!answer.text().contains("8f14e45f"), "a secret is not repeated");
    }
    let answer = app.get("/postsync/v1/secret?endpointId=ep_0000000000007").await;
    assert_eq!((answer.status, answer.json()["errorCode"].clone()), (404, json!("endpoint_not_found")));
}

#[tokio::test]
async fn only_an_admin_sees_and_moves_them_and_only_its_own() {
    let app = App::start().await;
    for key in [READER, CREATOR] {
        let seen = app.send(request(Method::GET, "/postsync/v1/secret", Some(key), Body::empty())).await;
        assert_eq!(seen.status, 403, "{}", seen.text());
        for what in ["prepare", "switch", "expire", "import"] {
            assert_eq!(app.post(&format!("/postsync/v1/secret/{what}"), key, "{").await.status, 403, "before the body");
        }
    }
    let theirs = app.post("/postsync/v1/secret/prepare", STRANGER, "{}").await;
    assert_eq!(theirs.json()["stage"], "prepared");
    assert_eq!(app.get("/postsync/v1/secret").await.json()["stage"], "stable");
}

/// A misspelled `endpointId` would otherwise change the organization's secret, under which all other webhooks are signed.
#[tokio::test]
async fn whose_secret_is_meant_is_never_guessed() {
    let app = App::start().await;
    let before = app.get("/postsync/v1/secret").await.json();
    let import = |member: &str| json!({member: "ep_1m8b34qr60001", "secret": "whsec_from-elsewhere"}).to_string();
    for (path, body, status, names) in [
        ("import", import("endpointID"), 400, "endpointID"),
        ("import", import("endpoint_id"), 400, "endpoint_id"),
        ("prepare", json!({"endpoint": "x"}).to_string(), 400, "endpoint"),
        ("prepare?endpointId=", "{}".to_owned(), 400, "endpointId"),
        ("prepare?endpointId=ep_1m8b34qr60001", json!({"endpointId": "ep_other"}).to_string(), 404, ""),
        ("prepare?endpointId=ep_1m8b34qr60001", "{bad".to_owned(), 404, ""),
        ("expire", json!({"endpointId": "ep_1m8b34qr60001", "duration": "xx"}).to_string(), 404, ""),
    ] {
        let answer = app.post(&format!("/postsync/v1/secret/{path}"), ADMIN, body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().contains(names), "{}", answer.text());
    }
    assert_eq!(app.get("/postsync/v1/secret").await.json(), before);
}
