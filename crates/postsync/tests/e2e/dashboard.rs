//! The pages in a real browser: what a person does there, from the sign-in to a rotated secret, and whether all of it is for everybody.
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::server::KEY;
use crate::harness::{PATIENCE, SECRET, Setup, node, repository};

/// Debian's. `POSTSYNC_CHROMIUM` names another, and then there must be one.
const CHROMIUM: &str = "/usr/bin/chromium";

const SKIPPED: &str = "\nSKIPPED: the pages in a browser. There is no /usr/bin/chromium: install it (on Debian and Ubuntu: \
                       sudo apt-get install chromium fonts-dejavu-core), or say where one is with POSTSYNC_CHROMIUM=FILE.\n\n";

/// How much a page may move by itself while it is watched.
const SHIFT_MAX: f64 = 0.1;

fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("POSTSYNC_CHROMIUM").map(PathBuf::from);
    if let Some(named) = &named {
        assert!(named.exists(), "POSTSYNC_CHROMIUM: there is no {}", named.display());
    }
    named.or_else(|| Some(PathBuf::from(CHROMIUM)).filter(|file| file.exists()))
}

#[tokio::test]
async fn a_person_makes_watches_mends_and_rotates() {
    let Some(chromium) = chromium() else {
        // Not by a macro: what those print the test's runner keeps to itself.
        std::io::stderr().write_all(SKIPPED.as_bytes()).unwrap();
        return;
    };
    let source = repository().join("crates/postsync/tests/e2e/dashboard");
    let folder = node::project(&source, "dashboard", &["dashboard.mjs"]).await;
    let server = Setup::new().with("POSTSYNC_DELIVERY_SCHEDULE", "0s,1s").start().await;
    let samples = repository().join("crates/lipsync/samples");
    let mut program = Command::new("node");
    program.arg(folder.join("dashboard.mjs"));
    program.env("BASE", format!("http://{}", server.address)).env("KEY", KEY).env("BROWSER", &chromium);
    program.env("POSTSYNC", env!("CARGO_BIN_EXE_postsync"));
    program.env("PICTURE", samples.join("astronaut.png")).env("SPEECH", samples.join("arctic_a0009.wav"));
    // POSTSYNC_SHOTS=FOLDER keeps the pictures of every page, to be looked at.
    program.env("SHOTS", std::env::var("POSTSYNC_SHOTS").unwrap_or_default()).env("no_proxy", "*");
    let output = program.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(6 * PATIENCE, output).await.expect("the browser ends").unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}\n{}", String::from_utf8_lossy(&output.stdout));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();

    let navigation = ["Generations", "Deliveries", "Webhooks", "Destinations", "Batches", "Keys", "Usage"];
    assert_eq!(said["navigation"], json!(navigation));
    assert_eq!(said["firstFocus"], "To the content");
    let statuses = said["statuses"].as_array().unwrap();
    let open = [json!("PENDING"), json!("PROCESSING")];
    assert!(open.iter().any(|status| statuses.contains(status)), "it was watched: {statuses:?}");
    assert_eq!(said["reloaded"], false);
    assert!(said["shift"].as_f64().unwrap() < SHIFT_MAX, "{}", said["shift"]);
    assert_eq!(said["played"], "512x512");
    assert_eq!((&said["failed"], &said["answer"]), (&json!("connect_refused"), &json!(true)));
    assert_eq!((&said["hidden"], &said["revealed"]), (&json!(true), &json!(SECRET)));
    assert_eq!(said["stages"], json!(["prepared", "switched", "stable"]));
    assert_eq!(said["questions"].as_array().unwrap().len(), 3, "{}", said["questions"]);
    assert_eq!(said["count"], "This fits 1 deliveries.");
    let flood = &said["flood"];
    assert_eq!(flood["kept"], true, "{flood}");
    // One answer in 0.9 s, however much happens in it; the clock of a busy machine may give it one more or less.
    assert!(flood["answers"].as_u64() <= flood["seconds"].as_u64().map(|seconds| seconds * 10 / 9 + 2), "{flood}");
    assert_eq!(said["listener"], "laptop");
    assert_eq!(said["marked"], " ", "the first byte that differs");
    assert_eq!(said["whileHidden"], 0, "a tab that nobody sees rests");
    for none in ["complaints", "elsewhere", "dialogs", "violations", "wide"] {
        assert_eq!(said[none], json!([]), "{none}");
    }
    assert_eq!(said["withoutScripts"], navigation.len());
}
