//! Batches over a `kill -9`: every row ends and is told of, the batch ends once, and its results say how.
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use postsync_core::Secret;
use serde_json::{Value, json};

use crate::harness::api::{id_of, passthrough};
use crate::harness::receiver::Request;
use crate::harness::server::SECRET;
use crate::harness::speech::speech;
use crate::harness::{Api, Receiver, Reply, Server, Setup, poll, processes, sample};

/// As many as a batch may have where nothing else is set, and as few.
const ROWS_MAX: usize = 500;
const ROWS_MIN: usize = 20;

/// Every so many-th POST is not answered before the kill.
const HELD_EVERY: usize = 16;

/// Twice what is promised of a machine that is not busy with tests.
const TAKEN_IN_MAX: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_500_survives_kill_9() {
    // At once, in the middle, and when most has ended.
    for webhooks in [1, 100, 400] {
        let count = AtomicUsize::new(0);
        let receiver = Receiver::start(None, move |_| match count.fetch_add(1, Ordering::Relaxed) % HELD_EVERY {
            0 => Reply::Hold,
            _ => Reply::Status(200),
        })
        .await;
        let server = Setup::new().start().await;
        let batch = create(&server.api(), &rows(ROWS_MAX, &passthrough(&receiver.url("/row"))), &receiver).await;
        receiver.requests.count("webhooks are on their way", webhooks).await;
        let server = server.kill().await.start().await;
        receiver.release();
        whole(&server, &receiver, &batch, ROWS_MAX).await;
    }
}

/// By the built-in model, from one upload that all rows name; the kill comes while one of them is made.
#[tokio::test]
async fn a_batch_of_20_real_ones_survives_kill_9() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().start().await;
    let api = server.api();
    let first = api.upload(sample("astronaut.png"), speech(0), &receiver.url("/first")).await.expect(201);
    api.ended(&id_of(&first)).await;
    receiver.requests.count("the first webhook", 1).await;
    let payload = json!({"model": "mesh-1", "input": first["input"], "webhookUrl": receiver.url("/row")});
    let batch = create(&api, &rows(ROWS_MIN, &payload), &receiver).await;
    receiver.requests.count("some rows have been made", 4).await;
    let group = processes::rendering(server.pid()).await;
    let setup = server.kill().await;
    processes::gone(group).await;
    let server = setup.start().await;
    whole(&server, &receiver, &batch, ROWS_MIN).await;
}

/// What is known of an asset is refused with its line. What a URL or a text comes to is found out when the row is made.
#[tokio::test]
async fn inputs_of_a_batch_have_a_bound_of_their_own() {
    let receiver = Receiver::friendly().await;
    let setup = Setup::new().with("POSTSYNC_BATCH_ROWS_MIN", "1").with("POSTSYNC_BATCH_INPUT_DURATION_MAX", "1s");
    let server = setup.start().await;
    let api = server.api();
    let first = api.upload(sample("astronaut.png"), speech(1), &receiver.url("/first")).await.expect(201);
    let single = api.ended(&id_of(&first)).await;
    assert_eq!(single["status"], "COMPLETED", "a single generation has no such bound: {single}");
    let audio = first["input"].as_array().unwrap().iter().find(|item| item["type"] == "audio").unwrap();
    let path = format!("/v2/assets/{}", audio["assetId"].as_str().unwrap());
    let long = poll("the speech was looked at", async || {
        let asset = api.get(&path).await.expect(200);
        asset["durationSeconds"].as_f64().filter(|seconds| *seconds > 1.0)
    })
    .await;
    assert!(long < 60.0);
    let known = json!({"model": "mesh-1", "input": first["input"]});
    let refused = api.post("/v2/batch", &json!({"rows": rows(1, &known)})).await.expect(400);
    assert_eq!(refused["errorCode"], "generation_input_validation_failed", "{refused}");
    let message = refused["message"].as_str().unwrap();
    assert!(message.starts_with("line 1: payload: input[1].assetId lasts"), "{refused}");
    let provider =
        json!({"name": "elevenlabs", "voiceId": "en-us", "script": "One and two and three and four and five."});
    let image = first["input"].as_array().unwrap().iter().find(|item| item["type"] == "image").unwrap();
    let spoken = json!({"model": "mesh-1", "input": [image, {"type": "text", "provider": provider}]});
    let batch = create(&api, &rows(1, &spoken), &receiver).await;
    let ended = poll("the batch ends", async || {
        let batch = api.get(&format!("/v2/batch/{batch}")).await.expect(200);
        (batch["status"] == "FAILED").then_some(batch)
    })
    .await;
    let row = &results(&api, &ended).await[0];
    assert_eq!(row["error_code"], "generation_audio_length_exceeded", "{row}");
}

fn rows(count: usize, payload: &Value) -> Vec<Value> {
    let row = |n| json!({"request_id": format!("row-{n}"), "endpoint": "/v2/generate", "payload": payload});
    (0..count).map(row).collect()
}

/// Creates a batch; gives its id.
async fn create(api: &Api, rows: &[Value], receiver: &Receiver) -> String {
    let body = json!({"rows": rows, "webhook_url": receiver.url("/batch")});
    let begun = Instant::now();
    let batch = api.post("/v2/batch", &body).await.expect(201);
    assert!(begun.elapsed() < TAKEN_IN_MAX, "{} rows were taken in {:?}", rows.len(), begun.elapsed());
    assert_eq!(batch["metrics"]["total_generations"], rows.len());
    assert_eq!((&batch["status"], &batch["outputUrl"]), (&json!("PENDING"), &json!("")));
    id_of(&batch)
}

/// The batch has ended with all of its rows, once, and everybody is told of it.
async fn whole(server: &Server, receiver: &Receiver, batch: &str, rows: usize) {
    let api = server.api();
    let ended = poll("the batch ends", async || {
        let batch = api.get(&format!("/v2/batch/{batch}")).await.expect(200);
        let metrics = &batch["metrics"];
        let of = |name: &str| metrics[name].as_u64().unwrap();
        assert_eq!(of("success_count") + of("failed_count") + of("pending_count"), of("total_generations"), "{batch}");
        (batch["status"] == "COMPLETED" || batch["status"] == "FAILED").then_some(batch)
    })
    .await;
    assert_eq!((&ended["status"], &ended["metrics"]["success_count"]), (&json!("COMPLETED"), &json!(rows)), "{ended}");
    let results = results(&api, &ended).await;
    let names: BTreeSet<&str> = results.iter().map(|row| row["request_id"].as_str().unwrap()).collect();
    assert_eq!((results.len(), names.len()), (rows, rows));
    let mut told_of = BTreeSet::new();
    for row in &results {
        let id = row["generation_id"].as_str().unwrap();
        let generation = api.get(&format!("/v2/generate/{id}")).await.expect(200);
        assert_eq!((&row["status"], &row["outputUrl"]), (&json!("COMPLETED"), &generation["outputUrl"]), "{row}");
        told_of.insert(id.to_owned());
    }
    told_of.insert(batch.to_owned());
    all_told(receiver, told_of).await;
    told_once(&api, receiver, batch, &ended).await;
}

/// Fetched as anybody would who has the URL.
async fn results(api: &Api, ended: &Value) -> Vec<Value> {
    let url = ended["outputUrl"].as_str().unwrap();
    assert!(url.starts_with(&api.base), "{url}");
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"application/jsonl".parse().unwrap())
    );
    assert!(answer.url().path().ends_with(".jsonl"), "it was led on to the file");
    let text = answer.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn all_told(receiver: &Receiver, mut open: BTreeSet<String>) {
    let mut read = 0;
    receiver
        .requests
        .until("the receiver is told of every row and of the batch", |all| {
            for request in &all[read..] {
                assert!(verifies(request), "{request:?}");
                open.remove(request.json()["id"].as_str().unwrap());
            }
            read = all.len();
            open.is_empty().then_some(())
        })
        .await;
}

/// One event of the batch, with the bytes of the answer; what was sent twice was sent under the same id.
async fn told_once(api: &Api, receiver: &Receiver, batch: &str, ended: &Value) {
    let to_batch: Vec<Request> =
        receiver.requests.all().into_iter().filter(|request| request.line().contains(" /batch ")).collect();
    for request in &to_batch {
        assert_eq!(request.header("Postsync-Event"), "batch.completed");
        assert_eq!((request.json(), request.header("Webhook-Id")), (ended.clone(), to_batch[0].header("Webhook-Id")));
    }
    let (mut after, mut events) = (String::new(), 0);
    loop {
        let page = api.get(&format!("/postsync/v1/events/poll?consumer=all&limit=1000{after}")).await.expect(200);
        let items = page["items"].as_array().unwrap();
        let is_of_it =
            |event: &&Value| event["type"] == "batch.completed" && event["body"].as_str().unwrap().contains(batch);
        events += items.iter().filter(is_of_it).count();
        if items.is_empty() {
            break;
        }
        after = format!("&after={}", page["nextCursor"].as_str().unwrap());
    }
    assert_eq!(events, 1, "events of the batch");
}

fn verifies(request: &Request) -> bool {
    let (header, secrets) = (request.header("Sync-Signature"), [Secret::new(SECRET).unwrap()]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    postsync_webhook::verify_sync(Some(header.as_bytes()), &request.body, &secrets, now, Duration::from_secs(600))
        .is_ok()
}
