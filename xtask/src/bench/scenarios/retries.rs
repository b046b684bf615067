//! (c) A million retries, due in random order, drain while new work arrives: for destinations that have none of them, then for those
//! that have. The latter waits its turn in its destination's queue, by design; it is shown and not judged.
use std::ops::Range;

use crate::api;
use crate::backlog::Due;
use crate::figures::{Findings, Row, Spread, Verdict};
use crate::load::paced;
use crate::receiver::Receiver;
use crate::server::{Server, Setup};

use super::{Bench, Span};

const HOSTS: usize = 50;
const OTHER_HOSTS: usize = 50;
const NEW_PER_S: f64 = 50.0;

const DRAINED_PER_S_MIN: f64 = 10_000.0;
const NEW_P99_MS_MAX: f64 = 50.0;
const MEMORY_MB_MAX: f64 = 150.0;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Findings> {
    let files = tempfile::tempdir()?;
    let mut receiver = Receiver::start(files.path(), HOSTS + OTHER_HOSTS, false).await?;
    let setup = Setup::new(&bench.binary, &receiver.ca_file);
    let count = bench.number(1_000_000, 20_000);
    let folder = bench.filler.folder(&setup, Due::Retries, count, &receiver.urls()[..HOSTS]).await?;
    let server = Server::start_on(&setup, folder).await?;
    // Until then the windows have opened.
    receiver.reached(count / 50).await?;
    let begun = receiver.count().await?;
    let span = Span::begin(&server, &receiver)?;
    let for_others = new_work(bench, &server, &mut receiver, HOSTS..HOSTS + OTHER_HOSTS).await?;
    let done = receiver.count().await? - begun;
    let row = Row::new('c', "retries drained in random order, http, 50 destinations");
    let drained = span.end(row, done, &server, &receiver)?;
    let is_drained = receiver.count().await? >= count;
    let for_the_same = new_work(bench, &server, &mut receiver, 0..HOSTS).await?;
    let memory = server.memory()?;
    server.stop().await?;
    let rate = if is_drained && !bench.is_quick { f64::NAN } else { drained.per_s.unwrap_or(f64::NAN) };
    let verdicts = vec![
        Verdict::at_least('c', "retries drained", DRAINED_PER_S_MIN, rate, "/s"),
        Verdict::at_most('c', "new work, from its create to its POST, p99", NEW_P99_MS_MAX, for_others.p99_ms(), "ms"),
        Verdict::at_most('f', "memory at 1,000,000 due", MEMORY_MB_MAX, memory.peak_mb, "MB"),
    ];
    let rows = vec![
        drained,
        Row::new('c', "new work meanwhile, 50/s, create to arrival: other destinations").latency(&for_others),
        Row::new('c', "new work meanwhile, 50/s: behind the retries of its own destination").latency(&for_the_same),
        Row::new('f', "the most that the server had while 1,000,000 due were draining").memory(memory.peak_mb),
    ];
    Ok(Findings { rows, verdicts })
}

/// Gives how long it took to arrive. What has not arrived by the end counts as if it had taken all the time.
async fn new_work(
    bench: &Bench,
    server: &Server,
    receiver: &mut Receiver,
    hosts: Range<usize>,
) -> anyhow::Result<Spread> {
    let urls = receiver.urls()[hosts].to_vec();
    let new = server.api().creates(&urls)?;
    let body = |nth: usize, at_ns: u64| api::create(&format!("{}?t={at_ns}", urls[nth % urls.len()]));
    let lasts = bench.seconds(20, 1);
    let sent = paced(server.api().address, &new, NEW_PER_S, lasts, body).await?.len();
    let mut latencies = receiver.latencies().await?;
    for _ in latencies.len()..sent {
        latencies.push(lasts);
    }
    Ok(latencies)
}
