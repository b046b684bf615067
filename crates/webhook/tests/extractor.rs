//! The extractor for axum: what reaches a handler, and what the sender of anything else is told.
#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::Request;
use axum::routing::post;
use postsync_webhook::axum::{Refused, Verifier, Webhook};
use postsync_webhook::{Secret, Signers, headers};
use tower::ServiceExt as _;

const BODY: &str = r#"{"id":"1","status":"COMPLETED"}"#;

#[derive(Clone, FromRef)]
struct State {
    verifier: Verifier,
}

async fn receive(webhook: Webhook) -> String {
    let Webhook { event_id, event, attempt, body, verified, .. } = webhook;
    format!("{event_id:?} {event:?} {attempt:?} {} {}", body.len(), verified.secret_index)
}

async fn explain(webhook: Result<Webhook, Refused>) -> String {
    webhook.map_or_else(|refused| refused.to_string(), |_| "taken".to_owned())
}

fn app(verifier: Verifier) -> Router {
    let routes = Router::new().route("/webhook", post(receive)).route("/explained", post(explain));
    routes.layer(DefaultBodyLimit::max(1_000)).with_state(State { verifier })
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

async fn post_to(path: &str, secret: &Secret, t_unix_s: i64, body: &str) -> (u16, String) {
    let (old, new) = (Secret::generate([1; 32]), Secret::generate([2; 32]));
    let verifier = Verifier::parse(&format!("{},{}", old.expose(), new.expose())).unwrap();
    let mut request =
        Request::post(path).header("postsync-attempt", "2").header("postsync-event", "generation.completed");
    for (name, value) in headers(Signers::one(secret), "evt_1", t_unix_s, BODY.as_bytes()) {
        request = request.header(name, value);
    }
    let answer = app(verifier).oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    (status, String::from_utf8(to_bytes(answer.into_body(), 10_000).await.unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn a_genuine_one_reaches_the_handler_under_any_of_the_secrets() {
    for i in [1_u8, 2] {
        let said = post_to("/webhook", &Secret::generate([i; 32]), now(), BODY).await;
        let wanted = format!("Some(\"evt_1\") Some(\"generation.completed\") Some(2) {} {}", BODY.len(), i - 1);
        assert_eq!(said, (200, wanted));
    }
}

#[tokio::test]
async fn the_sender_of_anything_else_is_told_nothing_but_no() {
    let (known, foreign) = (Secret::generate([1; 32]), Secret::generate([3; 32]));
    let changed = BODY.replace("COMPLETED", "FAILED");
    for (secret, t, body, cause) in [
        (&foreign, now(), BODY, "another secret"),
        (&known, now() - 3_600, BODY, "ago"),
        (&known, now() + 3_600, BODY, "in the future"),
        (&known, now(), &*changed, "another secret than the 2 given, or the body's content was changed"),
        (&known, now(), "", "The body is empty"),
    ] {
        assert_eq!(post_to("/webhook", secret, t, body).await, (400, "Invalid signature".to_owned()), "{cause}");
        let (status, said) = post_to("/explained", secret, t, body).await;
        assert!(status == 200 && said.contains(cause), "{cause}: {said}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read() {
    let (status, said) = post_to("/webhook", &Secret::generate([1; 32]), now(), &"x".repeat(1_001)).await;
    assert_eq!(status, 413, "{said}");
    let (_, said) = post_to("/explained", &Secret::generate([1; 32]), now(), &"x".repeat(1_001)).await;
    assert!(said.starts_with("The body could not be read: "), "{said}");
}

#[tokio::test]
async fn a_request_without_a_signature_and_a_tolerance_of_ones_own() {
    let secret = Secret::generate([1; 32]);
    let answer = app(Verifier::new(vec![secret.clone()]))
        .oneshot(Request::post("/explained").body(Body::from(BODY)).unwrap())
        .await
        .unwrap();
    let said = to_bytes(answer.into_body(), 10_000).await.unwrap();
    assert!(String::from_utf8_lossy(&said).starts_with("The header Sync-Signature is missing"));
    let mut request = Request::post("/webhook");
    for (name, value) in headers(Signers::one(&secret), "evt_1", now() - 3_600, BODY.as_bytes()) {
        request = request.header(name, value);
    }
    let patient = Verifier::new(vec![secret]).with_tolerance(Duration::from_hours(2));
    let answer = app(patient).oneshot(request.body(Body::from(BODY)).unwrap()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
}

#[test]
fn what_is_no_secret_is_refused_at_the_start() {
    for (text, cause) in
        [("", "starts with whsec_"), ("whsec_", "Nothing follows"), ("whsec_a,b", "starts with whsec_")]
    {
        assert!(Verifier::parse(text).unwrap_err().to_string().contains(cause), "{text}");
    }
}
