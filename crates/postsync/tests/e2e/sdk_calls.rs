//! All calls of the two official SDKs, with nothing but the base URL changed: each works, and each fails as its own types say.
//!
//! A program of `sdk/` makes every call once and prints what came of it. It is run against servers that take the key, that don't,
//! that have had enough requests of it, and whose database has lost a table; what must come of each call is the table below.
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::footage::Footage;
use crate::harness::api::{id_of, passthrough};
use crate::harness::server::KEY;
use crate::harness::{PATIENCE, Receiver, Server, Setup, node, poll, python, repository};

/// A call, the statuses for which the SDKs have a class of their own, and what wrong arguments come to; they can't be wrong where
/// there are none.
struct Call {
    node: &'static str,
    python: &'static str,
    typed: &'static [u64],
    wrong: Option<(u64, &'static str)>,
}

const fn call(
    node: &'static str,
    python: &'static str,
    typed: &'static [u64],
    wrong: Option<(u64, &'static str)>,
) -> Call {
    Call { node, python, typed, wrong }
}

const CALLS: [Call; 11] = [
    call("models.list", "models.list", &[401, 500], None),
    call("generations.create", "generations.create", &[400, 401, 500], Some((400, "generation_unsupported_model"))),
    call(
        "generations.createWithFiles",
        "generations.create_with_files",
        &[400, 401, 500],
        Some((400, "generation_audio_missing")),
    ),
    call("generations.get", "generations.get", &[401, 404, 500], Some((404, "generation_not_found"))),
    call("generations.list", "generations.list", &[401, 500], Some((400, "invalid_request"))),
    call(
        "generations.estimateCost",
        "generations.estimate_cost",
        &[401, 500],
        Some((400, "generation_unsupported_model")),
    ),
    call("batch.create", "batch.create", &[400, 401, 402, 429, 500], Some((400, "batch_invalid_jsonl"))),
    call("batch.get", "batch.get", &[401, 404, 500], Some((404, "batch_not_found"))),
    call("batch.list", "batch.list", &[401, 500], Some((400, "invalid_request"))),
    call("assets.list", "assets.list", &[401, 500], Some((400, "invalid_request"))),
    call("assets.get", "assets.get", &[401, 404, 500], Some((404, "asset_not_found"))),
];

/// One of the SDKs.
struct Sdk {
    program: Vec<PathBuf>,
    is_node: bool,
}

impl Sdk {
    async fn node() -> Self {
        let folder = node::project(&source(), "sdk", &["calls.mjs"]).await;
        Self { program: vec![PathBuf::from("node"), folder.join("calls.mjs")], is_node: true }
    }

    async fn python() -> Self {
        let python = python::with_packages(&source(), "sdk").await;
        Self { program: vec![python, source().join("calls.py")], is_node: false }
    }

    fn name(&self, call: &Call) -> &'static str {
        if self.is_node { call.node } else { call.python }
    }

    /// The class that an application catches.
    fn class(&self, call: &Call, status: u64) -> &'static str {
        match status {
            _ if !call.typed.contains(&status) && self.is_node => "SyncError",
            _ if !call.typed.contains(&status) => "ApiError",
            400 => "BadRequestError",
            401 => "UnauthorizedError",
            404 => "NotFoundError",
            429 => "TooManyRequestsError",
            500 => "InternalServerError",
            _ => panic!("no server answers {status} here"),
        }
    }

    /// The member of a body, which Python's types call otherwise than the wire.
    fn member(&self, name: &'static str, is_typed: bool) -> &'static str {
        if name == "statusCode" && is_typed && !self.is_node { "status_code" } else { name }
    }

    /// Makes every call; gives what came of them, by name.
    async fn run(&self, stage: &Stage, server: &Server, key: &str, wrong: bool) -> Value {
        let mut program = Command::new(&self.program[0]);
        program.args(&self.program[1..]).envs(stage.variables.iter().map(|(name, value)| (name, value)));
        program.env("BASE_URL", &server.api().base).env("API_KEY", key);
        if wrong {
            let unknown = "6533643b-aceb-4c40-967e-d9ba9baac39e";
            program.env("WRONG", "1").env("GENERATION", unknown).env("BATCH", unknown).env("ASSET", unknown);
        }
        let output = timeout(PATIENCE, program.stdin(Stdio::null()).kill_on_drop(true).output());
        let output = output.await.expect("the program does not end").unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaints}\n{:#?}", server.log.all());
        let mut said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut known: Vec<&str> =
            said["known"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let mut tabled: Vec<&str> = CALLS.iter().map(|call| self.name(call)).collect();
        known.sort_unstable();
        tabled.sort_unstable();
        assert_eq!(known, tabled, "the SDK has these calls and no others");
        said["outcomes"].take()
    }
}

/// What the calls name: files, and what is on the server.
struct Stage {
    setup: Setup,
    receiver: Receiver,
    variables: Vec<(&'static str, String)>,
}

impl Stage {
    /// A server with a generation, a batch and an asset.
    async fn set() -> (Self, Server) {
        let (setup, receiver) = (Setup::new(), Receiver::friendly().await);
        let server = setup.start().await;
        let (api, footage) = (server.api(), Footage::new(setup.home()));
        let generation = api.create(&passthrough(&receiver.url("/one"))).await;
        api.ended(&generation).await;
        let payload = passthrough(&receiver.url("/row"));
        let row = |n| json!({"request_id": format!("row-{n}"), "endpoint": "/v2/generate", "payload": payload});
        let rows: Vec<Value> = (0..20).map(row).collect();
        let batch = id_of(&api.post("/v2/batch", &json!({"rows": rows})).await.expect(201));
        poll("the batch ends", async || {
            let batch = api.get(&format!("/v2/batch/{batch}")).await.expect(200);
            (batch["status"] == "COMPLETED").then_some(())
        })
        .await;
        let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
        let url = "https://media.example.com/in.wav";
        let asset = id_of(&api.post("/v2/assets", &json!({"url": url, "type": "AUDIO"})).await.expect(201));
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        let variables = vec![
            ("VIDEO", path(footage.portrait())),
            ("AUDIO", path(footage.speech())),
            ("LINES", path(footage.write("rows.jsonl", lines.join("\n").as_bytes()))),
            ("GENERATION", generation),
            ("BATCH", batch),
            ("ASSET", asset),
        ];
        (Self { setup, receiver, variables }, server)
    }
}

#[tokio::test]
async fn every_call_of_the_node_sdk_works_and_fails_as_typed() {
    judge(&Sdk::node().await).await;
}

#[tokio::test]
async fn every_call_of_the_python_sdk_works_and_fails_as_typed() {
    judge(&Sdk::python().await).await;
}

async fn judge(sdk: &Sdk) {
    let (stage, server) = Stage::set().await;
    works(sdk, &sdk.run(&stage, &server, KEY, false).await);
    let wrong = sdk.run(&stage, &server, KEY, true).await;
    for call in &CALLS {
        match call.wrong {
            Some((status, code)) => fails(sdk, call, &wrong, status, Some(code)),
            None => assert!(wrong[sdk.name(call)]["returned"].is_array(), "{wrong}"),
        }
    }
    all_fail(sdk, &sdk.run(&stage, &server, "not-a-key", false).await, 401, None);
    too_many_requests(sdk, &stage, server).await;
    let server = stage.setup.start().await;
    break_database(&server).await;
    all_fail(sdk, &sdk.run(&stage, &server, KEY, false).await, 500, Some("generation_database_error"));
    drop(server.kill().await);
}

fn works(sdk: &Sdk, outcomes: &Value) {
    for call in &CALLS {
        let returned = &outcomes[sdk.name(call)]["returned"];
        match call.node {
            "models.list" | "generations.list" | "batch.list" => {
                assert!(returned.as_array().is_some_and(|list| !list.is_empty()), "{}: {outcomes}", call.node);
            }
            "generations.estimateCost" => assert_eq!(returned.as_array().map(Vec::len), Some(1), "{outcomes}"),
            "assets.list" => assert!(!returned["items"].as_array().unwrap().is_empty(), "{outcomes}"),
            name => assert!(returned["id"].is_string(), "{name}: {outcomes}"),
        }
    }
}

fn all_fail(sdk: &Sdk, outcomes: &Value, status: u64, code: Option<&str>) {
    for call in &CALLS {
        fails(sdk, call, outcomes, status, code);
    }
}

/// The class that the call declares, or the SDK's general one; and in both the body, read.
fn fails(sdk: &Sdk, call: &Call, outcomes: &Value, status: u64, code: Option<&str>) {
    let (name, is_typed) = (sdk.name(call), call.typed.contains(&status));
    let error = &outcomes[name];
    assert_eq!(error["class"], sdk.class(call, status), "{name}, {status}: {error}");
    assert_eq!((&error["isSyncError"], &error["statusCode"]), (&json!(true), &json!(status)), "{name}: {error}");
    let body = &error["body"];
    assert_eq!(body[sdk.member("statusCode", is_typed)].as_f64(), Some(status as f64), "{name}: {error}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{name}: {error}");
    if let Some(code) = code {
        assert_eq!(body["errorCode"], code, "{name}: {error}");
    }
}

/// Takes a table away under the server that is running: it can't say any more whose a key is.
async fn break_database(server: &Server) {
    let database = server.setup().data().join("postsync.db");
    let rename = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('ALTER TABLE keys RENAME TO lost')";
    let output = Command::new("python3").args(["-c", rename]).arg(&database).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    // A key is believed for a moment longer.
    poll("the server misses its table", async || (server.api().get("/v2/models").await.status == 500).then_some(()))
        .await;
}

/// The server again, as one that takes a create and another request each minute.
async fn too_many_requests(sdk: &Sdk, stage: &Stage, server: Server) {
    let setup = server.stop().await;
    let setup = setup.with("POSTSYNC_LIMITS_GENERATE_PER_MINUTE", "1").with("POSTSYNC_LIMITS_REQUESTS_PER_MINUTE", "1");
    let server = setup.start().await;
    let api = server.api();
    api.create(&passthrough(&stage.receiver.url("/one"))).await;
    api.get("/v2/models").await.expect(200);
    all_fail(sdk, &sdk.run(stage, &server, KEY, false).await, 429, Some("rate_limit_exceeded"));
    drop(server.stop().await);
}

fn source() -> PathBuf {
    repository().join("crates/postsync/tests/e2e/sdk")
}
