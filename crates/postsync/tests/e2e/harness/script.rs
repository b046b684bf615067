//! The receivers of `examples` as child processes: what users copy is what is tested.
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::growing::{self, Growing};
use super::server::KEY;
use super::{Api, Certificates, PATIENCE, front, repository};

/// How long a receiver may take to install its packages or to be compiled, the first time.
const PATIENCE_INSTALL: Duration = Duration::from_mins(10);

/// What a receiver keeps beside itself between two runs: packages, and what was compiled.
const KEPT: [&str; 3] = ["node_modules", ".venv", "receiver"];

/// A running receiver; killed when it is dropped.
pub(crate) struct Script {
    _child: Child,
    /// One JSON object per delivery: `verified`, `id`, `status`, `attempt`, `event`, `repeated`.
    said: Growing<String>,
    /// Where it takes webhooks.
    pub(crate) url: String,
}

impl Script {
    /// `examples/receivers/<name>`, started by its `run` on a free port.
    pub(crate) async fn example(name: &str, secret: &str) -> Self {
        let (mut command, lock) = run(name).await;
        command.env("PORT", "0").env("WEBHOOK_SECRET", secret);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = growing::lines(child.stdout.take().unwrap());
        let complaints = growing::lines(child.stderr.take().unwrap());
        let listens = |lines: &[String]| lines.iter().find_map(|line| address(line));
        let address = complaints.until_closed_within(PATIENCE_INSTALL, "the receiver listens", listens).await;
        let address = address.unwrap_or_else(|| panic!("{name} ended: {:#?}", complaints.all()));
        drop(lock);
        Self { _child: child, said, url: format!("http://{address}/webhook") }
    }

    /// The same behind TLS, as a proxy before it has it.
    pub(crate) async fn behind(self, tls: &Certificates) -> Self {
        let url = front::https(&self.url, tls.acceptor.clone()).await;
        Self { url, ..self }
    }

    /// Express on the parsed body, as Sync's guide has it.
    pub(crate) async fn express(secret: &str, tls: &Certificates) -> Self {
        Self::example("express", secret).await.behind(tls).await
    }

    /// Python's standard library on the raw bytes.
    pub(crate) async fn python(secret: &str, tls: &Certificates) -> Self {
        Self::example("python", secret).await.behind(tls).await
    }

    /// What it said of its deliveries, once there are that many. What else a framework says is no JSON.
    pub(crate) async fn deliveries(&self, count: usize) -> Vec<Value> {
        let told = |lines: &[String]| {
            let told: Vec<Value> = lines.iter().filter(|line| line.starts_with('{')).map(|line| parsed(line)).collect();
            (told.len() >= count).then_some(told)
        };
        self.said.until("the receiver was sent all", told).await
    }
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// The address in the line that says that it listens: each framework has words of its own for it.
fn address(line: &str) -> Option<String> {
    let rest = line.split_once("http://")?.1;
    let address: String = rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
    address.parse::<std::net::SocketAddr>().ok().map(|address| address.to_string())
}

/// The `run` of a receiver, in a copy of its folder; and what keeps other processes from installing there meanwhile.
async fn run(name: &str) -> (Command, Option<File>) {
    let source = repository().join("examples/receivers").join(name);
    // A package of the workspace is compiled where it is.
    let (folder, lock) = if source.join("Cargo.toml").exists() { (source, None) } else { copy(&source, name).await };
    let mut command = Command::new(folder.join("run"));
    for name in ["PORT", "HOST", "WEBHOOK_SECRET"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    (command, lock)
}

async fn copy(source: &Path, name: &str) -> (PathBuf, Option<File>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("receivers").join(name);
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.with_extension("lock")).unwrap();
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await.unwrap().unwrap();
    copy_all(source, &folder);
    (folder, Some(lock))
}

/// A folder with everything below it, but for what the receivers keep beside themselves.
pub(crate) fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if KEPT.iter().any(|kept| entry.file_name() == *kept) {
            continue;
        }
        if path.is_dir() {
            copy_all(&path, &target);
        } else {
            // A program that runs can't be written to: a new file takes its place.
            let fresh = to.join(format!("{}.new", entry.file_name().display()));
            fs::copy(&path, &fresh).unwrap();
            fs::rename(&fresh, &target).unwrap();
        }
    }
}

/// The test that comes with a receiver, as somebody runs it who has copied it; gives what it says.
pub(crate) async fn own_test(name: &str, program: &str, arguments: &[&str]) -> String {
    let (folder, _lock) = copy(&repository().join("examples/receivers").join(name), name).await;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// What each receiver says that can't start, with these variables and no others of its own.
pub(crate) async fn complaints(variables: &[(&str, &str)]) -> Vec<String> {
    let mut said = Vec::new();
    for name in ["node", "next", "python"] {
        let (mut command, lock) = run(name).await;
        command.envs(variables.iter().copied());
        let output = timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
        drop(lock);
        assert!(!output.status.success(), "{output:?}");
        said.push(String::from_utf8(output.stderr).unwrap());
    }
    said
}

/// `examples/feed.py`: nobody calls it, it asks.
pub(crate) fn feed_reader() -> Command {
    let mut command = Command::new("python3");
    command.arg(repository().join("examples/feed.py")).kill_on_drop(true);
    command
}

/// The same at work.
pub(crate) fn feed_consumer(api: &Api, consumer: &str) -> Script {
    let mut command = feed_reader();
    command
        .env("POSTSYNC_SERVER", &api.base)
        .env("POSTSYNC_API_KEY", KEY)
        .env("CONSUMER", consumer)
        .env("no_proxy", "*");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let said = growing::lines(child.stdout.take().unwrap());
    Script { _child: child, said, url: String::new() }
}
