//! Receivers that get it wrong, each in a way that happens: `postsync verify` and `POST /postsync/v1/verify` name the mistake.
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use postsync_webhook::{Secret, sign_sync};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::harness::api::{id_of, passthrough};
use crate::harness::receiver::Request;
use crate::harness::{Receiver, SECRET, Server, Setup, repository};

const VERIFY: &str = "/postsync/v1/verify";

/// What a receiver has in its hands.
struct Hands {
    signature: String,
    body: String,
}

impl Hands {
    /// Of a receiver that only looks at the request.
    fn of(request: &Request) -> Self {
        Self {
            signature: request.header("Sync-Signature").to_owned(),
            body: String::from_utf8(request.body.clone()).unwrap(),
        }
    }
}

/// Runs one of the broken receivers on a genuine webhook; `before` is the body of another.
async fn broken(name: &str, webhook: &Hands, before: &str, secret: &str) -> Hands {
    let folder = repository().join("crates/postsync/tests/e2e/broken");
    let (runtime, file) = match name.contains(char::is_uppercase) || ["right"].contains(&name) {
        true => ("node", "receivers.mjs"),
        false => ("python3", "receivers.py"),
    };
    let mut command = Command::new(runtime);
    command.arg(folder.join(file)).arg(name).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let asked = json!({"header": webhook.signature, "body": webhook.body, "before": before, "secret": secret});
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{name}");
    let hands: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |member: &str| hands[member].as_str().unwrap().to_owned();
    Hands { signature: text("signature"), body: text("body") }
}

/// What the command says, and that the route says the same.
async fn told(server: &Server, hands: &Hands, secret: &str, event: Option<&str>) -> (bool, String) {
    let setup = server.setup();
    let file = setup.home().join("body");
    std::fs::write(&file, &hands.body).unwrap();
    let mut arguments = vec!["verify", "--signature", &hands.signature, "--secret", secret, "--json"];
    let mut asked = json!({"signature": hands.signature, "body": hands.body, "secret": secret});
    if let Some(event) = event {
        arguments.extend(["--event", event]);
        asked["eventId"] = json!(event);
    }
    let output = setup.command(&arguments).stdin(std::fs::File::open(&file).unwrap()).output().await.unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let verified = said["verified"].as_bool().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(!verified)), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let answered = server.api().post(VERIFY, &asked).await.expect(200);
    let message = said["message"].as_str().unwrap().to_owned();
    // A second may pass between the two.
    if !message.contains(" s ago") {
        assert_eq!(answered, said, "the route and the command");
    }
    assert_eq!(answered["verified"], verified);
    assert!(!message.contains("whsec_Z") && !message.contains(secret), "no secret: {message}");
    (verified, message)
}

/// Two webhooks of a real server.
async fn webhooks(server: &Server, receiver: &Receiver) -> (Request, Request) {
    let mut both = Vec::new();
    for _ in 0..2 {
        let id = server.api().create(&passthrough(&receiver.url("/hook"))).await;
        both.push(receiver.requests.first("the webhook", |request| request.json()["id"] == id.as_str()).await);
    }
    let second = both.pop().unwrap();
    (both.pop().unwrap(), second)
}

#[tokio::test]
async fn the_mistake_of_each_broken_receiver_is_named() {
    let setup = Setup::new();
    let receiver = Receiver::friendly().await;
    let server = setup.start().await;
    let (other, request) = webhooks(&server, &receiver).await;
    let event = request.header("Webhook-Id");
    let (before, webhook) = (Hands::of(&other).body, Hands::of(&request));

    let hands = broken("right", &webhook, &before, SECRET).await;
    assert_eq!(hands.signature, webhook.signature, "the receivers that get it wrong do little else wrong");
    assert!(told(&server, &hands, SECRET, Some(event)).await.0);

    let express = "express.raw";
    for (name, event, words) in [
        ("printedPretty", None, &["printed again", "byte offset 1 (white space", express, "request.text()"][..]),
        ("printedObject", None, &["not JSON", "[object Object]", express]),
        ("headerOfList", None, &["cut the value at the comma", "req.get('Sync-Signature')"]),
        (
            "decodedKey",
            None,
            &["base64-decoded part as the key", "must not decode it", "createHmac('sha256', process.env"],
        ),
        ("bodyAlone", None, &["over the body alone", "digest('hex')"]),
        ("base64Digest", None, &["the signature is base64", "Written in its form, the signature is right"]),
        ("sharedVariable", Some(event), &["the body of another event", "Compared with the bytes of evt_"]),
        ("dumped", None, &["printed again", "white space", "json.dumps", "await request.body()", "get_data()"]),
        ("dumped_sorted", None, &["alphabetical order", "sort_keys", "io.ReadAll"]),
        ("dumped_sorted", Some(event), &["parsed and printed again, with its members in another order"]),
        ("other_field", None, &["called \"s\"", "its name is v1", "the signature is right"]),
        ("upper_hex", None, &["upper-case hex", "the signature is right", "hexdigest"]),
        ("written_as_line", None, &["1 byte(s) of white space after the body", "get_data()"]),
        ("one_read", None, &["ends in the middle of its JSON after 200 bytes", "io.ReadAll"]),
    ] {
        let hands = broken(name, &webhook, &before, SECRET).await;
        let (verified, message) = told(&server, &hands, SECRET, event).await;
        assert!(!verified, "{name}: {message}");
        for word in words {
            assert!(message.contains(word), "{name}: {word:?} in {message}");
        }
    }
}

#[tokio::test]
async fn whose_secret_it_was_and_how_old_it_is_are_named() {
    let setup = Setup::new();
    let receiver = Receiver::friendly().await;
    let server = setup.start().await;
    let registered = json!({"url": receiver.url("/registered")});
    let made = server.api().post("/postsync/v1/endpoints", &registered).await.expect(201);
    let mut create = passthrough("");
    create.as_object_mut().unwrap().remove("webhookUrl");
    server.api().create(&create).await;
    let request = receiver.requests.first("the endpoint is told", |_| true).await;
    let webhook = Hands::of(&request);

    // One receiver for two URLs, with the secret of the other.
    let (verified, message) = told(&server, &webhook, SECRET, None).await;
    let whose = format!("the secret of endpoint {}", id_of(&made));
    assert!(!verified && message.contains("another secret") && message.contains(&whose), "{message}");
    assert!(!message.contains(made["secret"].as_str().unwrap()), "{message}");

    // The secret of another environment, which nobody here knows.
    let elsewhere = sign_sync(&Secret::generate([9; 32]), now_unix_s(), webhook.body.as_bytes());
    let hands = Hands { signature: elsewhere, body: webhook.body.clone() };
    let event = request.header("Webhook-Id");
    let (verified, message) = told(&server, &hands, SECRET, Some(event)).await;
    assert!(
        !verified && message.contains("another secret than the 1") && message.contains("byte for byte"),
        "{message}"
    );

    // A queue before the check, or a clock that is an hour fast.
    let hour_ago = sign_sync(&Secret::new(SECRET).unwrap(), now_unix_s() - 3_600, webhook.body.as_bytes());
    let (verified, message) = told(&server, &Hands { signature: hour_ago, ..webhook }, SECRET, None).await;
    assert!(!verified && message.contains("it was made 36") && message.contains("300 s are tolerated"), "{message}");
    assert!(message.contains("clock is fast"), "{message}");
}

fn now_unix_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}
