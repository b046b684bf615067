//! `Idempotency-Key` on `POST /v2/batch` and `POST /v2/assets`: as on `POST /v2/generate`.
use axum::body::Body;
use http::{Method, Request};
use postsync_api::ApiSettings;
use postsync_core::batch::RowLimits;
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, App, CREATOR, Form, READER, STRANGER, body, request};

async fn app() -> App {
    App::with(ApiSettings { batch_rows: RowLimits { min: 1, max: 2 }, ..ApiSettings::default() }).await
}

fn keyed(mut request: Request<Body>, key: &str) -> Request<Body> {
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

async fn post(app: &App, who: &str, path: &str, key: &str, body: &str) -> Answer {
    let mut request = request(Method::POST, path, Some(who), body.to_owned().into());
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    app.send(keyed(request, key)).await
}

fn rows(request_id: &str) -> Value {
    json!([{"request_id": request_id, "endpoint": "/v2/generate", "payload": body("lipsync-2")}])
}

fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == Some("true")
}

#[tokio::test]
async fn the_same_batch_again_is_the_same_batch() {
    let app = app().await;
    let whole = json!({"rows": rows("a")}).to_string();
    let send = async |who: &'static str, key: &'static str, body: &str| post(&app, who, "/v2/batch", key, body).await;
    let first = send(ADMIN, "k", &whole).await;
    assert!(!replayed(&first));
    app.made.started().await;
    app.made.finish_one();
    let path = format!("/v2/batch/{}", id(&first));
    app.until(|| async { (app.get(&path).await.json()["status"] == "COMPLETED").then_some(()) }).await;
    let again = send(CREATOR, "k", &whole.replace(",", " ,\n")).await;
    assert!(replayed(&again) && id(&again) == id(&first), "{}", again.text());
    assert_eq!(again.json()["status"], "COMPLETED", "as it is now");
    let other = json!({"rows": rows("b")}).to_string();
    assert_eq!(send(ADMIN, "k", &other).await.refusal(), "409 IDEMPOTENCY_KEY_REUSED -");
    assert_ne!(id(&send(STRANGER, "k", &whole).await), id(&first), "each organization has its own keys");
    assert_eq!(send(READER, "k", &whole).await.status, 403, "a scope that is missing comes first");
    assert_eq!(app.get("/v2/batch").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_form_counts_by_its_fields() {
    let app = app().await;
    let form = |boundary, names: [&str; 2], url: &str| {
        let record = format!("{}\n", rows("a")[0]);
        let form = Form::default().file(names[0], "batch.jsonl", record.as_bytes()).text(names[1], url);
        let mut request = form.bounded_by(boundary).post();
        *request.uri_mut() = "/v2/batch".parse().unwrap();
        keyed(request, "k")
    };
    let url = "https://app.example.com/batch";
    let first = app.send(form("one", ["input", "webhook_url"], url)).await;
    let again = app.send(form("two", ["file", "webhookUrl"], url)).await;
    assert!(replayed(&again) && id(&again) == id(&first), "the boundary and which name a field has do not count");
    let other = app.send(form("one", ["input", "webhook_url"], "https://app.example.com/other")).await;
    assert_eq!(other.refusal(), "409 IDEMPOTENCY_KEY_REUSED -");
}

#[tokio::test]
async fn what_makes_no_batch_uses_no_key() {
    let app = app().await;
    let dry = json!({"rows": rows("a"), "dry_run": true}).to_string();
    assert_eq!(post(&app, ADMIN, "/v2/batch", "k", &dry).await.json()["status"], "VALIDATED");
    assert_eq!(post(&app, ADMIN, "/v2/batch", "k", r#"{"rows":[]}"#).await.status, 400);
    assert_eq!(
        post(&app, ADMIN, "/v2/batch", "a b", &dry).await.refusal(),
        "400 INVALID_IDEMPOTENCY_KEY Idempotency-Key"
    );
    let whole = json!({"rows": rows("a")}).to_string();
    let first = post(&app, ADMIN, "/v2/batch", "k", &whole).await;
    assert!(!replayed(&first) && first.status == 201, "{}", first.text());
    // Judged, and neither looked for nor refused.
    assert_eq!(post(&app, ADMIN, "/v2/batch", "k", &dry).await.json()["status"], "VALIDATED");
}

#[tokio::test]
async fn of_batches_with_one_key_that_come_at_once_one_is_made() {
    let app = app().await;
    let whole = json!({"rows": rows("a")}).to_string();
    let answers = futures::future::join_all((0..8).map(|_| post(&app, ADMIN, "/v2/batch", "k", &whole))).await;
    assert!(answers.iter().all(|answer| id(answer) == id(&answers[0])));
    assert_eq!(answers.iter().filter(|answer| !replayed(answer)).count(), 1);
    assert_eq!(app.get("/v2/batch").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_asset_again_is_the_same_asset() {
    let app = app().await;
    let asset = json!({"url": "https://media.example.com/in.mp4", "name": "one"}).to_string();
    let first = post(&app, ADMIN, "/v2/assets", "k", &asset).await;
    let again = post(&app, CREATOR, "/v2/assets", "k", &asset).await;
    assert!(!replayed(&first) && replayed(&again) && id(&first) == id(&again), "{}", again.text());
    let other = asset.replace("one", "two");
    assert_eq!(post(&app, ADMIN, "/v2/assets", "k", &other).await.refusal(), "409 IDEMPOTENCY_KEY_REUSED -");
    assert_ne!(id(&post(&app, STRANGER, "/v2/assets", "k", &asset).await), id(&first));
    assert_eq!(app.get("/v2/assets").await.json()["items"].as_array().unwrap().len(), 1);

    let path = format!("/v2/assets/{}", id(&first));
    assert_eq!(app.send(request(Method::DELETE, &path, Some(ADMIN), Body::empty())).await.status, 204);
    let gone = post(&app, ADMIN, "/v2/assets", "k", &asset).await;
    assert_eq!(gone.refusal(), "409 IDEMPOTENCY_KEY_REUSED -");
    assert!(gone.json()["message"].as_str().unwrap().contains("deleted"), "{}", gone.text());
}

#[tokio::test]
async fn a_key_of_one_operation_is_none_of_another() {
    let app = app().await;
    let create = body("lipsync-2").to_string();
    assert_eq!(post(&app, ADMIN, "/v2/generate", "k", &create).await.status, 201);
    // Of the asset even with the same body, which is none of an asset: the key is looked at first.
    for (path, body) in [("/v2/batch", json!({"rows": rows("a")}).to_string()), ("/v2/assets", create)] {
        assert_eq!(post(&app, ADMIN, path, "k", &body).await.refusal(), "409 IDEMPOTENCY_KEY_REUSED -", "{path}");
    }
}
