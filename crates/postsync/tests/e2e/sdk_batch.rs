//! The batch calls of the two official SDKs, with nothing but the base URL changed.
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::api::{id_of, passthrough};
use crate::harness::server::KEY;
use crate::harness::{PATIENCE, Receiver, Setup, node, python, repository};

const ROWS: usize = 20;

#[tokio::test]
async fn the_node_sdk_makes_batches() {
    let folder = node::project(&source(), "sdk", &["batch.mjs"]).await;
    let mut program = Command::new("node");
    program.arg(folder.join("batch.mjs"));
    judge(program, "outputUrl").await;
}

#[tokio::test]
async fn the_python_sdk_makes_batches() {
    let mut program = Command::new(python::with_packages(&source(), "sdk").await);
    program.arg(source().join("batch.py"));
    judge(program, "output_url").await;
}

async fn judge(mut program: Command, output_url: &str) {
    let (setup, receiver) = (Setup::new(), Receiver::friendly().await);
    let server = setup.start().await;
    let payload = passthrough(&receiver.url("/row"));
    let line = |n: usize| json!({"request_id": format!("row-{n}"), "endpoint": "/v2/generate", "payload": payload});
    let lines: Vec<String> = (0..ROWS).map(|n| line(n).to_string()).collect();
    let (good, broken) = (setup.home().join("good.jsonl"), setup.home().join("broken.jsonl"));
    std::fs::write(&good, lines.join("\n")).unwrap();
    std::fs::write(&broken, format!("{}\nnot json\n", lines.join("\n"))).unwrap();
    program.env("BASE_URL", &server.api().base).env("API_KEY", KEY).env("WEBHOOK_URL", receiver.url("/batch"));
    program.env("LINES", good).env("BROKEN", broken);
    let output = timeout(PATIENCE, program.stdin(Stdio::null()).kill_on_drop(true).output());
    let output = output.await.expect("the program does not end").unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}\n{:#?}", server.log.all());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(said["dry"]["status"], "VALIDATED", "{said}");
    let (created, ended) = (&said["created"], &said["ended"]);
    assert_eq!((&created["status"], &created["metrics"]["pending_count"]), (&json!("PENDING"), &json!(ROWS)));
    assert_eq!((&ended["status"], &ended["metrics"]["success_count"]), (&json!("COMPLETED"), &json!(ROWS)));
    assert_eq!(ended["id"], created["id"]);
    assert!(ended[output_url].as_str().unwrap().starts_with(&server.api().base), "{ended}");
    let results = said["results"].as_array().unwrap();
    let names: Vec<String> = (0..ROWS).map(|n| format!("row-{n}")).collect();
    assert_eq!(results.iter().map(|row| row["request_id"].as_str().unwrap()).collect::<Vec<_>>(), names);
    let one = json!([created["id"]]);
    assert_eq!((&said["lists"]["all"], &said["lists"]["completed"], &said["lists"]["none"]), (&one, &one, &json!([])));
    for (name, class, status, code) in [
        ("line", "BadRequestError", 400.0, "batch_invalid_jsonl"),
        ("key", "UnauthorizedError", 401.0, ""),
        ("id", "NotFoundError", 404.0, "batch_not_found"),
    ] {
        let error = &said["errors"][name];
        assert_eq!((&error["class"], error["statusCode"].as_f64()), (&json!(class), Some(status)), "{name}: {error}");
        assert!(code.is_empty() || error["body"]["errorCode"] == code, "{name}: {error}");
    }
    let message = said["errors"]["line"]["body"]["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("line {}: ", ROWS + 1)), "{message}");
    let told = receiver.requests.count("a webhook for each row and one for the batch", ROWS + 1).await;
    let of_batch = told.iter().filter(|request| id_of(&request.json()) == id_of(created)).count();
    assert_eq!(of_batch, 1);
}

fn source() -> PathBuf {
    repository().join("crates/postsync/tests/e2e/sdk")
}
