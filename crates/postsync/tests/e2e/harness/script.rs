//! The receivers of the documentation as child processes: what users copy is what is tested.
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::growing::{self, Growing};
use super::server::KEY;
use super::{Api, Certificates, PATIENCE, node, repository};

/// A running receiver; killed when it is dropped.
pub(crate) struct Script {
    _child: Child,
    /// One JSON object per delivery: `verified`, `id`, `status`, `attempt`.
    said: Growing<String>,
    /// Where it takes webhooks.
    pub(crate) url: String,
}

impl Script {
    /// `docs/receivers/express.mjs`, with the Express of its own lock file.
    pub(crate) async fn express(secret: &str, tls: &Certificates) -> Self {
        Self::start(express().await, secret, tls).await
    }

    /// `docs/receivers/receiver.py`.
    pub(crate) async fn python(secret: &str, tls: &Certificates) -> Self {
        Self::start(python(), secret, tls).await
    }

    async fn start(mut command: Command, secret: &str, tls: &Certificates) -> Self {
        command.env("PORT", "0").env("WEBHOOK_SECRET", secret).kill_on_drop(true);
        command.env("TLS_CERT", as_str(&tls.certificate)).env("TLS_KEY", as_str(&tls.key));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = growing::lines(child.stdout.take().unwrap());
        let complaints = growing::lines(child.stderr.take().unwrap());
        let listening =
            |lines: &[String]| lines.iter().find_map(|line| line.strip_prefix("listening on ")).map(str::to_owned);
        let url = complaints.until("the receiver listens", listening).await;
        Self { _child: child, said, url }
    }

    /// What it said of its deliveries, once there are that many.
    pub(crate) async fn deliveries(&self, count: usize) -> Vec<Value> {
        let lines = self.said.count("the receiver was sent all", count).await;
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// `docs/receivers/feed.py`: nobody calls it, it asks.
pub(crate) fn feed_reader() -> Command {
    let mut command = Command::new("python3");
    command.arg(repository().join("docs/receivers/feed.py")).kill_on_drop(true);
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

async fn express() -> Command {
    let folder = node::project(&repository().join("docs/receivers"), "express", &["express.mjs"]).await;
    let mut command = Command::new("node");
    command.arg(folder.join("express.mjs"));
    command
}

fn raw() -> Command {
    let mut command = Command::new("node");
    command.arg(repository().join("docs/receivers/raw.mjs"));
    command
}

fn python() -> Command {
    let mut command = Command::new("python3");
    command.arg(repository().join("docs/receivers/receiver.py"));
    command
}

/// What each receiver says that can't start, with these variables and no others of its own.
pub(crate) async fn complaints(variables: &[(&str, &str)]) -> Vec<String> {
    let mut said = Vec::new();
    for mut command in [express().await, raw(), python()] {
        for name in ["PORT", "HOST", "WEBHOOK_SECRET", "TLS_CERT", "TLS_KEY"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
        assert!(!output.status.success(), "{output:?}");
        said.push(String::from_utf8(output.stderr).unwrap());
    }
    said
}

fn as_str(path: &Path) -> &str {
    path.to_str().unwrap()
}
