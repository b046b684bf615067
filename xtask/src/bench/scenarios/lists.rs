//! (j) Lists of a million generations, of their batches and of a million assets: pages in every order, with every filter, one behind the other.
use std::time::Instant;

use anyhow::Context as _;
use serde_json::Value;

use crate::api::Api;
use crate::client::Client;
use crate::figures::{Findings, Row, Spread, Verdict};
use crate::server::{Server, Setup};

use super::Bench;

const GENERATIONS: usize = 1_000_000;

const PAGE_MS_MAX: f64 = 20.0;

/// The largest page that may be asked for.
const PAGE: usize = 100;

/// How a list goes on behind a page.
#[derive(Clone, Copy)]
enum Goes {
    /// It does not: the same page again.
    Nowhere,
    /// Behind the page's last generation.
    ByLastId,
    /// Behind the place that the page names.
    ByPlace,
    /// Before the page's oldest batch.
    ByTime,
}

/// Lists that are held against the target together.
struct Group {
    what: &'static str,
    paths: Vec<String>,
    goes: Goes,
}

fn groups() -> Vec<Group> {
    let of =
        |path: &str, filters: &[&str]| filters.iter().map(|filter| format!("{path}?limit={PAGE}{filter}")).collect();
    let orders = ["name", "date", "duration", "size", "kind"];
    let sorted =
        orders.iter().flat_map(|by| ["Asc", "Desc"].map(|way| format!("/v2/assets?limit={PAGE}&sortBy={by}{way}")));
    let filtered =
        of("/v2/assets", &["&types=VIDEO", "&types=AUDIO,IMAGE&sortBy=sizeDesc", "&types=IMAGE&sortBy=nameAsc"]);
    let statuses = ["", "&status=FAILED", "&status=COMPLETED,FAILED", "&status=PENDING,PROCESSING"];
    let group = |what, paths, goes| Group { what, paths, goes };
    vec![
        group("generations, pages of 100", of("/v2/generations", &statuses), Goes::ByLastId),
        group("generations without limit: the newest 1,000", vec!["/v2/generations?".to_owned()], Goes::Nowhere),
        group(
            "batches, 1,000 a page",
            vec!["/v2/batch?".to_owned(), "/v2/batch?status=COMPLETED".to_owned()],
            Goes::ByTime,
        ),
        group("assets, pages of 100 in every order", sorted.chain(filtered).collect(), Goes::ByPlace),
        group(
            "assets, a search",
            of(
                "/v2/assets",
                &["&searchQuery=take", "&searchQuery=view%20000077", "&searchQuery=view%20000077&sortBy=sizeDesc"],
            ),
            Goes::ByPlace,
        ),
        group(
            "counts",
            vec!["/v2/generations/count?status=FAILED".to_owned(), "/v2/assets/count?".to_owned()],
            Goes::Nowhere,
        ),
    ]
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Findings> {
    let setup = Setup::without_receivers(&bench.binary);
    let folder = bench.filler.lists(&setup, bench.number(GENERATIONS, 5_000), &[]).await?;
    let server = Server::start_on(&setup, folder).await?;
    let (api, pages) = (server.api(), bench.number(1_000, 50));
    let mut client = Client::open(api.address, None).await?;
    let mut findings = Findings::default();
    for group in groups() {
        let mut spread = Spread::default();
        for path in &group.paths {
            spread = spread.join(walk(&api, &mut client, path, group.goes, pages / group.paths.len()).await?);
        }
        findings.rows.push(Row::new('j', format!("of 1,000,000: {}", group.what)).latency(&spread));
        let what = format!("{}, p99", group.what);
        findings.verdicts.push(Verdict::at_most('j', &what, PAGE_MS_MAX, spread.p99_ms(), "ms"));
    }
    let memory = server.memory()?.peak_mb;
    findings.rows.push(Row::new('j', "the most that the server had meanwhile").memory(memory));
    server.stop().await?;
    Ok(findings)
}

/// So many pages of a list, from its beginning again where it ends.
async fn walk(api: &Api, client: &mut Client, path: &str, goes: Goes, pages: usize) -> anyhow::Result<Spread> {
    let (mut spread, mut behind) = (Spread::default(), String::new());
    for _ in 0..pages {
        let path = format!("{path}{behind}");
        let asked = Instant::now();
        let page = api.get(client, &path).await?;
        spread.push(asked.elapsed());
        behind = next(&serde_json::from_slice(&page)?, goes).with_context(|| path)?;
    }
    Ok(spread)
}

/// What leads to the page behind this one; nothing behind the last.
fn next(page: &Value, goes: Goes) -> anyhow::Result<String> {
    let last = |name: &str| page.as_array().context("no list").map(|list| list.last()?[name].as_str());
    let next = match goes {
        Goes::Nowhere => None,
        Goes::ByLastId => last("id")?.map(|id| format!("&cursor={id}")),
        Goes::ByTime => last("created_at")?.map(|time| format!("&created_before={time}")),
        Goes::ByPlace => {
            page["items"].as_array().context("no page")?;
            page["nextCursor"].as_str().map(|place| format!("&cursor={place}"))
        }
    };
    Ok(next.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_walk_goes_on_where_the_page_ended_and_begins_again_behind_the_last() {
        let generations = json!([{"id": "b"}, {"id": "a"}]);
        assert_eq!(next(&generations, Goes::ByLastId).unwrap(), "&cursor=a");
        assert_eq!(next(&json!([{"created_at": "2026"}]), Goes::ByTime).unwrap(), "&created_before=2026");
        assert_eq!(next(&json!({"items": [], "nextCursor": "p"}), Goes::ByPlace).unwrap(), "&cursor=p");
        assert_eq!(next(&json!({"items": [], "nextCursor": null}), Goes::ByPlace).unwrap(), "");
        assert_eq!(next(&json!([]), Goes::ByLastId).unwrap(), "");
        assert!(next(&json!({"message": "no"}), Goes::ByLastId).is_err());
    }
}
