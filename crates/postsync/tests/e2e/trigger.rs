//! `postsync trigger`: what a receiver gets is signed as a real one and says that it is none; the command says what became of it.
use std::process::Output;
use std::time::Duration;

use postsync_webhook::{Secret, verify_sync};
use serde_json::{Value, json};

use crate::harness::server::KEY;
use crate::harness::{Receiver, Reply, SECRET, Server, Setup};

async fn trigger(server: &Server, arguments: &[&str]) -> Output {
    let setup = server.setup();
    let mut command = setup.command(&[&["trigger"], arguments].concat());
    command.env("POSTSYNC_SERVER", format!("http://{}", server.address)).env("POSTSYNC_API_KEY", KEY);
    command.output().await.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn each_event_arrives_signed_and_its_outcome_is_printed() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().start().await;
    let url = receiver.url("/hook");
    for (position, event) in ["generation.completed", "generation.failed", "batch.completed"].into_iter().enumerate() {
        let output = trigger(&server, &[event, "--to", &url]).await;
        let told = said(&output);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(told.contains(event) && told.contains(&format!("to {url}: delivered (200, ")), "{told}");
        let requests = receiver.requests.count("it arrives", position + 1).await;
        let request = &requests[position];
        assert_eq!(request.header("Postsync-Event"), event);
        assert!(told.starts_with(request.header("Webhook-Id")), "{told}");
        assert!(request.json().to_string().contains("postsync-test"), "it says what it is");
        let now = request.header("Webhook-Timestamp").parse().unwrap();
        let signature = Some(request.header("Sync-Signature").as_bytes());
        verify_sync(signature, &request.body, &[Secret::new(SECRET).unwrap()], now, Duration::from_secs(1)).unwrap();
    }
}

#[tokio::test]
async fn without_a_url_the_registered_endpoints_are_told_and_a_refusal_is_explained() {
    let receiver =
        Receiver::start(None, |request| Reply::Status(if request.line().contains("broken") { 500 } else { 200 })).await;
    let server = Setup::new().start().await;
    let none = trigger(&server, &["generation.failed"]).await;
    let complaint = String::from_utf8_lossy(&none.stderr);
    assert!(
        none.status.success() && complaint.contains("No registered endpoint and no listener takes generation.failed"),
        "{none:?}"
    );

    let api = server.api();
    for (path, events) in [("/good", json!(["generation.failed"])), ("/other", json!(["batch.completed"]))] {
        api.post("/postsync/v1/endpoints", &json!({"url": receiver.url(path), "events": events})).await.expect(201);
    }
    let output = trigger(&server, &["generation.failed", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    let deliveries = made["deliveries"].as_array().unwrap();
    assert_eq!((deliveries.len(), &deliveries[0]["status"]), (1, &json!("delivered")), "{made}");
    assert_eq!((&deliveries[0]["url"], &deliveries[0]["origin"]), (&json!(receiver.url("/good")), &json!("test")));

    let output = trigger(&server, &["generation.failed", "--to", &receiver.url("/broken")]).await;
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(told.contains(": due (500, ") && told.contains("Next attempt at "), "{told}");

    let refused = trigger(&server, &["generation.failed", "--to", "ftp://app.example.com/"]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("to "), "the rules for receivers hold: {refused:?}");
}
