//! Given up, then replayed by the command, with `kill -9` in the middle: none is skipped, none is made twice, and what is
//! received twice was in flight.
//!
//! `REPLAYED=100000 cargo test -p postsync --test e2e replay` runs it with a hundred thousand.
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::harness::api::passthrough;
use crate::harness::receiver::Request;
use crate::harness::server::KEY;
use crate::harness::{Api, Receiver, Reply, Server, Setup, poll};

const REPLAYED: usize = 3_000;

/// Creates that are open at once.
const AT_ONCE: usize = 32;

/// Replays that are not answered before the kill, so that it cuts some.
const HELD: usize = 8;

/// Steps of a wait that would be too long as one.
const PARTS: usize = 20;

fn how_many() -> usize {
    std::env::var("REPLAYED").ok().map_or(REPLAYED, |text| text.parse().expect("REPLAYED is a number"))
}

/// Says 500 to what is new, 200 to replays, and nothing to some of those in the middle.
async fn receiver(count: usize) -> Receiver {
    let replays = AtomicUsize::new(0);
    Receiver::start(None, move |request| match is_replay(request) {
        false => Reply::Status(500),
        true => match replays.fetch_add(1, Ordering::Relaxed) {
            n if (count / 2 - HELD..count / 2).contains(&n) => Reply::Hold,
            _ => Reply::Status(200),
        },
    })
    .await
}

fn is_replay(request: &Request) -> bool {
    request.headers().iter().any(|(name, value)| name.eq_ignore_ascii_case("Postsync-Replay") && *value == "true")
}

/// The command, as a user runs it.
fn command(setup: &Setup, server: &Server, arguments: &[&str]) -> tokio::process::Command {
    let mut command = setup.command(&[&["replay"], arguments].concat());
    command.env("POSTSYNC_SERVER", format!("http://{}", server.address)).env("POSTSYNC_API_KEY", KEY);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn told(setup: &Setup, server: &Server, arguments: &[&str]) -> Output {
    command(setup, server, arguments).output().await.unwrap()
}

fn line(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap().trim()
}

/// Each in its turn, so that the wait for all of them is many short ones.
async fn given_up(api: &Api, receiver: &Receiver, count: usize) {
    let (api, body) = (Arc::new(api.clone()), passthrough(&receiver.url("/hook")));
    let made = futures::stream::iter(0..count).map(|_| api.create(&body)).buffer_unordered(AT_ONCE);
    assert_eq!(made.count().await, count);
    in_parts("given up", count, async || receiver.requests.len()).await;
    poll("all are exhausted", async || api.pending().await.is_empty().then_some(())).await;
}

async fn in_parts(what: &str, count: usize, seen: impl AsyncFn() -> usize) {
    for part in 1..=PARTS {
        let goal = count * part / PARTS;
        poll(&format!("{what}: {goal} of {count}"), async || (seen().await >= goal).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_outlives_kill_9() {
    let count = how_many();
    let receiver = receiver(count).await;
    let setup = Setup::new().with("POSTSYNC_DELIVERY_SCHEDULE", "0s");
    let server = setup.start().await;
    given_up(&server.api(), &receiver, count).await;
    let dry = told(&setup, &server, &["--since", "1d", "--dry-run"]).await;
    assert_eq!(line(&dry), format!("{count} deliveries would be delivered again"));
    assert_eq!(receiver.requests.len(), count, "only counted");

    let looking_on = command(&setup, &server, &["--since", "1d", "--json"]).spawn().unwrap();
    in_parts("replayed", count / 2, async || receiver.requests.len() - count).await;
    let setup = server.kill().await;
    receiver.release();
    let server = setup.start().await;
    let api = server.api();
    in_parts("received", count, async || {
        let replays = receiver.requests.all();
        replays[count..].iter().map(|request| request.header("webhook-id").to_owned()).collect::<BTreeSet<_>>().len()
    })
    .await;
    poll("everything has ended", async || api.pending().await.is_empty().then_some(())).await;

    let output = looking_on.wait_with_output().await.unwrap();
    let done: Value = serde_json::from_str(line(&output)).unwrap();
    assert_eq!((&done["status"], &done["count"], &done["done"]), (&json!("done"), &json!(count), &json!(count)));
    none_skipped_and_none_twice(&api, &receiver, count).await;
    let again = told(&setup, &server, &["--since", "1d", "--dry-run", "--json"]).await;
    assert_eq!(line(&again), r#"{"count":0}"#, "the same command twice sends nothing twice");
}

async fn none_skipped_and_none_twice(api: &Api, receiver: &Receiver, count: usize) {
    let all = api.deliveries("").await;
    let of = |origin: &'static str| all.iter().filter(move |d| d["origin"] == origin);
    let events = |origin| of(origin).map(|d| d["eventId"].as_str().unwrap()).collect::<BTreeSet<_>>();
    assert_eq!((of("event").count(), of("replay").count()), (count, count), "each has one replay");
    assert_eq!(events("event"), events("replay"));
    assert!(of("event").all(|d| d["status"] == "exhausted") && of("replay").all(|d| d["status"] == "delivered"));
    // Beyond the first, each attempt of a replay follows one that the kill cut.
    let cut: u64 = of("replay").map(|d| d["attempts"].as_u64().unwrap() - 1).sum();
    let mut received: BTreeMap<String, usize> = BTreeMap::new();
    for request in &receiver.requests.all()[count..] {
        assert!(is_replay(request), "{}", request.head);
        *received.entry(request.header("webhook-id").to_owned()).or_default() += 1;
    }
    let twice: usize = received.values().map(|times| times - 1).sum();
    assert_eq!(received.len(), count);
    assert!(twice as u64 <= cut && cut >= HELD as u64, "{twice} were received twice, and {cut} were in flight");
}

#[tokio::test]
async fn the_command_says_what_it_does_and_refuses_to_replay_everything() {
    let receiver = Receiver::start(None, |request| Reply::Status(if is_replay(request) { 200 } else { 500 })).await;
    let setup = Setup::new().with("POSTSYNC_DELIVERY_SCHEDULE", "0s");
    let server = setup.start().await;
    given_up(&server.api(), &receiver, 3).await;
    let id = server.api().deliveries("").await[0]["id"].as_str().unwrap().to_owned();

    let one = told(&setup, &server, &["--id", &id]).await;
    assert!(line(&one).starts_with("dlv_") && line(&one).contains("again, to http://"), "{one:?}");
    let rest = told(&setup, &server, &["--error", "http_status", "--since", "5m"]).await;
    assert!(line(&rest).ends_with("is done: 2 deliveries made anew"), "{rest:?}");
    let none = told(&setup, &server, &["--all"]).await;
    assert!(line(&none).contains("0 deliveries"), "{none:?}");
    let begun = told(&setup, &server, &["--status", "delivered", "--all", "--no-wait", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(line(&begun)).unwrap()["count"], 3);
    receiver.requests.count("three, one, two and three again", 9).await;

    let refused = async |arguments: &[&str], code: i32, words: &[&str]| {
        let output = told(&setup, &server, arguments).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
    };
    refused(&[], 2, &["say which deliveries", "--all"]).await;
    refused(&["--status", "any"], 2, &["--all"]).await;
    refused(&["--since", "soon"], 2, &["--since", "soon"]).await;
    refused(&["--error", "timeout"], 2, &["timeout", "docs/ERRORS.md"]).await;
    refused(&["--id", "dlv_0000000000000"], 1, &["404", "does not exist"]).await;
    let mut wrong_key = command(&setup, &server, &["--since", "1h"]);
    let output = wrong_key.env("POSTSYNC_API_KEY", "psk_wrong").output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not know the key"), "{output:?}");
}
