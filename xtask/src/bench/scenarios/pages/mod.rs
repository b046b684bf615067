//! (k) The dashboard over a million generations and deliveries: each page alone, what it weighs, and the live lists while 50 generations a
//! second are made.
mod live;
mod weight;

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::api::Api;
use crate::browser::Browser;
use crate::client::Client;
use crate::figures::{Findings, Row, Spread, Verdict};
use crate::load::Clients;
use crate::receiver::Receiver;
use crate::server::{Server, Setup};

use super::Bench;

const GENERATIONS: usize = 1_000_000;

/// Where their webhooks went; every second one to the first of them.
const DESTINATIONS: usize = 50;
const BUSIEST: &str = "app-0.example.com";

/// As many as an organization may have, and as many keys as fill a page.
const ENDPOINTS: usize = 64;
const KEYS: usize = 50;

/// Destinations where nobody listens, and webhooks for each: more connections fail than a destination may before it is down.
const DEAD: usize = 40;
const DEAD_EACH: usize = 12;

/// Between two looks whether they are down, and how often.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS_MAX: usize = 600;

const PAGE_MS_MAX: f64 = 50.0;
const PAGE_KB_MAX: f64 = 150.0;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Findings> {
    let files = tempfile::tempdir()?;
    let mut receiver = Receiver::start(files.path(), 1, false).await?;
    let setup = Setup::new(&bench.binary, &receiver.ca_file);
    let others = (1..DESTINATIONS).map(|nth| format!("https://app-{nth}.example.com/webhook"));
    let urls: Vec<String> = others.flat_map(|other| [format!("https://{BUSIEST}/webhook"), other]).collect();
    let folder = bench.filler.lists(&setup, bench.number(GENERATIONS, 5_000), &urls).await?;
    let server = Server::start_on(&setup, folder).await?;
    let api = server.api();
    be_down(&api).await?;
    let paths = paths(&api).await?;
    let mut browser = Browser::sign_in(&api).await?;
    let mut findings = alone(&mut browser, &paths, bench.number(300, 5)).await?;
    findings.add(live::run(&api, &browser, &mut receiver, bench.seconds(30, 3)).await?);
    findings.rows.push(live::nothing_new(&server, &mut browser, bench.number(2_000, 50)).await?);
    findings.rows.push(Row::new('k', "the most that the server had meanwhile").memory(server.memory()?.peak_mb));
    server.stop().await?;
    Ok(findings)
}

/// Has webhooks wait for destinations that are down.
async fn be_down(api: &Api) -> anyhow::Result<()> {
    // Bound and let go: nobody else is given the port so soon.
    let ports: Vec<u16> = (0..DEAD).map(|_| free_port()).collect::<anyhow::Result<_>>()?;
    let urls: Vec<String> = ports.iter().map(|port| format!("http://127.0.0.1:{port}/webhook")).collect();
    Clients::open(&[api.address], None, 8).await?.post(&api.creates(&urls)?, DEAD * DEAD_EACH).await?;
    let mut client = Client::open(api.address, None).await?;
    for _ in 0..LOOKS_MAX {
        let page: Value = serde_json::from_slice(&api.get(&mut client, "/postsync/v1/destinations?limit=100").await?)?;
        let all = page["items"].as_array().context("no destinations")?;
        if all.iter().filter(|one| one["health"] == "down").count() >= DEAD {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!("the dead destinations are not down")
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Every page, with what it shows made first.
async fn paths(api: &Api) -> anyhow::Result<Vec<String>> {
    let mut client = Client::open(api.address, None).await?;
    let mut endpoint = Value::Null;
    for nth in 0..ENDPOINTS {
        let body = json!({"url": format!("https://app-{nth}.example.com/all"), "events": ["batch.completed"]});
        endpoint = api.post(&mut client, "/postsync/v1/endpoints", &body).await?;
    }
    for nth in 0..KEYS {
        let body = json!({"name": format!("key {nth}"), "scopes": ["read"]});
        api.post(&mut client, "/postsync/v1/keys", &body).await?;
    }
    let mut first = async |path: &str, name: &str| {
        let page: Value = serde_json::from_slice(&api.get(&mut client, path).await?)?;
        let items = page.get("items").unwrap_or(&page);
        items[0][name].as_str().map(str::to_owned).with_context(|| format!("{path} is empty"))
    };
    let (completed, batch) =
        (first("/v2/generations?limit=1&status=COMPLETED", "id").await?, first("/v2/batch", "id").await?);
    let exhausted = first("/postsync/v1/deliveries?status=exhausted&limit=1", "id").await?;
    let of = endpoint["id"].as_str().context("no endpoint")?;
    let one = format!("/destinations/one?of=https%3A%2F%2F{BUSIEST}%3A443");
    let mut paths: Vec<String> = [
        "/",
        "/home/live",
        "/signin",
        "/generations",
        "/generations?status=FAILED",
        "/generations?status=PENDING",
        "/generations/live",
        "/generations/new",
        "/deliveries",
        "/deliveries?status=due",
        "/deliveries?status=exhausted",
        "/deliveries?status=parked",
        "/deliveries?error=connect_refused",
        "/deliveries?error=response_timeout",
        "/deliveries/live",
        "/replays/new",
        "/webhooks",
        "/webhooks/verify",
        "/destinations",
        "/destinations/live",
        "/batches",
        "/batches/live",
        "/keys",
        "/usage",
    ]
    .map(str::to_owned)
    .to_vec();
    let filter = json!({"filter": {"generationId": completed}});
    let replay = api.posted(&mut client, "/postsync/v1/replays", &filter, 202).await?;
    let replay = replay["id"].as_str().context("no replay")?;
    paths.extend(["", "/live"].map(|part| format!("/replays/{replay}{part}")));
    paths.extend(["", "/live", "/deliveries"].map(|part| format!("/generations/{completed}{part}")));
    paths.extend(["", "/live", "/curl/1"].map(|part| format!("/deliveries/{exhausted}{part}")));
    paths.push(format!("/deliveries?generation={completed}"));
    paths.push(format!("/deliveries?endpoint={of}"));
    paths.extend([format!("/generations?after={completed}"), format!("/deliveries?after={exhausted}")]);
    paths.extend([format!("/batches/{batch}"), format!("/webhooks/endpoints/{of}"), one]);
    Ok(paths)
}

/// One page after the other.
async fn alone(browser: &mut Browser, paths: &[String], times: usize) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let (mut slowest, mut heaviest, mut elsewhere) = (0.0_f64, 0.0_f64, Vec::new());
    for path in paths {
        let mut spread = Spread::default();
        let mut page = Vec::new();
        for _ in 0..times {
            let asked = Instant::now();
            let answer = browser.get(path).await?;
            spread.push(asked.elapsed());
            ensure!(answer.status() == 200, "{path} answered {}", answer.status());
            page = answer.into_body().to_vec();
        }
        let (kb, others) = weight::of(browser, &page).await?;
        slowest = slowest.max(spread.p99_ms());
        heaviest = heaviest.max(kb);
        elsewhere.extend(others);
        let what = format!("{}: {:.1} kB, {kb:.1} kB with its files", shape(path), page.len() as f64 / 1_000.0);
        findings.rows.push(Row::new('k', what).latency(&spread));
    }
    let outside = elsewhere.first().cloned().unwrap_or_else(|| "none".to_owned());
    findings.verdicts = vec![
        Verdict::at_most('k', "each page alone, the slowest p99", PAGE_MS_MAX, slowest, "ms"),
        Verdict::at_most('k', "the heaviest page with its files", PAGE_KB_MAX, heaviest, "kB"),
        Verdict::new('k', "requests elsewhere", "none".to_owned(), outside, elsewhere.is_empty()),
    ];
    Ok(findings)
}

/// A path whose ids, which are others each time, are left out.
fn shape(path: &str) -> String {
    let is_id = |part: &str| part.len() > 12 && part.bytes().any(|byte| byte.is_ascii_digit());
    let plain = |part: &str| if is_id(part) { "ID".to_owned() } else { part.to_owned() };
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let mut shape = path.split('/').map(plain).collect::<Vec<_>>().join("/");
    if let Some((name, value)) = query.and_then(|query| query.split_once('=')) {
        shape = format!("{shape}?{name}={}", plain(value));
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_page_has_the_same_name_in_each_run() {
        for (path, name) in [
            ("/", "/"),
            ("/generations?status=FAILED", "/generations?status=FAILED"),
            ("/generations/0190a5a4-0000-7000-8000-000000000000/live", "/generations/ID/live"),
            ("/deliveries?after=dlv_6h0s7cs4m0007", "/deliveries?after=ID"),
            ("/deliveries?error=connect_refused", "/deliveries?error=connect_refused"),
        ] {
            assert_eq!(shape(path), name);
        }
    }
}
