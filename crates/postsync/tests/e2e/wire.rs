//! The webhook's bytes as they cross the wire.
use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::harness::api::passthrough;
use crate::harness::receiver::Request;
use crate::harness::{Receiver, SECRET, Setup};

/// Every header of a webhook in its spelling on the wire, each exactly once, with how its value begins.
const HEADERS: [(&str, &str); 11] = [
    ("Host", "127.0.0.1:"),
    ("Content-Type", "application/json"),
    ("Content-Length", ""),
    ("User-Agent", "postsync/"),
    ("Sync-Signature", "t="),
    ("Webhook-Id", "evt_"),
    ("Webhook-Timestamp", ""),
    ("Webhook-Signature", "v1,"),
    ("Postsync-Event", "generation."),
    ("Postsync-Delivery", "dlv_"),
    ("Postsync-Attempt", "1"),
];

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &parts.concat()).as_ref().to_vec()
}

/// Both signatures, computed from the documents alone.
fn assert_signed(request: &Request) {
    let (t, v1) = request.header("Sync-Signature").strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    assert!(t.bytes().all(|byte| byte.is_ascii_digit()), "{t}");
    let expected = hex::encode(hmac_sha256(SECRET.as_bytes(), &[t.as_bytes(), b".", &request.body]));
    assert_eq!(v1, expected);

    assert_eq!(request.header("Webhook-Timestamp"), t);
    let id = request.header("Webhook-Id");
    let key = base64(SECRET.strip_prefix("whsec_").unwrap());
    let expected = hmac_sha256(&key, &[id.as_bytes(), b".", t.as_bytes(), b".", &request.body]);
    assert_eq!(base64(request.header("Webhook-Signature").strip_prefix("v1,").unwrap()), expected);
}

/// Decodes, so that the tests need no crate for it.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte: u8| DIGITS.iter().position(|own| *own == byte).unwrap();
    let bits: Vec<u8> = text.trim_end_matches('=').bytes().map(digit).flat_map(six_bits).collect();
    bits.chunks_exact(8).map(|eight| eight.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
}

fn six_bits(digit: usize) -> [u8; 6] {
    std::array::from_fn(|i| u8::from(digit >> (5 - i) & 1 == 1))
}

#[tokio::test]
async fn a_webhook_byte_by_byte() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().start().await;
    let api = server.api();
    let mut body = passthrough(&receiver.url("/hook?who=a%20b&x=1"));
    body["options"] = json!({"temperature": 0.5, "sync_mode": "loop"});
    body["outputFileName"] = json!("my_video-1");
    let id = api.create(&body).await;

    let request = receiver.requests.count("the webhook", 1).await.remove(0);
    assert_eq!(request.line(), "POST /hook?who=a%20b&x=1 HTTP/1.1");
    let mut names: Vec<&str> = request.headers().into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    let mut expected = HEADERS.map(|(name, _)| name);
    expected.sort_unstable();
    assert_eq!(names, expected);
    for (name, begins) in HEADERS {
        assert!(request.header(name).starts_with(begins), "{name}: {}", request.header(name));
    }
    assert_eq!(request.header("Content-Type"), "application/json");
    assert_eq!(request.header("Content-Length"), request.body.len().to_string());
    assert_eq!(request.header("Host"), receiver.address.to_string());
    assert_eq!(request.header("Postsync-Event"), "generation.completed");
    assert_signed(&request);

    let shown = api.get(&format!("/v2/generate/{id}")).await;
    assert_eq!(String::from_utf8(request.body.clone()).unwrap(), shown.text, "what was sent is what is shown");
    let sent = request.json();
    assert_eq!((&sent["id"], &sent["status"]), (&json!(id), &json!("COMPLETED")));
    assert_eq!(sent["outputUrl"], "https://media.example/v.mp4");
    assert_eq!(sent["webhookUrl"], body["webhookUrl"]);
    assert_eq!(sent["options"], body["options"]);
    for absent in ["error", "error_code", "errorCode", "segments", "segmentOutputUrl", "outputDuration"] {
        assert_eq!(sent.get(absent), Some(&Value::Null), "{absent} is there, and null");
    }
}

#[tokio::test]
async fn a_failure_says_why() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().start().await;
    let api = server.api();
    let mut body = passthrough(&receiver.url("/hook"));
    body["model"] = json!("mesh-1");
    body["input"][0]["url"] = json!(receiver.url("/video.mp4"));
    let id = api.create(&body).await;

    let all = receiver.requests.until("the webhook", |all| all.iter().find(|r| r.line().contains("hook")).cloned());
    let request = all.await;
    assert_eq!(request.header("Postsync-Event"), "generation.failed");
    assert_signed(&request);
    let sent = request.json();
    assert_eq!(sent["status"], "FAILED");
    assert_eq!(sent["error_code"], sent["errorCode"]);
    assert!(!sent["error"].as_str().unwrap().is_empty() && sent["outputUrl"].is_null(), "{sent}");
    assert_eq!(request.body, api.get(&format!("/v2/generate/{id}")).await.text.as_bytes());
}
