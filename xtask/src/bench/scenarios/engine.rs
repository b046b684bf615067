//! (b) The delivery engine alone: what is due on disk, to a thousand destinations over TLS, with the attempt log on.
use crate::backlog::Due;
use crate::figures::{Findings, Row, Verdict};
use crate::receiver::Receiver;
use crate::server::{Server, Setup};

use super::raw::{Raw, beside};
use super::{Bench, Span};

const HOSTS: usize = 1_000;

const PER_S_MIN: f64 = 20_000.0;
const SERVER_US_MAX: f64 = 50.0;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Findings> {
    let files = tempfile::tempdir()?;
    let hosts = bench.number(HOSTS, 50);
    let mut receiver = Receiver::start(files.path(), hosts, true).await?;
    let setup = Setup::new(&bench.binary, &receiver.ca_file);
    let count = bench.number(300_000, 5_000);
    let folder = bench.filler.folder(&setup, Due::First, count, &receiver.urls()).await?;
    let server = Server::start_on(&setup, folder).await?;
    // Until then the connections are made, and the windows opened.
    let (from, to) = (count / 5, count - count / 50);
    receiver.reached(from).await?;
    let span = Span::begin(&server, &receiver)?;
    let begun = receiver.count().await?;
    receiver.reached(to).await?;
    let done = receiver.count().await? - begun;
    let row = Row::new('b', format!("due on disk to delivered: https, {HOSTS} destinations"));
    let row = span.end(row, done, &server, &receiver)?.memory(server.memory()?.now_mb);
    receiver.reached(count).await?;
    let sample = receiver.sample().await?;
    let mut raw = Raw::open(&receiver, sample, bench.accepted.clients).await?;
    let raw_per_s = raw.per_s(count / 2).await?;
    server.stop().await?;
    let (cpu, rate) = (row.server_us.unwrap_or(f64::NAN), row.per_s.unwrap_or(f64::NAN));
    let verdicts = vec![
        Verdict::at_least('b', "deliveries over TLS keep-alive", PER_S_MIN, rate, "/s"),
        Verdict::at_most('b', "server CPU for each", SERVER_US_MAX, cpu, "us"),
    ];
    Ok(Findings { rows: vec![beside(row, raw_per_s)], verdicts })
}
