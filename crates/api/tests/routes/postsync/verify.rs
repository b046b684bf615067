//! `POST /postsync/v1/verify`.
use axum::body::Body;
use http::Method;
use postsync_core::Secret;
use postsync_core::verify::sign_sync;
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, App, CREATOR, READER, START, STRANGER, request};

const VERIFY: &str = "/postsync/v1/verify";
const SECRET: &str = "whsec_8f14e45fceea167a5a36dedd4bea2543";
const BODY: &str = r#"{"id":"1","status":"COMPLETED"}"#;

fn signed(secret: &str) -> String {
    sign_sync(&Secret::new(secret).unwrap(), START.unix_s(), BODY.as_bytes())
}

async fn ask(app: &App, key: &str, body: &Value) -> Answer {
    app.post(VERIFY, key, body.to_string()).await
}

/// Not verified, and the message says all of this.
async fn is_told(app: &App, body: &Value, words: &[&str]) {
    let answer = ask(app, READER, body).await;
    assert_eq!((answer.status, &answer.json()["verified"]), (200, &json!(false)), "{}", answer.text());
    for word in words {
        assert!(answer.json()["message"].as_str().unwrap().contains(word), "{word:?} in {}", answer.text());
    }
    assert!(!answer.text().contains("8f14e45f"), "a secret is not repeated");
}

#[tokio::test]
async fn without_a_secret_those_of_the_organization_are_tried() {
    let app = App::start().await;
    let answer = ask(&app, READER, &json!({"signature": signed(SECRET), "body": BODY})).await;
    let message = "verified: signed at 1795422077 (Unix time) with the secret of organization default.";
    assert_eq!((answer.status, answer.json()), (200, json!({"verified": true, "message": message})));

    let endpoint = json!({"url": "https://app.example.com/registered"}).to_string();
    let endpoint = app.post("/postsync/v1/endpoints", ADMIN, endpoint).await.json();
    let (id, own) = (endpoint["id"].as_str().unwrap(), endpoint["secret"].as_str().unwrap());
    let of_endpoint = json!({"signature": signed(own), "body": BODY});
    let answer = ask(&app, READER, &of_endpoint).await.json();
    assert_eq!(answer["verified"], true);
    assert!(answer["message"].as_str().unwrap().ends_with(&format!("with the secret of endpoint {id}.")), "{answer}");
    assert!(!answer.to_string().contains(own));

    let mut given = of_endpoint.clone();
    given["secret"] = json!(SECRET);
    is_told(&app, &given, &["another secret", &format!("the secret of endpoint {id}")]).await;
    given["secret"] = json!(format!("{SECRET}, {own}"));
    assert_eq!(ask(&app, READER, &given).await.json()["verified"], true, "several may be given");

    // Nobody learns of what others have.
    let theirs = ask(&app, STRANGER, &of_endpoint).await;
    assert_eq!(theirs.json()["verified"], false);
    assert!(!theirs.text().contains(id), "{}", theirs.text());
}

#[tokio::test]
async fn what_is_wrong_is_told_with_200() {
    let app = App::start().await;
    let signature = signed(SECRET);
    let asked = |signature: &str, body: &str| json!({"signature": signature, "body": body, "secret": SECRET});
    is_told(&app, &asked("", BODY), &["Sync-Signature is missing"]).await;
    is_told(&app, &asked("t=1", BODY), &["cut the value at the comma"]).await;
    is_told(&app, &asked(&signature, ""), &["empty", "express.raw"]).await;
    is_told(&app, &asked(&signature, r#"{"id": "1", "status": "COMPLETED"}"#), &["byte offset 6", "request.text()"])
        .await;
    is_told(&app, &asked(&signature.replace("v1=", "s="), BODY), &["called \"s\"", "the signature is right"]).await;
    app.clock.advance(std::time::Duration::from_secs(3_600));
    is_told(&app, &asked(&signature, BODY), &["it was made 3600 s ago", "300 s are tolerated"]).await;
    for (tolerance, verified) in [("2h", true), ("none", true), ("30m", false)] {
        let mut asked = asked(&signature, BODY);
        asked["tolerance"] = json!(tolerance);
        assert_eq!(ask(&app, READER, &asked).await.json()["verified"], verified, "{tolerance}");
    }
}

#[tokio::test]
async fn the_body_is_compared_with_the_bytes_on_record() {
    let app = App::start().await;
    let id = app.created("sync-3").await;
    app.ended(&id).await;
    let event = app.get("/postsync/v1/events").await.json()["items"][0].clone();
    let (id, sent) = (event["id"].as_str().unwrap(), event["body"].as_str().unwrap());
    let signature = sign_sync(&Secret::new(SECRET).unwrap(), START.unix_s(), sent.as_bytes());
    let mut asked = json!({"signature": signature, "body": sent, "eventId": id, "tolerance": "none"});
    let answer = ask(&app, READER, &asked).await.json();
    assert!(answer["message"].as_str().unwrap().ends_with(&format!("that of {id}, byte for byte.")), "{answer}");
    asked["body"] = json!(sent.replace("\"COMPLETED\"", "\"FAILED\""));
    is_told(&app, &asked, &[&format!("right for {id}"), "changed: status"]).await;
    for (key, id) in [(STRANGER, id), (READER, "evt_0000000000000"), (READER, "7")] {
        asked["eventId"] = json!(id);
        assert_eq!(ask(&app, key, &asked).await.refusal(), "404 event_not_found -", "{key} {id}");
    }
}

#[tokio::test]
async fn a_question_is_judged() {
    let app = App::start().await;
    let with = |member: &str, value: Value| {
        let mut asked = json!({"signature": signed(SECRET), "body": BODY, "secret": SECRET});
        asked[member] = value;
        asked
    };
    for (asked, field) in [
        (json!({}), "signature"),
        (json!({"signature": "t=1,v1=00"}), "body"),
        (with("body", json!({"id": "1"})), "body"),
        (with("body", json!("x".repeat(1024 * 1024 + 1))), "body"),
        (with("signature", json!("x".repeat(8 * 1024 + 1))), "signature"),
        (with("secret", json!("8f14e45f")), "secret"),
        (with("secret", json!("whsec_a,whsec_b,".repeat(5) + SECRET)), "secret"),
        (with("secret", json!(["whsec_a"])), "secret"),
        (with("tolerance", json!("soon")), "tolerance"),
        (with("tolerance", json!(5)), "tolerance"),
        (with("eventId", json!(5)), "eventId"),
        (with("event", json!("evt_0000000000000")), "event"),
    ] {
        let answer = ask(&app, READER, &asked).await;
        assert_eq!(answer.refusal(), format!("400 invalid_request {field}"), "{}", answer.text());
        assert!(!answer.text().contains("8f14e45f"), "a secret is not repeated");
    }
    assert_eq!(app.post(VERIFY, READER, "[]").await.refusal(), "400 invalid_request -");
    assert_eq!(ask(&app, CREATOR, &json!({})).await.refusal(), "403 insufficient_scope -");
    let form = request(Method::POST, VERIFY, None, Body::empty());
    assert_eq!(app.send(form).await.status, 401);
}

/// The most that can be asked for is answered soon: 64 endpoints' secrets, and a body that none of them fits.
#[tokio::test]
async fn a_large_body_and_many_secrets_are_bounded() {
    let app = App::start().await;
    for number in 0..postsync_core::limits::ENDPOINTS_MAX {
        let endpoint = json!({"url": format!("https://app.example.com/{number}")}).to_string();
        assert_eq!(app.post("/postsync/v1/endpoints", ADMIN, endpoint).await.status, 201);
    }
    let large = format!("{{\"id\":\"{}\"}}", "x".repeat(900_000));
    is_told(&app, &json!({"signature": signed(SECRET), "body": large}), &["another secret than the 65"]).await;
}
