//! What the life of one delivery costs the store: accept a generation, end it with its event, delivery and first attempt,
//! settle. Prints CPU microseconds per life (all threads of the process, less what building the changes costs) and lives per
//! second, for several numbers of callers at once.
//!
//! `cargo run --release -p postsync-store --example life [LIVES [CALLERS [ENDPOINTS]]]`; the database is made under the current folder and
//! removed again, because the disk that it measures should be the one that it will run on.
#![expect(clippy::print_stdout, reason = "it prints its figures")]
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::executor::block_on;
use futures::future::join_all;
use postsync_core::attempt::{Answer, AttemptEnd, Word};
use postsync_core::audit::{Caller, Named, accepted};
use postsync_core::change::{Change, Settlement};
use postsync_core::delivery::{Delivery, State as DeliveryState};
use postsync_core::event::{Event, EventType};
use postsync_core::generation::{self, Ending, Generation, NewGeneration, Output, Request};
use postsync_core::ids::{DeliveryId, EventId, GenerationId, IdSequence, OrgId};
use postsync_core::outcome::Phases;
use postsync_core::sent::Sent;
use postsync_core::target::{Destination, implicit_endpoint};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{Applied, Store};
use postsync_store::MasterKey;
use postsync_store::sqlite::{Options, Sqlite};

type Failure = Box<dyn std::error::Error>;

/// 2026-11-23; each life moves the clock by a tenth of a millisecond.
const START_MS: i64 = 1_795_420_800_000;

fn main() -> Result<(), Failure> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let lives = numbers.first().copied().unwrap_or(60_000);
    let all_callers = numbers.get(1).map_or(vec![1, 32, 256, 1_024], |callers| vec![*callers]);
    println!("callers  endpoints  lives/s   CPU us/life  commits");
    for callers in all_callers {
        for endpoints in numbers.get(2).map_or(vec![1, 1_000], |endpoints| vec![*endpoints]) {
            let folder = tempfile::tempdir_in(".")?;
            measure(&folder.path().join("life.db"), if callers == 1 { lives / 50 } else { lives }, callers, endpoints)?;
        }
    }
    Ok(())
}

fn measure(path: &Path, lives: usize, callers: usize, endpoints: usize) -> Result<(), Failure> {
    let store = Sqlite::open(path, &MasterKey::generate([7; 32]), Options::default())?;
    let building = cost_of_building(lives, endpoints);
    let mut world = World::new(endpoints);
    let (begun, cpu) = (Instant::now(), cpu_time());
    let mut left = lives;
    while left > 0 {
        let batch = left.min(callers);
        left -= batch;
        let batch: Vec<Life> = (0..batch).map(|_| world.life()).collect();
        block_on(async {
            write(&store, batch.iter().map(Life::accept)).await?;
            write(&store, batch.iter().map(Life::end)).await?;
            write(&store, batch.iter().map(Life::settle)).await
        })?;
    }
    let (took, cpu) = (begun.elapsed(), (cpu_time() - cpu).saturating_sub(building));
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let per_life = |duration: Duration| duration.as_secs_f64() * 1e6 / lives as f64;
    let commits = store.written().commits;
    println!("{callers:>7}  {endpoints:>9}  {:>7.0}   {:>11.1}  {commits:>7}", 1e6 / per_life(took), per_life(cpu));
    Ok(())
}

fn cost_of_building(lives: usize, endpoints: usize) -> Duration {
    let (mut world, cpu) = (World::new(endpoints), cpu_time());
    for _ in 0..lives {
        let life = world.life();
        std::hint::black_box((life.accept(), life.end(), life.settle()));
    }
    cpu_time() - cpu
}

async fn write(store: &Sqlite, lists: impl Iterator<Item = Vec<Change>>) -> Result<(), Failure> {
    for done in join_all(lists.map(|list| store.apply(list))).await {
        if done? == Applied::Stale {
            return Err("a fence was stale".into());
        }
    }
    Ok(())
}

struct World {
    ids: IdSequence,
    lives: i64,
    endpoints: usize,
}

struct Life {
    generation: Generation,
    event: EventId,
    delivery: DeliveryId,
    now: Timestamp,
}

impl World {
    fn new(endpoints: usize) -> Self {
        Self { ids: IdSequence::after(0), lives: 0, endpoints }
    }

    fn life(&mut self) -> Life {
        self.lives += 1;
        let now = Timestamp(START_MS + self.lives / 10);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.lives.to_be_bytes());
        let endpoint = self.lives.unsigned_abs() as usize % self.endpoints;
        let media = "https://media.example.com/uploads/2026/11/23/0a1b2c3d4e5f60718293a4b5c6d7e8f9";
        let request = Request {
            model: "lipsync-2".to_owned(),
            input: format!(r#"[{{"type":"video","url":"{media}.mp4"}},{{"type":"audio","url":"{media}.wav"}}]"#),
            options: Some(r#"{"sync_mode":"loop"}"#.to_owned()),
            webhook_url: Some(format!("https://app-{endpoint}.example.com/webhooks/sync")),
            ..Request::default()
        };
        let new = NewGeneration { org: OrgId::new("default"), request };
        Life {
            generation: generation::accept(new, GenerationId::new(now, random), now),
            event: EventId(self.ids.next(now)),
            delivery: DeliveryId(self.ids.next(now)),
            now,
        }
    }
}

impl Life {
    fn accept(&self) -> Vec<Change> {
        accepted(&self.generation, Caller::default(), &Named::default())
    }

    fn end(&self) -> Vec<Change> {
        let (id, org) = (self.generation.id, self.generation.org.clone());
        let url = self.generation.request.webhook_url.clone().unwrap_or_default();
        let output =
            Output { url: format!("https://lips.example.com/r/{id}?token=0"), duration_ms: Some(9_980), media: None };
        let body = Bytes::from(generation::wire(&self.generation));
        let event = Event {
            id: self.event,
            org: org.clone(),
            kind: EventType::GenerationCompleted,
            generation: Some(id),
            created_at: self.now,
            body,
        };
        let shard = Destination::of(&url).map_or(0, |destination| destination.shard());
        let mut delivery = Delivery::new(self.delivery, &event, implicit_endpoint(&org, &url), url, shard);
        let added = Change::AddDelivery(Box::new(delivery.clone()));
        vec![
            Change::EndGeneration { id, tries: 0, at: self.now, ending: Ending::Completed(output) },
            Change::AddEvent(Box::new(event)),
            added,
            delivery.start(self.now),
        ]
    }

    fn settle(&self) -> Vec<Change> {
        let us = Some(1_234);
        let end = AttemptEnd {
            at: self.now,
            outcome: Word::Delivered,
            http_status: Some(200),
            error: None,
            message: String::new(),
            address: Some(([203, 0, 113, 7], 443).into()),
            phases: Phases { dns_us: None, connect_us: None, tls_us: None, first_byte_us: us, total_us: us },
            tls: Some("TLSv1.3".to_owned()),
            sent: Sent::unpacked(vec![7; 82]),
            answer: Some(Answer {
                headers: Bytes::from_static(b"content-length: 0\ndate: Thu, 26 Nov 2026 04:00:00 GMT\n"),
                ..Answer::default()
            }),
            next: None,
        };
        let state = DeliveryState::Delivered(self.now);
        let settlement = Settlement { delivery: self.delivery, attempt: 1, end, step: 0, interrupted: 0, state };
        vec![Change::SettleAttempt(Box::new(settlement))]
    }
}

/// Of all threads of this process.
fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(now).unwrap_or_default()
}
