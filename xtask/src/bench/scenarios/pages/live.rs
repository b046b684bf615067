//! The live lists while 50 generations a second are made and delivered: tabs that ask again as often as the pages do.
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval_at};

use crate::api::{self, Api};
use crate::browser::Browser;
use crate::client::Client;
use crate::figures::{Findings, Row, Spread, Verdict};
use crate::load::paced;
use crate::receiver::Receiver;
use crate::server::Server;

use super::PAGE_MS_MAX;

const PER_S: f64 = 50.0;

/// What keeps itself fresh, in so many tabs each.
const LISTS: [&str; 4] = ["/generations/live", "/deliveries/live", "/home/live", "/destinations/live"];
const TABS: usize = 5;

/// Between two looks of a tab.
const LOOK_EVERY: Duration = Duration::from_millis(900);

/// Looks behind the last create.
const LOOKS_AFTER: u32 = 2;

/// Rows of a full list.
const ROWS: usize = 50;

/// What a tab saw.
#[derive(Default)]
struct Seen {
    spread: Spread,
    /// Answers that were no list and no "nothing new".
    dropped: usize,
    generations: BTreeSet<String>,
    /// Whether the last answer was the whole newest page.
    is_whole: bool,
    newest: Option<String>,
}

pub(super) async fn run(
    api: &Api,
    browser: &Browser,
    receiver: &mut Receiver,
    lasts: Duration,
) -> anyhow::Result<Findings> {
    let urls = receiver.urls();
    let shot = api.creates(&urls)?;
    let arrived = receiver.count().await?;
    let mut tabs = JoinSet::new();
    let until = Instant::now() + lasts + LOOK_EVERY * LOOKS_AFTER;
    let paths: Vec<&str> = LISTS.into_iter().flat_map(|path| [path; TABS]).collect();
    for (nth, path) in (0..).zip(&paths) {
        // Tabs are opened when somebody opens them, not all in one moment.
        let first = tokio::time::Instant::now() + LOOK_EVERY * nth / (LISTS.len() * TABS) as u32;
        let (tab, path) = (browser.tab(api).await?, *path);
        tabs.spawn_local(async move { anyhow::Ok((path, watch(tab, path, first, until).await?)) });
    }
    let sent = paced(api.address, &shot, PER_S, lasts, |_, _| api::create(&urls[0])).await?;
    receiver.reached(arrived + sent.len()).await?;
    let made = newest(api, sent.len()).await?;
    let mut seen = Vec::new();
    while let Some(ended) = tabs.join_next().await {
        seen.push(ended??);
    }
    Ok(findings(&seen, &made))
}

/// What a look costs that finds nothing new: a tab that is open, and nothing happens.
pub(super) async fn nothing_new(server: &Server, tab: &mut Browser, looks: usize) -> anyhow::Result<Row> {
    let first = tab.get(LISTS[0]).await?;
    let path = format!("{}?seen={}", LISTS[0], Seen::default().read(&String::from_utf8_lossy(first.body()))?);
    let (mut spread, before) = (Spread::default(), server.cpu()?);
    for _ in 0..looks {
        let asked = Instant::now();
        let answer = tab.get(&path).await?;
        spread.push(asked.elapsed());
        ensure!(answer.status() == 204, "{path} answered {}", answer.status());
    }
    let spent = server.cpu()?.since(before).as_micros() as f64 / looks as f64;
    let row = Row::new('k', format!("{} where nothing is new", LISTS[0])).latency(&spread);
    Ok(Row { server_us: Some(spent), ..row })
}

/// One tab until that moment.
async fn watch(mut tab: Browser, path: &str, first: tokio::time::Instant, until: Instant) -> anyhow::Result<Seen> {
    let (mut seen, mut has) = (Seen::default(), String::new());
    let mut looks = interval_at(first, LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < until {
        looks.tick().await;
        let asked = Instant::now();
        let answer = tab.get(&format!("{path}?seen={has}")).await?;
        seen.spread.push(asked.elapsed());
        match answer.status().as_u16() {
            204 => {}
            200 => has = seen.read(&String::from_utf8_lossy(answer.body()))?,
            _ => seen.dropped += 1,
        }
    }
    Ok(seen)
}

impl Seen {
    /// Takes in a list; gives the name of what it shows.
    fn read(&mut self, part: &str) -> anyhow::Result<String> {
        let ids: Vec<&str> = part.split("id=\"g-").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        self.newest = ids.first().map(|id| (*id).to_owned());
        self.is_whole = part.trim_end().ends_with("</div>") && part.matches("<tr>").count() >= ROWS.min(ids.len());
        self.generations.extend(ids.iter().map(|id| (*id).to_owned()));
        let has =
            part.split("seen=").nth(1).and_then(|rest| rest.split('"').next()).context("the part names nothing")?;
        Ok(has.to_owned())
    }
}

/// The ids of the newest generations, the newest first.
async fn newest(api: &Api, count: usize) -> anyhow::Result<Vec<String>> {
    let mut client = Client::open(api.address, None).await?;
    let (mut ids, mut behind) = (Vec::new(), String::new());
    while ids.len() < count {
        let page: Value =
            serde_json::from_slice(&api.get(&mut client, &format!("/v2/generations?limit=100{behind}")).await?)?;
        let found: Vec<String> =
            page.as_array().into_iter().flatten().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect();
        behind = format!("&cursor={}", found.last().context("the list ended")?);
        ids.extend(found);
    }
    ids.truncate(count);
    ensure!(!ids.is_empty(), "nothing was made");
    Ok(ids)
}

fn findings(seen: &[(&'static str, Seen)], made: &[String]) -> Findings {
    let mut found = Findings::default();
    let mut slowest = 0.0_f64;
    for list in LISTS {
        let of: Vec<&Seen> = seen.iter().filter(|(path, _)| *path == list).map(|(_, seen)| seen).collect();
        let spread = of.iter().fold(Spread::default(), |all, seen| all.join(seen.spread.clone()));
        slowest = slowest.max(spread.p99_ms());
        found.rows.push(Row::new('k', format!("{list} in {TABS} tabs, beside 50 generations/s")).latency(&spread));
    }
    let dropped: usize = seen.iter().map(|(_, seen)| seen.dropped).sum();
    let lists: Vec<&Seen> = seen.iter().filter(|(path, _)| *path == LISTS[0]).map(|(_, seen)| seen).collect();
    let stale = lists.iter().filter(|seen| !seen.is_whole || seen.newest.as_ref() != made.first()).count();
    let missed: usize = lists.iter().map(|seen| made.iter().filter(|id| !seen.generations.contains(*id)).count()).sum();
    let part = missed as f64 / (lists.len() * made.len()).max(1) as f64;
    found.rows.push(Row::new(
        'k',
        format!("generations that a tab has not shown in its first 50 rows: {:.1} %", part * 100.0),
    ));
    let none = |what: &str, count: usize| Verdict::new('k', what, "0".to_owned(), count.to_string(), count == 0);
    found.verdicts = vec![
        Verdict::at_most('k', "live lists beside 50 generations/s, the slowest p99", PAGE_MS_MAX, slowest, "ms"),
        none("answers that were no list", dropped),
        none("tabs that were not whole and up to date at the end", stale),
    ];
    found
}
