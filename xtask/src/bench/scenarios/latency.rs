//! (g) From the create to the arrival at 50 a second, beside what the same disk takes to sync in the same minute.
use std::collections::BTreeMap;

use serde_json::Value;

use crate::figures::{Findings, Row, Spread, Verdict};
use crate::load::paced;
use crate::receiver::Receiver;
use crate::server::{Server, Setup};
use crate::{api, host};

use super::Bench;

const PER_S: f64 = 50.0;

/// Beyond two syncs: the commit that accepts, and the one that ends.
const P50_MORE_MS: f64 = 1.5;
const P99_MORE_MS: f64 = 3.0;

const COMMIT_TO_POST_MS_MAX: f64 = 0.3;

/// Svix 1.100 at the same rate on a machine like this one: one commit, which does not wait for the disk.
const SVIX_P50_MS: f64 = 2.7;
const SVIX_P99_MS: f64 = 4.4;

/// The server names both moments when it is asked to.
const LOG_LEVEL: &str = "warn,postsync_store::sqlite::writer=trace,postsync_egress::sender=trace";
const COMMITTED: &str = "an event is on disk";
const SENT: &str = "a webhook was sent";

const DAY_US: i64 = 24 * 3600 * 1_000_000;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Findings> {
    let files = tempfile::tempdir()?;
    let mut receiver = Receiver::start(files.path(), 1, false).await?;
    let mut setup = Setup::new(&bench.binary, &receiver.ca_file);
    let lasts = bench.seconds(20, 2);
    let syncs = bench.number(300, 50);
    let server = Server::start(&setup).await?;
    let before = host::syncs(&server.data(), syncs)?;
    measure(&server, &mut receiver, bench.seconds(2, 1)).await?;
    let latencies = measure(&server, &mut receiver, lasts).await?;
    let disk = before.join(host::syncs(&server.data(), syncs)?);
    server.stop().await?;

    setup.log_level = LOG_LEVEL.to_owned();
    let server = Server::start(&setup).await?;
    measure(&server, &mut receiver, lasts).await?;
    let commit_to_post = commit_to_post(&server.log()?);
    server.stop().await?;
    Ok(findings(&disk, &latencies, &commit_to_post))
}

async fn measure(server: &Server, receiver: &mut Receiver, lasts: std::time::Duration) -> anyhow::Result<Spread> {
    let urls = receiver.urls();
    let shot = server.api().creates(&urls)?;
    let arrived = receiver.count().await?;
    let body = |nth: usize, at_ns: u64| api::create(&format!("{}?t={at_ns}", urls[nth % urls.len()]));
    let sent = paced(server.api().address, &shot, PER_S, lasts, body).await?;
    receiver.reached(arrived + sent.len()).await?;
    receiver.latencies().await
}

fn findings(disk: &Spread, latencies: &Spread, commit_to_post: &Spread) -> Findings {
    let svix = Row::new('g', "Svix 1.100 at 50/s, one commit (measured earlier)");
    let p50_max = 2.0 * disk.p50_ms() + P50_MORE_MS;
    let p99_max = 2.0 * disk.p99_ms() + P99_MORE_MS;
    Findings {
        rows: vec![
            Row::new('g', "append and sync of 8 KiB in the data folder").latency(disk),
            Row::new('g', "50/s, from the create to the arrival, two commits").latency(latencies),
            Row::new('g', "from the event's commit to its POST on the wire").latency(commit_to_post),
            Row { p50_ms: Some(SVIX_P50_MS), p99_ms: Some(SVIX_P99_MS), ..svix },
        ],
        verdicts: vec![
            Verdict::at_most('g', "create to arrival, p50: two syncs and 1.5 ms", p50_max, latencies.p50_ms(), "ms"),
            Verdict::at_most('g', "create to arrival, p99: two syncs and 3 ms", p99_max, latencies.p99_ms(), "ms"),
            Verdict::new(
                'g',
                "commit to POST, p50",
                format!("<= {COMMIT_TO_POST_MS_MAX} ms"),
                format!("{:.3} ms", commit_to_post.p50_ms()),
                commit_to_post.p50_ms() <= COMMIT_TO_POST_MS_MAX,
            ),
        ],
    }
}

/// From the server's own words, which carry microseconds.
fn commit_to_post(log: &str) -> Spread {
    let mut committed = BTreeMap::new();
    let mut us = Vec::new();
    for line in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let fields = &line["fields"];
        let (Some(event), Some(at)) = (fields["event"].as_str(), line["timestamp"].as_str().and_then(us_of_day)) else {
            continue;
        };
        match fields["message"].as_str() {
            Some(COMMITTED) => {
                committed.insert(event.to_owned(), at);
            }
            Some(SENT) => {
                let ago = fields["us_ago"].as_i64().unwrap_or(0);
                us.extend(committed.remove(event).map(|from| (at - ago - from).rem_euclid(DAY_US).unsigned_abs()));
            }
            _ => {}
        }
    }
    Spread::of_us(us)
}

/// Of `2026-11-26T04:06:30.123456Z`.
fn us_of_day(timestamp: &str) -> Option<i64> {
    let time = timestamp.split('T').nth(1)?.trim_end_matches('Z');
    let mut parts = time.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next()?.parse().ok()?;
    Some((hours * 60 + minutes) * 60_000_000 + (seconds * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_is_read_from_two_lines_of_the_log() {
        let line = |at: &str, fields: Value| serde_json::json!({"timestamp": at, "fields": fields}).to_string();
        let log = [
            line("2026-11-26T23:59:59.999900Z", serde_json::json!({"message": COMMITTED, "event": "evt_1"})),
            line("2026-11-26T23:59:59.999950Z", serde_json::json!({"message": COMMITTED, "event": "evt_2"})),
            line("2026-11-27T00:00:00.000500Z", serde_json::json!({"message": SENT, "event": "evt_1", "us_ago": 400})),
        ];
        let spread = commit_to_post(&log.join("\n"));
        assert_eq!((spread.len(), spread.p50_ms()), (1, 0.2));
    }
}
