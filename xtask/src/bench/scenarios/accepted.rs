//! (a) From the API to the receiver: accepted, completed and delivered.
use crate::figures::{Findings, Row, Verdict};
use crate::load::Clients;
use crate::receiver::Receiver;
use crate::server::{Server, Setup};

use super::raw::{Raw, beside};
use super::{Bench, Span};

const SERVER_US_MAX: f64 = 100.0;
const OF_RAW_MIN_PERCENT: f64 = 8.0;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    for is_tls in [false, true].into_iter().take(if bench.accepted.is_plain { 1 } else { 2 }) {
        for hosts in &bench.accepted.hosts {
            let row = one(bench, *hosts, is_tls).await?;
            if *hosts == 1 && !is_tls {
                findings.verdicts = verdicts(&row);
            }
            findings.rows.push(row);
        }
    }
    Ok(findings)
}

fn verdicts(row: &Row) -> Vec<Verdict> {
    let (cpu, part) = (row.server_us.unwrap_or(f64::NAN), row.of_raw.unwrap_or(f64::NAN) * 100.0);
    vec![
        Verdict::at_most('a', "http, 1 destination: server CPU each", SERVER_US_MAX, cpu, "us"),
        Verdict::at_least('a', "http, 1 destination: of the raw limit", OF_RAW_MIN_PERCENT, part, "%"),
    ]
}

/// Raw, product, raw: the limit is measured on both sides of what is held against it.
async fn one(bench: &Bench, hosts: usize, is_tls: bool) -> anyhow::Result<Row> {
    let folder = tempfile::tempdir()?;
    let mut receiver = Receiver::start(folder.path(), hosts, is_tls).await?;
    let server = Server::start(&Setup::new(&bench.binary, &receiver.ca_file)).await?;
    let jobs = bench.accepted.jobs.unwrap_or(bench.number(40_000, 2_000));
    let creates = server.api().creates(&receiver.urls())?;
    let mut clients = Clients::open(&[server.api().address], None, bench.accepted.clients).await?;
    // Warms up caches, allocators and the connection pool.
    let warm = (jobs / 5).max(hosts * 2);
    clients.post(&creates, warm).await?;
    receiver.reached(warm).await?;
    let sample = receiver.sample().await?;
    let mut raw = Raw::open(&receiver, sample, bench.accepted.clients).await?;
    let raw_count = jobs * 2;
    let before = raw.per_s(raw_count).await?;

    let arrived = receiver.count().await?;
    let span = Span::begin(&server, &receiver)?;
    clients.post(&creates, jobs).await?;
    receiver.reached(arrived + jobs).await?;
    let scheme = if is_tls { "https" } else { "http" };
    let row = Row::new('a', format!("accepted, completed, delivered: {scheme}, {hosts} destination(s)"));
    let row = span.end(row, jobs, &server, &receiver)?.memory(server.memory()?.now_mb);

    let after = raw.per_s(raw_count).await?;
    server.stop().await?;
    Ok(beside(row, f64::midpoint(before, after)))
}
