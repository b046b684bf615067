//! What is measured, a file for each letter of the table.
mod accepted;
mod batch;
mod engine;
mod latency;
mod lists;
mod memory;
mod neighbours;
mod outage;
mod pages;
mod raw;
mod retries;
mod upload;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;

use super::backlog::Filler;
use super::figures::{Findings, Row};
use super::host::Cpu;
use super::receiver::Receiver;
use super::server::Server;

/// Before the memory at rest is read: start-up's own allocations have settled.
const REST: Duration = Duration::from_secs(2);

/// What every scenario is given.
pub(crate) struct Bench {
    pub(crate) binary: PathBuf,
    pub(crate) filler: Filler,
    pub(crate) is_quick: bool,
    pub(crate) accepted: Accepted,
}

/// What (a) does, so that a part of it can be looked at alone.
pub(crate) struct Accepted {
    /// Generations of each rate.
    pub(crate) jobs: Option<usize>,
    pub(crate) clients: usize,
    pub(crate) hosts: Vec<usize>,
    /// Without https.
    pub(crate) is_plain: bool,
}

impl Bench {
    /// The one number, or the other in a quick run.
    fn number(&self, full: usize, quick: usize) -> usize {
        if self.is_quick { quick } else { full }
    }

    fn seconds(&self, full: u64, quick: u64) -> Duration {
        Duration::from_secs(if self.is_quick { quick } else { full })
    }
}

pub(crate) async fn run(letter: char, bench: &Bench) -> anyhow::Result<Findings> {
    match letter {
        'a' => accepted::run(bench).await,
        'b' => engine::run(bench).await,
        'c' => retries::run(bench).await,
        'd' => neighbours::run(bench).await,
        'e' => outage::run(bench).await,
        'f' => memory::run(bench).await,
        'g' => latency::run(bench).await,
        'h' => batch::run(bench).await,
        'i' => upload::run(bench).await,
        'j' => lists::run(bench).await,
        'k' => pages::run(bench).await,
        _ => bail!("no scenario has the letter {letter}"),
    }
}

/// A span of a run: time, and the processor time of all three processes.
struct Span {
    begun: std::time::Instant,
    server: Cpu,
    receiver: Cpu,
    load: Cpu,
}

impl Span {
    fn begin(server: &Server, receiver: &Receiver) -> anyhow::Result<Self> {
        let (server, receiver, load) = (server.cpu()?, receiver.cpu()?, Cpu::of_self()?);
        Ok(Self { begun: std::time::Instant::now(), server, receiver, load })
    }

    /// Its rates: `count` were done in it.
    fn end(self, row: Row, count: usize, server: &Server, receiver: &Receiver) -> anyhow::Result<Row> {
        let per_s = count as f64 / self.begun.elapsed().as_secs_f64();
        let each = |spent: Duration| Some(spent.as_micros() as f64 / count as f64);
        Ok(Row {
            per_s: Some(per_s),
            server_us: each(server.cpu()?.since(self.server)),
            receiver_us: each(receiver.cpu()?.since(self.receiver)),
            load_us: each(Cpu::of_self()?.since(self.load)),
            ..row
        })
    }
}
