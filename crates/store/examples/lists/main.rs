//! Fills a database with what lists show, for `cargo xtask bench`: through the store's own port, so that it stays true to the schema.
//! No server may have the database open.
//!
//! `lists DATABASE COUNT`, with the master key in `POSTSYNC_MASTER_KEY`: so many generations that have ended, one in fifty FAILED, over
//! twenty days; half of them are the rows of batches of a hundred; and as many assets, of every kind, with everything known of them. With a
//! URL on each line of standard input also as many events with a delivery each, to these in turn: one attempt at each is on record.
mod delivered;

use std::io::Read as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use futures::executor::block_on;
use futures::future::join_all;
use postsync_core::asset::{Asset, AssetKind, Facts, Probe};
use postsync_core::batch::{Batch, BatchChange, Counts, End, Row, State};
use postsync_core::change::Change;
use postsync_core::error_code;
use postsync_core::generation::{self, Ending, Failure as Failed, Generation, NewGeneration, Output, Request};
use postsync_core::ids::{AssetId, BatchId, GenerationId, IdSequence, MediaId, OrgId};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{Applied, Store as _};
use postsync_store::MasterKey;
use postsync_store::sqlite::{Options, Sqlite};

type Failure = Box<dyn std::error::Error>;

/// Lists of changes that are handed over at once.
const AT_ONCE: usize = 512;

/// Generations that come one after the other are the rows of a batch, or of none.
const ROWS: usize = 100;

/// One in so many FAILED.
const FAILED_EVERY: usize = 50;

/// All of it came in so long: nothing is old enough to be removed.
const SPAN_MS: i64 = 20 * 24 * 3_600_000;

const MEDIA: &str = "https://media.example.com/uploads/2026/11/23/0a1b2c3d4e5f60718293a4b5c6d7e8f9";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, count] = arguments.as_slice() else {
        return Err("usage: lists DATABASE COUNT".into());
    };
    let master = MasterKey::from_base64(&std::env::var("POSTSYNC_MASTER_KEY")?)?;
    let store = Sqlite::open(Path::new(database), &master, Options::default())?;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let mut urls = String::new();
    std::io::stdin().read_to_string(&mut urls)?;
    let mut maker = Maker {
        from_ms: now - SPAN_MS,
        count: count.parse()?,
        random: 0x9e37_79b9_7f4a_7c15,
        urls: urls.lines().map(str::to_owned).collect(),
        ids: IdSequence::after(block_on(store.last_id())?),
    };
    for from in (0..maker.count).step_by(AT_ONCE) {
        let lists: Vec<_> = (from..maker.count.min(from + AT_ONCE)).map(|nth| maker.made(nth)).collect();
        for done in block_on(join_all(lists.into_iter().map(|list| store.apply(list)))) {
            if done? == Applied::Stale {
                return Err("a fence was stale".into());
            }
        }
    }
    Ok(())
}

struct Maker {
    from_ms: i64,
    count: usize,
    random: u64,
    /// Where webhooks go; without any there are none.
    urls: Vec<String>,
    ids: IdSequence,
}

impl Maker {
    /// The generation of that number, its batch in front of the first row, and an asset.
    fn made(&mut self, nth: usize) -> Vec<Change> {
        let mut changes = Vec::new();
        let row = self.row(nth);
        if nth.is_multiple_of(ROWS)
            && let Some(row) = &row
        {
            changes.push(Change::Batch(BatchChange::Add(Box::new(self.batch(nth, row.batch)))));
        }
        let now = self.at(nth);
        let id = self.generation_id(nth);
        let mut accepted = Generation { row, ..generation::accept(asked(nth), id, now) };
        if !self.urls.is_empty() {
            accepted.request.webhook_url = Some(self.urls[nth % self.urls.len()].clone());
        }
        let at = now.plus_ms(1_000);
        changes.push(Change::AddGeneration(Box::new(accepted.clone())));
        changes.push(Change::EndGeneration { id, tries: 0, at, ending: ending(nth) });
        changes.push(Change::AddAsset(Box::new(self.asset(nth))));
        if !self.urls.is_empty() {
            changes.extend(delivered::of(&accepted, nth, at, &mut self.ids));
        }
        changes
    }

    /// Every second hundred is a batch. Its id is made of its first generation's time and number, so that each row knows it.
    fn row(&self, nth: usize) -> Option<Row> {
        let first = nth - nth % ROWS;
        let number = u32::try_from(nth - first + 1).unwrap_or(u32::MAX);
        let batch = BatchId::new(self.at(first), tail(first));
        (first / ROWS).is_multiple_of(2).then(|| Row { batch, number, request_id: format!("row-{number}") })
    }

    fn batch(&self, first: usize, id: BatchId) -> Batch {
        let rows = u32::try_from(self.count.min(first + ROWS) - first).unwrap_or(u32::MAX);
        let failed = u32::try_from((first..first + rows as usize).filter(|nth| is_failed(*nth)).count()).unwrap_or(0);
        let output_url =
            format!("https://lips.example.com/v2/batches/{id}/result?token=a2b1466a-8795-478b-9ef2-47b5fdaf7d68");
        Batch {
            id,
            org: OrgId::new("default"),
            created_at: self.at(first),
            webhook_url: Some("https://app.example.com/batch".to_owned()),
            counts: Counts { total: rows, succeeded: rows - failed, failed },
            state: State::Ended(End { at: self.at(first).plus_ms(60_000), output_url }),
        }
    }

    fn asset(&mut self, nth: usize) -> Asset {
        let kind = AssetKind::ALL[usize::from(self.random().to_be_bytes()[0]) % AssetKind::ALL.len()];
        let (bytes, duration_ms) = (self.random() % 500_000_000, self.random() % 1_800_000);
        let extension = match kind {
            AssetKind::Audio => "wav",
            AssetKind::Image => "png",
            AssetKind::Video => "mp4",
        };
        let name = format!("Interview {:06} take {nth}.{extension}", self.random() % 1_000_000);
        let (now, media) = (self.at(nth), MediaId::new(self.at(nth), tail(nth)));
        let facts = Facts {
            format: Some(extension.to_owned()),
            duration_ms: (kind != AssetKind::Image).then_some(duration_ms),
            width: (kind != AssetKind::Audio).then_some(1_920),
            height: (kind != AssetKind::Audio).then_some(1_080),
            thumbnail: (kind != AssetKind::Audio).then(|| MediaId::new(now, tail(nth + self.count))),
        };
        let id = AssetId::new(now, tail(nth));
        let asset = Asset::uploaded(id, OrgId::new("default"), kind, name, media, bytes, now);
        Asset { sha256: Some([7; 32]), facts, probe: Probe::Done, ..asset }
    }

    fn generation_id(&mut self, nth: usize) -> GenerationId {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.random().to_be_bytes());
        GenerationId::new(self.at(nth), random)
    }

    fn at(&self, nth: usize) -> Timestamp {
        let part = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        Timestamp(self.from_ms + SPAN_MS / 2 * part(nth) / part(self.count.max(1)))
    }

    /// Splitmix64: the same database each time.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// What tells apart ids of one millisecond.
fn tail(number: usize) -> [u8; 10] {
    let mut tail = [0; 10];
    tail[2..].copy_from_slice(&number.to_be_bytes());
    tail
}

fn asked(nth: usize) -> NewGeneration {
    let request = Request {
        model: "lipsync-2".to_owned(),
        input: format!(r#"[{{"type":"video","url":"{MEDIA}.mp4"}},{{"type":"audio","url":"{MEDIA}.wav"}}]"#),
        options: Some(r#"{"sync_mode":"loop"}"#.to_owned()),
        webhook_url: Some(format!("https://app.example.com/webhook?job={nth}")),
        ..Request::default()
    };
    NewGeneration { org: OrgId::new("default"), request }
}

fn is_failed(nth: usize) -> bool {
    nth % FAILED_EVERY == FAILED_EVERY - 1
}

fn ending(nth: usize) -> Ending {
    if is_failed(nth) {
        let code = error_code::GENERATION_PIPELINE_FAILED;
        return Ending::Failed(Failed::new(code, "A step of the pipeline failed."));
    }
    Ending::Completed(Output { url: format!("{MEDIA}.mp4"), duration_ms: Some(9_980), media: None })
}
