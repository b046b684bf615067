//! Registered endpoints beside a generation's own webhook: each gets it, signed with the secret that is its own.
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::api::{id_of, passthrough};
use crate::harness::receiver::Request;
use crate::harness::{Receiver, Reply, Setup};

const ENDPOINTS: &str = "/postsync/v1/endpoints";

fn verifies(request: &Request, secret: &str) -> bool {
    let secrets = [postsync_webhook::Secret::new(secret).unwrap()];
    let now = request.header("Webhook-Timestamp").parse().unwrap();
    let header = request.header("Sync-Signature").as_bytes();
    postsync_webhook::verify_sync(Some(header), &request.body, &secrets, now, Duration::from_secs(300)).is_ok()
}

fn to<'a>(requests: &'a [Request], path: &str) -> Vec<&'a Request> {
    requests.iter().filter(|request| request.line().split(' ').nth(1) == Some(path)).collect()
}

#[tokio::test]
async fn each_is_told_with_its_own_secret_and_headers() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().start().await;
    let api = server.api();
    let made = api
        .post(ENDPOINTS, &json!({"url": receiver.url("/registered"), "headers": {"x-gateway-token": "geheim"}}))
        .await
        .expect(201);
    let organizations = server.setup().printed(&["secret", "show"]).await;
    let (own, organizations) = (made["secret"].as_str().unwrap(), organizations.trim());
    assert_ne!(own, organizations);

    let id = api.create(&passthrough(&receiver.url("/implicit"))).await;
    let requests = receiver.requests.count("both are told", 2).await;
    let (registered, implicit) = (to(&requests, "/registered")[0], to(&requests, "/implicit")[0]);
    assert!(verifies(registered, own) && !verifies(registered, organizations));
    assert!(verifies(implicit, organizations) && !verifies(implicit, own));
    assert_eq!(registered.body, implicit.body);
    assert_eq!(registered.header("Webhook-Id"), implicit.header("Webhook-Id"), "one event");
    assert!(registered.headers().contains(&("X-Gateway-Token", "geheim")), "{}", registered.head);
    assert!(!implicit.head.contains("geheim"));

    // One delivery where the URLs are the same, under the endpoint's secret.
    let same = api.create(&passthrough(&receiver.url("/registered"))).await;
    receiver.requests.count("one more", 3).await;
    let of_same = api.delivery_in(&same, &["delivered"]).await;
    assert_eq!(of_same["endpointId"], made["id"]);
    assert_eq!(api.deliveries(&format!("generationId={id}")).await.len(), 2);

    // At rest nothing of it can be read.
    let setup = server.stop().await;
    for file in
        std::fs::read_dir(setup.data()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
    {
        let bytes = std::fs::read(&file).unwrap();
        let is_in = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!is_in("geheim") && !is_in(own), "{}", file.display());
    }
}

#[tokio::test]
async fn what_a_paused_one_misses_arrives_when_it_is_resumed_also_after_a_restart() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().start().await;
    let made = server.api().post(ENDPOINTS, &json!({"url": receiver.url("/hook")})).await.expect(201);
    let path = format!("{ENDPOINTS}/{}", id_of(&made));
    server.api().post(&format!("{path}/pause"), &json!({})).await.expect(200);
    let mut create = passthrough("");
    create.as_object_mut().unwrap().remove("webhookUrl");
    let id = server.api().create(&create).await;
    let parked = server.api().delivery_in(&id, &["parked"]).await;
    assert_eq!((&parked["reason"], &parked["attempts"]), (&json!("paused"), &json!(0)));

    let server = server.kill().await.start().await;
    let parked = server.api().delivery_in(&id, &["parked"]).await;
    assert_eq!(parked["reason"], "paused");
    assert!(receiver.requests.all().is_empty());
    server.api().post(&format!("{path}/resume"), &json!({})).await.expect(200);
    receiver.requests.count("it arrives", 1).await;
    assert_eq!(server.api().delivery_in(&id, &["delivered"]).await["attempts"], 1);
}

#[tokio::test]
async fn one_that_is_gone_is_disabled_and_whoever_asked_is_told() {
    let receiver =
        Receiver::start(None, |request| Reply::Status(if request.line().contains("gone") { 410 } else { 200 })).await;
    let server = Setup::new().start().await;
    let api = server.api();
    let gone = api.post(ENDPOINTS, &json!({"url": receiver.url("/gone")})).await.expect(201);
    let events = json!(["endpoint.disabled", "delivery.exhausted"]);
    api.post(ENDPOINTS, &json!({"url": receiver.url("/ops"), "events": events})).await.expect(201);
    let mut create = passthrough("");
    create.as_object_mut().unwrap().remove("webhookUrl");
    let id = api.create(&create).await;
    let requests = receiver.requests.count("one is tried, two are told", 3).await;
    let mut told: Vec<Value> = to(&requests, "/ops").iter().map(|request| request.json()).collect();
    told.sort_by_key(|body| body["type"].as_str().map(str::to_owned));
    let (exhausted, disabled) = (&told[0], &told[1]);
    assert_eq!((&exhausted["type"], &disabled["type"]), (&json!("delivery.exhausted"), &json!("endpoint.disabled")));
    assert_eq!((&exhausted["data"]["generationId"], &exhausted["data"]["reason"]), (&json!(id), &json!("gone")));
    assert_eq!((&disabled["data"]["endpointId"], &disabled["data"]["reason"]), (&gone["id"], &json!("gone")));
    let shown = api.get(&format!("{ENDPOINTS}/{}", id_of(&gone))).await.expect(200);
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("disabled"), &json!("gone")));
}
