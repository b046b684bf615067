//! (e) One destination is gone while events for it go on, and comes back with a capacity of 200 a second.
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;

use crate::figures::{Findings, Row, Verdict};
use crate::load::Clients;
use crate::receiver::Receiver;
use crate::server::{Server, Setup};

use super::Bench;

const CAPACITY_PER_S: usize = 200;

/// Of all events, so many are parked when it comes back: the others have failed at the start and wait for their next step.
const PARKED_SHARE: f64 = 0.98;

const LOOK_EVERY: Duration = Duration::from_millis(500);
const PARKED_WITHIN: Duration = Duration::from_secs(60);
const DELIVERED_WITHIN: Duration = Duration::from_secs(300);
const ON_DISK_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Findings> {
    let files = tempfile::tempdir()?;
    let mut receiver = Receiver::start(files.path(), 1, false).await?;
    let server = Server::start(&Setup::new(&bench.binary, &receiver.ca_file)).await?;
    let count = bench.number(5_000, 300);
    let creates = server.api().creates(&[receiver.gate_url()])?;
    Clients::open(&[server.api().address], None, bench.accepted.clients).await?.post(&creates, count).await?;
    let parked = wait_until(&server, "parked", (count as f64 * PARKED_SHARE) as usize, PARKED_WITHIN).await?;
    receiver.set_gate(true).await?;
    let recovered = Instant::now();
    let delivered = loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let report = receiver.gate_report().await?;
        if report.events >= count || recovered.elapsed() > DELIVERED_WITHIN {
            break report;
        }
    };
    let took_s = recovered.elapsed().as_secs_f64();
    // The last outcome may still be on its way to disk.
    let ended = wait_until(&server, "delivered", delivered.events, ON_DISK_WITHIN).await?;
    let used = steps_used(&parked, &ended);
    let memory = server.memory()?.now_mb;
    server.stop().await?;
    let row = Row::new('e', "5,000 parked, delivered at a capacity of 200/s");
    let row = Row { per_s: Some(delivered.events as f64 / took_s), ..row }.memory(memory);
    let verdict = |what: &str, wanted: String, figure: usize, is_met: bool| {
        Verdict::new('e', what, wanted, figure.to_string(), is_met)
    };
    let most = delivered.most_per_s;
    let verdicts = vec![
        verdict(
            "the most in any second, of a capacity of 200",
            "<= 400".to_owned(),
            most,
            most <= 2 * CAPACITY_PER_S && most > 0,
        ),
        verdict("different events that arrived", format!("{count}"), delivered.events, delivered.events == count),
        verdict("steps used by parked deliveries", "0".to_owned(), used, used == 0),
    ];
    Ok(Findings { rows: vec![row], verdicts })
}

/// The steps of so many deliveries that stand so.
async fn wait_until(
    server: &Server,
    status: &str,
    count: usize,
    within: Duration,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let start = Instant::now();
    loop {
        let found = steps(server.api().deliveries(status).await?);
        if found.len() >= count {
            return Ok(found);
        }
        ensure!(start.elapsed() < within, "only {} of {count} are {status}", found.len());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// By delivery.
fn steps(items: Vec<Value>) -> BTreeMap<String, u64> {
    let step = |item: &Value| Some((item["id"].as_str()?.to_owned(), item["step"].as_u64()?));
    items.iter().filter_map(step).collect()
}

/// By those that were parked; one that was not delivered has used all of them.
fn steps_used(parked: &BTreeMap<String, u64>, delivered: &BTreeMap<String, u64>) -> usize {
    parked.iter().filter(|(id, step)| delivered.get(*id) != Some(step)).count()
}
