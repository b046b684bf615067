//! The document at `/api-json` against the server that gives it out: a validator of OpenAPI 3.1 reads it, and schemathesis
//! sends what it allows and what it forbids. Nothing may fail, and nothing may be answered that the document does not say.
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::server::KEY;
use crate::harness::{PATIENCE, Server, Setup, python, repository};

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance,ignored_auth";

/// Requests that are made up for each operation, beside those that its limits suggest.
const EXAMPLES: &str = "15";

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
    let mut fuzzer = Command::new(python.with_file_name("schemathesis"));
    fuzzer.current_dir(setup.home()).arg("run").arg(format!("{}/api-json", server.api().base));
    fuzzer.args(["--checks", CHECKS, "--max-examples", EXAMPLES, "--header", &format!("x-api-key: {KEY}")]);
    // A stream has no end, and what it sends is no one answer.
    fuzzer.args(["--exclude-path-regex", "/stream$|/connect$"]);
    fuzzer.args(["--phases", "examples,coverage,fuzzing", "--seed", "1", "--continue-on-failure", "--no-color"]);
    let report = said(&mut fuzzer, &server).await;
    assert!(report.contains("test cases") || report.contains("Test cases"), "{report}");
}

async fn packages() -> PathBuf {
    python::with_packages(&repository().join("crates/postsync/tests/e2e/contract"), "contract").await
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
