//! A secret is rotated under receivers that know only one: those of the documentation with the old secret until the switch and
//! with the new one from then on, the libraries of Standard Webhooks with either as long as both sign.
use std::process::Stdio;
use std::time::Duration;

use postsync_webhook::{Secret, verify_sync};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::api::passthrough;
use crate::harness::receiver::Request;
use crate::harness::{Api, Certificates, PATIENCE, Receiver, SECRET, Script, Setup, node, poll, python, repository};

/// What a webhook of one stage is expected to be verified with.
struct Stage {
    name: &'static str,
    /// The guide's receiver, which knows `Sync-Signature` alone: with the old secret, with the new one.
    guide: (bool, bool),
    /// A Standard Webhooks library.
    standard: (bool, bool),
    /// What there is beside `Sync-Signature`: its name, and whether the new secret made it.
    beside: Option<(&'static str, bool)>,
}

const STABLE: Stage = Stage { name: "stable", guide: (true, false), standard: (true, false), beside: None };
const PREPARED: Stage = Stage {
    name: "prepared",
    guide: (true, false),
    standard: (true, true),
    beside: Some(("Sync-Signature-Next", true)),
};
const SWITCHED: Stage = Stage {
    name: "switched",
    guide: (false, true),
    standard: (true, true),
    beside: Some(("Sync-Signature-Previous", false)),
};
const EXPIRED: Stage = Stage { name: "expired", guide: (false, true), standard: (false, true), beside: None };

/// Each of the receivers of the documentation with one secret.
struct Receivers {
    scripts: [Script; 2],
    sent: usize,
}

impl Receivers {
    async fn start(secret: &str, tls: &Certificates) -> Self {
        Self { scripts: [Script::express(secret, tls).await, Script::python(secret, tls).await], sent: 0 }
    }

    /// Sends each a webhook; gives whether they say that it is genuine.
    async fn verify(&mut self, api: &Api) -> bool {
        self.sent += 1;
        let mut said = Vec::new();
        for script in &self.scripts {
            api.create(&passthrough(&script.url)).await;
            said.push(script.deliveries(self.sent).await[self.sent - 1]["verified"].as_bool().unwrap());
        }
        assert_eq!(said[0], said[1], "Express and Python say the same");
        said[0]
    }
}

/// A webhook as it came over the wire.
async fn webhook(api: &Api, raw: &Receiver) -> Request {
    let before = raw.requests.all().len();
    api.create(&passthrough(&raw.url("/raw"))).await;
    raw.requests.count("the webhook comes", before + 1).await[before].clone()
}

/// The first webhook that has this header, or has it no more: a running server honours a command within a second.
async fn webhook_once(api: &Api, raw: &Receiver, name: &str, is_there: bool) -> Request {
    let started = std::time::Instant::now();
    let what = format!("{name}: {is_there}");
    let request = poll(&what, async || {
        let request = webhook(api, raw).await;
        (names(&request).contains(&name) == is_there).then_some(request)
    })
    .await;
    assert!(started.elapsed() < Duration::from_secs(10), "within a second, and some patience with this machine");
    request
}

fn names(request: &Request) -> Vec<&str> {
    request.headers().into_iter().map(|(name, _)| name).collect()
}

fn verifies(request: &Request, header: &str, secret: &str) -> bool {
    let secrets = [Secret::new(secret).unwrap()];
    verify_sync(Some(request.header(header).as_bytes()), &request.body, &secrets, 0, Duration::MAX).is_ok()
}

#[tokio::test]
async fn a_rotation_breaks_nobody() {
    let setup = Setup::new().with("POSTSYNC_DELIVERY_SCHEDULE", "0s");
    let tls = Certificates::make(setup.home());
    let raw = Receiver::friendly().await;
    let setup = setup.with("POSTSYNC_EGRESS_CA_FILE", tls.authority.to_str().unwrap());
    let server = setup.start().await;
    let api = server.api();
    let mut cases = vec![(STABLE, webhook(&api, &raw).await)];

    let new = setup.printed(&["secret", "rotate", "--prepare"]).await;
    assert_ne!(new, SECRET);
    assert_eq!(setup.printed(&["secret", "rotate", "--prepare"]).await, new, "asked twice, it is the same one");
    cases.push((PREPARED, webhook_once(&api, &raw, "Sync-Signature-Next", true).await));
    let shown = api.get("/postsync/v1/secret").await.expect(200);
    assert_eq!((&shown["secret"], &shown["next"], &shown["stage"]), (&json!(SECRET), &json!(new), &json!("prepared")));

    let (mut old_ones, mut new_ones) = (Receivers::start(SECRET, &tls).await, Receivers::start(&new, &tls).await);
    let said = (old_ones.verify(&api).await, new_ones.verify(&api).await);
    assert_eq!(said, PREPARED.guide, "before the switch");
    assert_eq!(setup.printed(&["secret", "rotate", "--switch"]).await, new);
    cases.push((SWITCHED, webhook_once(&api, &raw, "Sync-Signature-Previous", true).await));
    let said = (old_ones.verify(&api).await, new_ones.verify(&api).await);
    assert_eq!(said, SWITCHED.guide, "after the switch");
    let shown = api.get("/postsync/v1/secret").await.expect(200);
    assert_eq!((&shown["secret"], &shown["previous"]), (&json!(new), &json!(SECRET)));
    assert!(shown["stage"] == "switched" && shown["expiresAt"].is_string(), "{shown}");

    setup.printed(&["secret", "rotate", "--expire", "0"]).await;
    cases.push((EXPIRED, webhook_once(&api, &raw, "Sync-Signature-Previous", false).await));
    for (stage, request) in &cases {
        let guide = (verifies(request, "Sync-Signature", SECRET), verifies(request, "Sync-Signature", &new));
        assert_eq!(guide, stage.guide, "{}", stage.name);
        let beside: Vec<&str> = names(request).into_iter().filter(|name| name.starts_with("Sync-Signature-")).collect();
        assert_eq!(beside, stage.beside.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "{}", stage.name);
        if let Some((name, by_new)) = stage.beside {
            assert!(verifies(request, name, if by_new { &new } else { SECRET }), "{name}");
        }
    }
    libraries_agree(&cases, &new).await;
}

/// The libraries of Standard Webhooks, each with either secret.
async fn libraries_agree(cases: &[(Stage, Request)], new: &str) {
    let asked: Vec<Value> =
        cases.iter().flat_map(|(_, request)| [SECRET, new].map(|secret| case(request, secret))).collect();
    let expected: Vec<bool> = cases.iter().flat_map(|(stage, _)| [stage.standard.0, stage.standard.1]).collect();
    let source = repository().join("crates/postsync/tests/e2e/standard");
    let node = node::project(&source, "standard", &["standard.mjs"]).await;
    let mut javascript = Command::new("node");
    javascript.arg(node.join("standard.mjs"));
    let mut snake = Command::new(python::with_packages(&source, "standard").await);
    snake.arg(source.join("standard.py"));
    for program in [javascript, snake] {
        assert_eq!(answers(program, &asked).await, expected, "each stage with the old secret and with the new one");
    }
}

fn case(request: &Request, secret: &str) -> Value {
    let headers = request.headers().into_iter().map(|(name, value)| (name.to_ascii_lowercase(), json!(value)));
    let headers: serde_json::Map<String, Value> = headers.collect();
    json!({"secret": secret, "headers": headers, "body": String::from_utf8(request.body.clone()).unwrap()})
}

async fn answers(mut program: Command, asked: &[Value]) -> Vec<bool> {
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = program.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(json!(asked).to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
