//! The receivers that `examples/receivers` has, driven as a sender drives them: what is genuine gets 200, everything else 400.
//!
//! Those with dependencies to install are driven by the tests of the whole server. Go is tried where it is installed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postsync_webhook::{Secret, Signers, headers};
use serde_json::Value;

const BODY: &str =
    r#"{"id":"6533643b-aceb-4c40-967e-d9ba9baac39e","status":"COMPLETED","outputDuration":9.98,"text":"é"}"#;

/// For a request and its answer on this machine, however busy it is.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn node() {
    judge(Command::new("node").arg(receivers().join("node/server.mjs")));
}

#[test]
fn python() {
    judge(Command::new("python3").arg("-B").arg(receivers().join("python/server.py")));
}

#[test]
fn go() {
    if Command::new("go").arg("version").output().is_err() {
        eprintln!("skipped: there is no Go here to build the receiver with");
        return;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("go");
    let program = folder.join("receiver");
    let mut build = Command::new("go");
    build.arg("build").arg("-o").arg(&program).arg(".").current_dir(receivers().join("go"));
    // No network and no folder outside of ours: it needs neither.
    let build = build.env("GOFLAGS", "-mod=mod").env("GOPROXY", "off").env("GOCACHE", folder.join("cache"));
    assert!(build.status().expect("go can be started").success(), "the receiver in Go does not compile");
    judge(&mut Command::new(program));
}

fn receivers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/receivers")
}

fn judge(command: &mut Command) {
    let (old, new, foreign) = (Secret::generate([1; 32]), Secret::generate([2; 32]), Secret::generate([3; 32]));
    let mut receiver = Receiver::start(command, &format!("{},{}", old.expose(), new.expose()));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set").as_secs().cast_signed();
    for secret in [&old, &new] {
        let (status, line) = receiver.post(&signed(secret, now), BODY);
        assert_eq!((status, &line["verified"], &line["status"]), (200, &true.into(), &"COMPLETED".into()), "{line}");
        assert_eq!((&line["id"], &line["attempt"]), (&"6533643b-aceb-4c40-967e-d9ba9baac39e".into(), &2.into()));
    }
    let changed = BODY.replace("COMPLETED", "FAILED");
    let joined = signed(&new, now).replace(",v1=", ", v1=");
    for (what, headers, body) in [
        ("another secret", signed(&foreign, now), BODY),
        ("a changed body", signed(&new, now), &changed),
        ("an old signature", signed(&new, now - 3_600), BODY),
        ("no signature", String::new(), BODY),
        ("a header that is not in its form", joined, BODY),
    ] {
        let (status, line) = receiver.post(&headers, body);
        assert_eq!((status, &line["verified"]), (400, &false.into()), "{what}: {line}");
    }
}

fn signed(secret: &Secret, t_unix_s: i64) -> String {
    let set = headers(Signers::one(secret), "evt_1", t_unix_s, BODY.as_bytes());
    set.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

/// A receiver that listens. Ended with the value.
struct Receiver {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    authority: String,
}

impl Receiver {
    fn start(command: &mut Command, secrets: &str) -> Self {
        let command = command.env("PORT", "0").env("WEBHOOK_SECRET", secrets).env_remove("TLS_CERT");
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the receiver can be started");
        let mut told = String::new();
        let stderr = child.stderr.take().expect("stderr is piped");
        BufReader::new(stderr).read_line(&mut told).expect("the receiver says where it listens");
        let authority = told.trim().strip_prefix("listening on http://").and_then(|rest| rest.split('/').next());
        let authority = authority.unwrap_or_else(|| panic!("it does not say where it listens: {told}")).to_owned();
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self { child, lines, authority }
    }

    /// Sends one webhook. Gives the status of the answer and the line that the receiver printed.
    fn post(&mut self, headers: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.authority).expect("the receiver listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let head = format!(
            "POST /webhook HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nPostsync-Attempt: 2\r\nConnection: close\r\n{headers}\r\n",
            self.authority,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).expect("the request can be written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer comes");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("the receiver prints a line");
        (status, serde_json::from_str(&line).expect("a line of JSON"))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // A test that failed must not leave it behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
