//! The document at `/api-json` against the server that gives it out: a validator of OpenAPI 3.1 reads it, and schemathesis
//! sends what it allows and what it forbids, and follows its links. Nothing may fail, and nothing may be answered that the document
//! does not say.
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::server::KEY;
use crate::harness::{PATIENCE, Server, Setup, python, repository};

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance,ignored_auth";

/// What was made is there, and what was removed is not: for requests that follow each other.
const CHECKS_BEHIND_LINKS: &str = "use_after_free,ensure_resource_availability";

/// Requests that are made up for each operation, beside those that its limits suggest.
const EXAMPLES: &str = "15";

/// Walks along the links, and the steps of each.
const WALKS: &str = "100";
const STEPS: &str = "[phases.stateful]\nmax-steps = 30\n";

/// Of some seventy; fewer say that creates are refused, and that nothing was looked at behind them.
const LINKS_MIN: u32 = 40;

#[tokio::test]
async fn the_document_is_valid_openapi() {
    let (setup, python) = (Setup::new(), packages().await);
    let server = setup.start().await;
    let file = setup.home().join("api.json");
    let document = server.api().get("/api-json").await;
    std::fs::write(&file, document.text).unwrap();
    let mut validator = Command::new(python);
    said(validator.args(["-m", "openapi_spec_validator", "--validation-errors", "all"]).arg(file), &server).await;
}

#[tokio::test]
async fn nothing_that_the_document_allows_or_forbids_surprises_the_server() {
    let (setup, python) = (Setup::new(), packages().await);
    let server = setup.start().await;
    let mut fuzzer = fuzzer(&python, &setup, &server, CHECKS);
    fuzzer.args(["--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing"]);
    let report = said(&mut fuzzer, &server).await;
    assert!(report.contains("test cases") || report.contains("Test cases"), "{report}");
}

#[tokio::test]
async fn what_an_answer_leads_to_is_there_until_it_is_removed() {
    let (setup, python) = (Setup::new(), packages().await);
    let server = setup.start().await;
    std::fs::write(setup.home().join("schemathesis.toml"), STEPS).unwrap();
    let mut fuzzer = fuzzer(&python, &setup, &server, &format!("{CHECKS},{CHECKS_BEHIND_LINKS}"));
    fuzzer.args(["--max-examples", WALKS, "--phases", "stateful", "--mode", "positive"]);
    fuzzer.env("SCHEMATHESIS_HOOKS", source().join("links.py"));
    let report = said(&mut fuzzer, &server).await;
    let links = report.lines().find_map(|line| line.trim().strip_prefix("API Links:")?.split_whitespace().next());
    let links: u32 = links.unwrap_or_else(|| panic!("{report}")).parse().unwrap();
    assert!(links >= LINKS_MIN, "{report}");
}

/// Without the streams: they have no end, and what they send is no one answer.
fn fuzzer(python: &Path, setup: &Setup, server: &Server, checks: &str) -> Command {
    let mut fuzzer = Command::new(python.with_file_name("schemathesis"));
    fuzzer.current_dir(setup.home()).arg("run").arg(format!("{}/api-json", server.api().base));
    fuzzer.args(["--checks", checks, "--header", &format!("x-api-key: {KEY}")]);
    fuzzer.args(["--exclude-path-regex", "/stream$|/connect$"]);
    fuzzer.args(["--seed", "1", "--continue-on-failure", "--no-color"]);
    fuzzer
}

fn source() -> PathBuf {
    repository().join("crates/postsync/tests/e2e/contract")
}

async fn packages() -> PathBuf {
    python::with_packages(&source(), "contract").await
}

/// What a program says that must be content.
async fn said(program: &mut Command, server: &Server) -> String {
    let output = timeout(10 * PATIENCE, program.stdin(Stdio::null()).kill_on_drop(true).output());
    let output = output.await.expect("the program does not end").unwrap();
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}\n{complaints}\n{:#?}", server.log.all());
    report
}
