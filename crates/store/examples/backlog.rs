//! Fills a database with deliveries that are due, for `cargo xtask bench`: through the store's own port, so that it stays true to the
//! schema. No server may have the database open.
//!
//! `backlog DATABASE first|retries COUNT`, with a URL on each line of standard input, which take turns, and the master key in
//! `POSTSYNC_MASTER_KEY`. `first`: first attempts, in order. `retries`: second attempts in random order, each with a failed first
//! one on record.
use std::io::Read as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::executor::block_on;
use futures::future::join_all;
use postsync_core::attempt::{AttemptEnd, Word};
use postsync_core::change::{Change, Settlement};
use postsync_core::delivery::{Delivery, NextReason, State};
use postsync_core::event::{Event, EventType};
use postsync_core::generation::{self, Ending, NewGeneration, Output, Request};
use postsync_core::ids::{DeliveryId, EventId, GenerationId, IdSequence, OrgId};
use postsync_core::outcome::{Phases, SendError};
use postsync_core::sent::Sent;
use postsync_core::target::{Destination, implicit_endpoint};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{Applied, Store as _};
use postsync_store::MasterKey;
use postsync_store::sqlite::{Options, Sqlite};

type Failure = Box<dyn std::error::Error>;

/// Lists that are handed over at once.
const BATCH: usize = 512;

/// What is kept of a request's head, about.
const SENT_BYTES: usize = 82;

/// The backlog began so long ago, and all of it has become due since.
const SPAN_MS: i64 = 3_600_000;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, kind, count] = arguments.as_slice() else {
        return Err("usage: backlog DATABASE first|retries COUNT < URLS".into());
    };
    let mut urls = String::new();
    std::io::stdin().read_to_string(&mut urls)?;
    let master = MasterKey::from_base64(&std::env::var("POSTSYNC_MASTER_KEY")?)?;
    let store = Sqlite::open(Path::new(database), &master, Options::default())?;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let mut made = Maker {
        ids: IdSequence::after(block_on(store.last_id())?),
        from_ms: now - SPAN_MS,
        count: count.parse()?,
        urls: urls.lines().map(str::to_owned).collect(),
        are_retries: kind == "retries",
        random: 0x9e37_79b9_7f4a_7c15,
    };
    let count = made.count;
    for from in (0..count).step_by(BATCH) {
        let lists: Vec<_> = (from..count.min(from + BATCH)).map(|nth| made.delivery(nth)).collect();
        for done in block_on(join_all(lists.into_iter().map(|list| store.apply(list)))) {
            if done? == Applied::Stale {
                return Err("a fence was stale".into());
            }
        }
    }
    Ok(())
}

struct Maker {
    ids: IdSequence,
    from_ms: i64,
    count: usize,
    urls: Vec<String>,
    are_retries: bool,
    random: u64,
}

impl Maker {
    fn delivery(&mut self, nth: usize) -> Vec<Change> {
        let part = i64::try_from(nth).unwrap_or(0) * (SPAN_MS / 2) / i64::try_from(self.count).unwrap_or(1).max(1);
        let now = Timestamp(self.from_ms + part);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.random().to_be_bytes());
        let org = OrgId::new("default");
        let url = self.urls[nth % self.urls.len()].clone();
        let media = "https://media.example.com/uploads/2026/11/23/0a1b2c3d4e5f60718293a4b5c6d7e8f9";
        let request = Request {
            model: "lipsync-2".to_owned(),
            input: format!(r#"[{{"type":"video","url":"{media}.mp4"}},{{"type":"audio","url":"{media}.wav"}}]"#),
            options: Some(r#"{"sync_mode":"loop"}"#.to_owned()),
            webhook_url: Some(url.clone()),
            ..Request::default()
        };
        let id = GenerationId::new(now, random);
        let accepted = generation::accept(NewGeneration { org: org.clone(), request }, id, now);
        let body = Bytes::from(generation::wire(&accepted));
        let output = Output { url: format!("{media}.mp4"), duration_ms: None, media: None };
        let event = Event {
            id: EventId(self.ids.next(now)),
            org: org.clone(),
            kind: EventType::GenerationCompleted,
            generation: Some(id),
            created_at: now,
            body,
        };
        let shard = Destination::of(&url).map_or(0, |destination| destination.shard());
        let endpoint = implicit_endpoint(&org, &url);
        let mut delivery = Delivery::new(DeliveryId(self.ids.next(now)), &event, endpoint, url, shard);
        let mut changes = vec![
            Change::AddGeneration(Box::new(accepted)),
            Change::EndGeneration { id, tries: 0, at: now, ending: Ending::Completed(output) },
            Change::AddEvent(Box::new(event)),
            Change::AddDelivery(Box::new(delivery.clone())),
        ];
        if self.are_retries {
            changes.push(delivery.start(now));
            changes.push(self.failed(&delivery, now));
        }
        changes
    }

    /// Its first attempt found nobody; the next is due at some time since.
    fn failed(&mut self, delivery: &Delivery, now: Timestamp) -> Change {
        let wait_ms = i64::try_from(self.random() % (SPAN_MS / 2).unsigned_abs()).unwrap_or(0);
        let end = AttemptEnd {
            at: now,
            outcome: Word::Failed,
            http_status: None,
            error: Some(SendError::ConnectRefused),
            message: "nobody listens on this port".to_owned(),
            address: None,
            phases: Phases::default(),
            tls: None,
            sent: Sent::unpacked(vec![7; SENT_BYTES]),
            answer: None,
            next: Some(NextReason::Schedule),
        };
        let state = State::Due(now.plus_ms(wait_ms));
        let settlement = Settlement { delivery: delivery.id, attempt: 1, end, step: 1, interrupted: 0, state };
        Change::SettleAttempt(Box::new(settlement))
    }

    /// Splitmix64: the same backlog each time.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
