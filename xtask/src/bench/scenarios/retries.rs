//! (c) A million retries, due in random order, drain while new work arrives for the same destinations.
use crate::api;
use crate::backlog::Due;
use crate::figures::{Findings, Row, Verdict};
use crate::load::paced;
use crate::receiver::Receiver;
use crate::server::{Server, Setup};

use super::{Bench, Span};

const HOSTS: usize = 50;
const NEW_PER_S: f64 = 50.0;

const DRAINED_PER_S_MIN: f64 = 10_000.0;
const NEW_P99_MS_MAX: f64 = 50.0;
const MEMORY_MB_MAX: f64 = 150.0;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Findings> {
    let files = tempfile::tempdir()?;
    let mut receiver = Receiver::start(files.path(), HOSTS, false).await?;
    let setup = Setup::new(&bench.binary, &receiver.ca_file);
    let count = bench.number(1_000_000, 20_000);
    let folder = bench.filler.folder(&setup, Due::Retries, count, &receiver.urls()).await?;
    let server = Server::start_on(&setup, folder).await?;
    let urls = receiver.urls();
    let new = server.api().creates(&urls)?;
    // Until then the windows have opened.
    receiver.reached(count / 50).await?;
    let begun = receiver.count().await?;
    let span = Span::begin(&server, &receiver)?;
    let body = |nth: usize, at_ns: u64| api::create(&format!("{}?t={at_ns}", urls[nth % urls.len()]));
    paced(server.api().address, &new, NEW_PER_S, bench.seconds(30, 1), body).await?;
    let done = receiver.count().await? - begun;
    let row = Row::new('c', "retries drained in random order, http, 50 destinations");
    let drained = span.end(row, done, &server, &receiver)?;
    let is_drained = receiver.count().await? >= count;
    let latencies = receiver.latencies().await?;
    let memory = server.memory()?;
    server.stop().await?;
    let rate = if is_drained && !bench.is_quick { f64::NAN } else { drained.per_s.unwrap_or(f64::NAN) };
    let verdicts = vec![
        Verdict::at_least('c', "retries drained", DRAINED_PER_S_MIN, rate, "/s"),
        Verdict::at_most('c', "new work, from its create to its POST, p99", NEW_P99_MS_MAX, latencies.p99_ms(), "ms"),
        Verdict::at_most('f', "memory at 1,000,000 due", MEMORY_MB_MAX, memory.peak_mb, "MB"),
    ];
    let rows = vec![
        drained,
        Row::new('c', "new work meanwhile, 50/s, create to arrival").latency(&latencies),
        Row::new('f', "the most that the server had while 1,000,000 due were draining").memory(memory.peak_mb),
    ];
    Ok(Findings { rows, verdicts })
}
