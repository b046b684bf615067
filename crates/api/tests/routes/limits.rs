//! Rates, concurrency and failed sign-ins; and that none of them touches webhooks.
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};
use postsync_api::Peer;
use postsync_core::access::{AccessChange, OrgLimits};
use postsync_core::change::Change;
use postsync_core::ids::OrgId;
use postsync_core::plan::Allowance;
use postsync_engine::ports::{Applied, Store as _};
use serde_json::json;

use crate::harness::{ADMIN, Answer, App, CREATOR, Form, Made, READER, STRANGER, body, request};

const WAV: &[u8] = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00";

fn upload() -> Request<Body> {
    let form = Form::default().file("video", "in.mp4", &Made::video()).file("audio", "in.wav", WAV);
    form.text("model", "lipsync-2").post()
}

fn get(key: &str, path: &str) -> Request<Body> {
    request(Method::GET, path, Some(key), Body::empty())
}

fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn creates_and_other_requests_have_a_rate_each_by_key() {
    let rates = Allowance { generate_per_minute: 2, requests_per_minute: 3, ..Allowance::default() };
    let app = App::limited(rates, 0).await;
    let create = |key| app.post("/v2/generate", key, body("sync-3").to_string());
    let read = || app.send(get(READER, "/v2/models"));
    for _ in 0..2 {
        assert_eq!(create(CREATOR).await.status, 201);
    }
    let answer = create(CREATOR).await;
    assert_eq!((answer.refusal().as_str(), answer.header("retry-after")), ("429 rate_limit_exceeded -", Some("30")));
    assert_eq!(answer.json()["message"], "Rate limit exceeded. Please try again later.");
    assert_eq!(create(ADMIN).await.status, 201, "each key has its own");
    for _ in 0..3 {
        assert_eq!(read().await.status, 200);
    }
    assert_eq!((read().await.status, read().await.header("retry-after")), (429, Some("20")));
    assert_eq!(app.send(get(CREATOR, "/v2/models")).await.status, 403, "a missing scope before anything else");
    app.clock.advance(Duration::from_secs(20));
    assert_eq!((read().await.status, create(CREATOR).await.status), (200, 429));
    app.clock.advance(Duration::from_secs(10));
    assert_eq!(create(CREATOR).await.status, 201);
}

#[tokio::test]
async fn over_the_concurrency_json_is_refused_and_an_upload_waits() {
    let app = App::limited(Allowance { concurrency: 1, ..Allowance::default() }, 1).await;
    let first = app.created("lipsync-2").await;
    app.made.started().await;
    let refused = app.create(&body("lipsync-2")).await;
    assert_eq!(refused.refusal(), "429 concurrency_limit_reached -");
    let said = refused.json();
    assert_eq!(refused.header("retry-after"), Some("10"));
    assert_eq!(
        (&said["activeGenerations"], &said["concurrencyLimit"], &said["retryAfterSeconds"], &said["error"]),
        (&json!(1), &json!(1), &json!(10), &json!("Too Many Requests"))
    );
    assert_eq!(said.get("upgradeUrl"), Some(&serde_json::Value::Null));
    assert!(app.get("/v2/generate/x").await.json().get("upgradeUrl").is_none(), "nowhere else");
    let waiting = app.send(upload()).await;
    assert_eq!(waiting.json()["status"], "PENDING");
    let files = app.media.files();
    assert_eq!(app.send(upload()).await.refusal(), "429 concurrency_limit_reached -");
    assert_eq!(app.media.files(), files, "what was refused leaves nothing");
    assert_eq!(app.post("/v2/generate", STRANGER, body("sync-3").to_string()).await.status, 201, "others have theirs");
    assert_eq!(app.get(&format!("/v2/generate/{}", id(&waiting))).await.json()["status"], "PENDING");

    app.made.finish_one();
    app.ended(&first).await;
    app.made.started().await;
    app.made.finish_one();
    assert_eq!(app.ended(&id(&waiting)).await["status"], "COMPLETED");
    assert_eq!(app.create(&body("sync-3")).await.status, 201);
}

#[tokio::test]
async fn a_key_that_was_used_is_answered_also_where_there_is_no_room() {
    let app = App::limited(Allowance { concurrency: 1, ..Allowance::default() }, 0).await;
    let create = |key: &str| {
        let mut create = request(Method::POST, "/v2/generate", Some(ADMIN), Body::from(body("lipsync-2").to_string()));
        create.headers_mut().insert("idempotency-key", key.parse().unwrap());
        app.send(create)
    };
    let first = create("a").await;
    assert_eq!(create("b").await.status, 429);
    assert_eq!(id(&create("a").await), id(&first));
    app.made.started().await;
    app.made.finish_one();
    app.ended(&id(&first)).await;
    assert_eq!(create("b").await.status, 201, "a refused create has not used its key");
}

#[tokio::test]
async fn batches_have_a_concurrency_of_their_own_and_take_no_place() {
    let limits = Allowance { concurrency: 1, batch_concurrency: 1, ..Allowance::default() };
    let app = App::limited(limits, 0).await;
    let row = |n: usize| json!({"request_id": n.to_string(), "endpoint": "/v2/generate", "payload": body("lipsync-2")});
    let rows: Vec<_> = (0..20).map(row).collect();
    let batch = || app.post("/v2/batch", ADMIN, json!({"rows": rows}).to_string());
    let first = batch().await;
    assert_eq!(first.status, 201, "{}", first.text());
    let refused = batch().await;
    assert_eq!(refused.refusal(), "429 concurrency_limit_reached -");
    let seconds = refused.header("retry-after").unwrap().parse::<u32>().unwrap();
    let said = refused.json();
    let full = [&said["activeBatches"], &said["concurrencyLimit"], &said["upgradeUrl"], &said["retryAfterSeconds"]];
    assert_eq!(full, [&json!(1), &json!(1), &json!(null), &json!(seconds)], "{said}");
    assert!(said.get("activeGenerations").is_none() && said.get("upgradeUrl").is_some(), "{said}");
    assert_eq!(app.create(&body("sync-3")).await.status, 201, "its rows are not counted");
    for _ in 0..20 {
        app.made.finish_one();
    }
    let path = format!("/v2/batch/{}", first.json()["id"].as_str().unwrap());
    app.until(|| async { (app.get(&path).await.json()["status"] == "COMPLETED").then_some(()) }).await;
    assert_eq!(batch().await.status, 201);
}

#[tokio::test]
async fn of_batches_that_come_at_once_no_more_are_taken_than_may_be() {
    let app = App::limited(Allowance { batch_concurrency: 2, ..Allowance::default() }, 0).await;
    let row = |n: usize| json!({"request_id": n.to_string(), "endpoint": "/v2/generate", "payload": body("lipsync-2")});
    let rows = json!({"rows": (0..20).map(row).collect::<Vec<_>>()}).to_string();
    let answers = futures::future::join_all((0..8).map(|_| app.post("/v2/batch", ADMIN, rows.clone()))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 2);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 6);
}

#[tokio::test]
async fn a_plan_without_batches_refuses_them() {
    let app = App::limited(Allowance { refuses_batches: true, ..Allowance::default() }, 0).await;
    assert_eq!(app.post("/v2/batch", ADMIN, "{}").await.refusal(), "402 batch_plan_required -");
    assert_eq!(app.create(&body("sync-3")).await.status, 201);
}

#[tokio::test]
async fn a_key_that_may_not_ask_can_not_ask_without_end() {
    let app = App::limited(Allowance { requests_per_minute: 2, ..Allowance::default() }, 0).await;
    let statuses = [403, 403, 429];
    for status in statuses {
        assert_eq!(app.post("/v2/batch", READER, "{}").await.status, status);
    }
}

#[tokio::test]
async fn a_plan_that_is_changed_beside_the_server_counts_within_a_second() {
    let app = App::start().await;
    let open = app.created("lipsync-2").await;
    let set = async |was: Option<&str>, now: Option<&str>| {
        let limits = |plan: Option<&str>| OrgLimits { plan: plan.map(str::to_owned), concurrency: None };
        let change = AccessChange::Limit { org: OrgId::new("default"), was: limits(was), now: limits(now) };
        assert_eq!(app.store.apply(vec![Change::Access(change)]).await, Ok(Applied::Done));
        app.clock.advance(Duration::from_secs(1));
    };
    set(None, Some("free")).await;
    let account = app.get("/v2/account").await.json();
    assert_eq!((&account["plan"], &account["limits"]["concurrency"]), (&json!("free"), &json!(1)));
    assert_eq!(
        app.create(&body("lipsync-2")).await.refusal(),
        "429 concurrency_limit_reached -",
        "what is open counts"
    );
    set(Some("free"), Some("creator")).await;
    assert_eq!(app.create(&body("lipsync-2")).await.status, 201);
    app.made.finish_one();
    app.ended(&open).await;
    set(Some("creator"), None).await;
    for _ in 0..4 {
        assert_eq!(app.create(&body("lipsync-2")).await.status, 201);
    }
}

#[tokio::test]
async fn webhooks_go_out_whatever_the_api_refuses() {
    let tight = Allowance { generate_per_minute: 1, requests_per_minute: 1, concurrency: 1, ..Allowance::default() };
    let app = App::limited(tight, 0).await;
    let mut create = body("sync-3");
    create["webhookUrl"] = json!("https://app.example.com/webhook");
    assert_eq!(app.post("/v2/generate", CREATOR, create.to_string()).await.status, 201);
    assert_eq!(app.post("/v2/generate", CREATOR, create.to_string()).await.status, 429);
    let deliveries = |key| app.send(get(key, "/postsync/v1/deliveries?status=delivered"));
    app.until(|| async {
        // The clock that the API's rates go by is the one that webhooks go by; it stands, and they go out all the same.
        app.clock.advance(Duration::from_secs(60));
        let items = deliveries(ADMIN).await.json()["items"].clone();
        (items.as_array().is_some_and(|items| items.len() == 1)).then_some(())
    })
    .await;
    assert_eq!(app.post("/v2/generate", CREATOR, create.to_string()).await.status, 201, "a delivery takes no place");
}

#[tokio::test]
async fn failed_sign_ins_are_counted_by_address_and_a_right_key_never_is() {
    let app = App::start().await;
    let from = |address: &str, key: Option<&str>| {
        let mut request = request(Method::GET, "/v2/models", key, Body::empty());
        request.extensions_mut().insert(Peer(address.parse().unwrap()));
        app.send(request)
    };
    for i in 0..300 {
        let key = format!("guess-{i}");
        assert_eq!(from("203.0.113.7", (i % 2 == 0).then_some(&key)).await.status, 401, "{i}");
    }
    let answer = from("203.0.113.7", Some("guess")).await;
    assert_eq!(answer.refusal(), "429 rate_limit_exceeded -");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(from("203.0.113.7", None).await.status, 429);
    assert_eq!(from("203.0.113.7", Some(ADMIN)).await.status, 200, "a right key is let in");
    assert_eq!(from("203.0.113.8", Some("guess")).await.status, 401, "another address is another count");
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(from("203.0.113.7", Some("guess")).await.status, 401);
}
