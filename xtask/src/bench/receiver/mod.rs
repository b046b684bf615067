//! The receivers, in a process of their own so that what they cost is counted apart. Asked by lines on its standard input.
mod child;
mod gate;
mod listen;
mod seen;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use hyper::HeaderMap;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

pub(crate) use child::{Args, run};

use super::figures::Spread;
use super::host::Cpu;

/// The command under which this program is its own receiver.
pub(crate) const COMMAND: &str = "bench-receiver";

/// A receiver that has not answered a question by then is gone, or has lost something.
const ANSWER_MAX: Duration = Duration::from_secs(600);

/// Never answered there.
pub(crate) const HANG: &str = "/hang";

pub(crate) struct Receiver {
    child: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    hosts: usize,
    port: u16,
    is_tls: bool,
    pub(crate) ca_file: PathBuf,
    gate: SocketAddr,
}

/// A webhook as it came.
pub(crate) struct Sample {
    pub(crate) headers: HeaderMap,
    pub(crate) body: bytes::Bytes,
}

/// What the gate has seen.
pub(crate) struct GateReport {
    /// Different events.
    pub(crate) events: usize,
    /// The most that came within any second.
    pub(crate) most_per_s: usize,
}

impl Receiver {
    /// `hosts` of them, each on an address of its own.
    pub(crate) async fn start(folder: &Path, hosts: usize, is_tls: bool) -> anyhow::Result<Self> {
        let ca_file = folder.join("ca.pem");
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(COMMAND).args(["--hosts", &hosts.to_string(), "--ca-file"]).arg(&ca_file);
        if is_tls {
            command.arg("--tls");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let questions = child.stdin.take().context("no standard input")?;
        let answers = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        let gate = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut receiver = Self { child, questions, answers, hosts, port: 0, is_tls, ca_file, gate };
        let ports = receiver.answer().await?;
        let port = |name: &str| ports[name].as_u64().and_then(|port| u16::try_from(port).ok()).context("no port");
        receiver.port = port("port")?;
        receiver.gate = SocketAddr::new(special_host(2), port("gate")?);
        Ok(receiver)
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        (0..self.hosts).map(|nth| SocketAddr::new(host(nth), self.port)).collect()
    }

    /// Where each host takes webhooks.
    pub(crate) fn urls(&self) -> Vec<String> {
        let scheme = if self.is_tls { "https" } else { "http" };
        self.addresses().iter().map(|address| format!("{scheme}://{address}/webhook")).collect()
    }

    /// Takes every webhook and answers none; `nth` is 0 or 1.
    pub(crate) fn hanging_url(&self, nth: usize) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}:{}{HANG}", special_host(nth), self.port)
    }

    /// Has a capacity, and can be closed.
    pub(crate) fn gate_url(&self) -> String {
        format!("http://{}/gate", self.gate)
    }

    pub(crate) fn cpu(&self) -> anyhow::Result<Cpu> {
        Cpu::of(self.child.id().context("the receiver has ended")?)
    }

    /// Webhooks that were answered so far.
    pub(crate) async fn count(&mut self) -> anyhow::Result<usize> {
        number(&self.ask("count").await?)
    }

    /// Waits until so many were answered.
    pub(crate) async fn reached(&mut self, count: usize) -> anyhow::Result<()> {
        self.ask(&format!("reached {count}")).await.map(|_| ())
    }

    /// From the time that each webhook's URL names until it came; each is given once.
    pub(crate) async fn latencies(&mut self) -> anyhow::Result<Spread> {
        let us = self.ask("latencies").await?;
        let us = us.as_array().context("no list")?.iter().map(|us| us.as_u64().context("no number"));
        Ok(Spread::of_us(us.collect::<anyhow::Result<_>>()?))
    }

    /// One of the webhooks that came since this was last asked.
    pub(crate) async fn sample(&mut self) -> anyhow::Result<Sample> {
        let sample = self.ask("sample").await?;
        let mut headers = HeaderMap::new();
        for (name, value) in sample["headers"].as_object().context("no webhook came")? {
            let name = hyper::header::HeaderName::from_bytes(name.as_bytes())?;
            headers.insert(name, value.as_str().unwrap_or_default().parse()?);
        }
        // hyper's, from the body.
        headers.remove(hyper::header::CONTENT_LENGTH);
        let body = sample["body"].as_str().context("no body")?.to_owned().into();
        Ok(Sample { headers, body })
    }

    /// Nobody listens at the gate from now on, or somebody does again.
    pub(crate) async fn set_gate(&mut self, is_open: bool) -> anyhow::Result<()> {
        let question = if is_open { "gate open" } else { "gate close" };
        self.ask(question).await.map(|_| ())
    }

    pub(crate) async fn gate_report(&mut self) -> anyhow::Result<GateReport> {
        let report = self.ask("gate report").await?;
        Ok(GateReport { events: number(&report["events"])?, most_per_s: number(&report["most_per_s"])? })
    }

    async fn ask(&mut self, question: &str) -> anyhow::Result<Value> {
        self.questions.write_all(format!("{question}\n").as_bytes()).await?;
        self.answer().await.with_context(|| format!("the receiver was asked: {question}"))
    }

    async fn answer(&mut self) -> anyhow::Result<Value> {
        let line = tokio::time::timeout(ANSWER_MAX, self.answers.next_line()).await.context("no answer in time")??;
        let answer: Value = serde_json::from_str(&line.context("the receiver has ended")?)?;
        ensure!(answer["error"].is_null(), "the receiver says: {}", answer["error"]);
        Ok(answer)
    }
}

fn number(value: &Value) -> anyhow::Result<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok()).context("no number")
}

/// The address of the nth host.
fn host(nth: usize) -> IpAddr {
    let low = |part: usize| u8::try_from(part % 250).unwrap_or(0);
    IpAddr::from([127, 0, low(nth / 250), low(nth) + 1])
}

/// Addresses beside those of the hosts: two that hang, and the gate.
fn special_host(nth: usize) -> IpAddr {
    IpAddr::from([127, 0, 254, u8::try_from(nth + 1).unwrap_or(u8::MAX)])
}
