//! (d) Bad neighbours: one that takes everything and answers nothing, with a hundred thousand due for it, and one that half of all
//! new traffic goes to.
use crate::api;
use crate::backlog::Due;
use crate::figures::{Findings, Row, Spread, Verdict};
use crate::load::paced;
use crate::receiver::Receiver;
use crate::server::{Server, Setup};

use super::Bench;

const HOSTS: usize = 50;
const HEALTHY_PER_S: f64 = 250.0;

/// What the neighbours may cost: the larger of a factor and a span.
const P99_TIMES_MAX: f64 = 1.5;
const P99_MORE_MS_MAX: f64 = 3.0;

/// Memory that grows by less than this is called flat: pages of the database's cache come in with whatever is touched.
const FLAT_MB: f64 = 20.0;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Findings> {
    let files = tempfile::tempdir()?;
    let mut receiver = Receiver::start(files.path(), HOSTS, false).await?;
    let setup = Setup::new(&bench.binary, &receiver.ca_file);
    let server = Server::start(&setup).await?;
    let alone = healthy(bench, &server, &mut receiver, None).await?;
    let hanging = receiver.hanging_url(0);
    let beside_hanging = healthy(bench, &server, &mut receiver, Some(&hanging)).await?;
    drop(server);

    let count = bench.number(100_000, 2_000);
    let black_hole = receiver.hanging_url(1);
    let folder = bench.filler.folder(&setup, Due::First, count, std::slice::from_ref(&black_hole)).await?;
    let server = Server::start_on(&setup, folder).await?;
    let beside_backlog = healthy(bench, &server, &mut receiver, None).await?;
    drop(server);
    Ok(findings(&alone, &beside_hanging, &beside_backlog))
}

struct Seen {
    latencies: Spread,
    server_mb: f64,
    grown_mb: f64,
}

/// New work for healthy destinations; with `other` as much again for that one.
async fn healthy(bench: &Bench, server: &Server, receiver: &mut Receiver, other: Option<&str>) -> anyhow::Result<Seen> {
    let urls = receiver.urls();
    let shot = server.api().creates(&urls)?;
    let share = if other.is_some() { 2 } else { 1 };
    let body = |nth: usize, at_ns: u64| match other {
        Some(url) if nth % 2 == 1 => api::create(url),
        _ => api::create(&format!("{}?t={at_ns}", urls[nth / share % urls.len()])),
    };
    let per_s = HEALTHY_PER_S * share as f64;
    // Connections and windows first.
    paced(server.api().address, &shot, per_s, bench.seconds(3, 1), body).await?;
    receiver.latencies().await?;
    let before = server.memory()?;
    paced(server.api().address, &shot, per_s, bench.seconds(20, 2), body).await?;
    let memory = server.memory()?;
    let latencies = receiver.latencies().await?;
    Ok(Seen { latencies, server_mb: memory.now_mb, grown_mb: memory.now_mb - before.now_mb })
}

fn findings(alone: &Seen, beside_hanging: &Seen, beside_backlog: &Seen) -> Findings {
    let row = |what: &str, seen: &Seen| Row::new('d', what).latency(&seen.latencies).memory(seen.server_mb);
    let p99 = alone.latencies.p99_ms();
    let p99_max = (p99 * P99_TIMES_MAX).max(p99 + P99_MORE_MS_MAX);
    let held = |what: &str, seen: &Seen| Verdict::at_most('d', what, p99_max, seen.latencies.p99_ms(), "ms");
    let flat = |what: &str, seen: &Seen| Verdict::at_most('d', what, FLAT_MB, seen.grown_mb, "MB");
    Findings {
        rows: vec![
            row("50 healthy destinations, 250/s, create to arrival: alone", alone),
            row("the same, and 250/s more for one that hangs", beside_hanging),
            row("the same, and 100,000 due for one that hangs", beside_backlog),
        ],
        verdicts: vec![
            held("healthy p99 beside half of all new traffic hanging", beside_hanging),
            held("healthy p99 beside 100,000 due for a black hole", beside_backlog),
            flat("memory grows beside half of all new traffic hanging", beside_hanging),
            flat("memory grows beside 100,000 due for a black hole", beside_backlog),
        ],
    }
}
