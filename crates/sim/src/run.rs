//! One seeded run: many short lives of one server, each ended by a crash or a stop, in a world that misbehaves; then a last
//! life without faults, in which everything must end.
mod endpoints;
mod feeds;
mod listeners;
mod relays;
mod speech;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postsync_core::audit::{Caller, Named};
use postsync_core::batch::NewBatch;
use postsync_core::generation::NewGeneration;
use postsync_core::ids::{GenerationId, OrgId};
use postsync_core::plan::{Allowance, Plans};
use postsync_core::replay::{EndedAs, Filter};
use postsync_core::rotation::{SecretOwner, Step};
use postsync_core::schedule::Schedule;
use postsync_engine::ports::{Spawn as _, Store, StoreError};
use postsync_engine::{Bounds, Engine, Settings, Submission, Wanted};
use postsync_store::MasterKey;
use postsync_store::sqlite::{Options, Sqlite};

use crate::dice::Dice;
use crate::executor::locked;
use crate::facts::Fact;
use crate::stage::{INSTANT_MODEL, RELAYED_MODEL, SLOW_MODEL, Stage};
use crate::witness::{Violation, Witness};
use crate::world::{Mood, Pace, UpstreamMood, Work, WorkResult};

use relays::{DAY_DOWN_MS_MAX, DAY_DOWN_MS_MIN};

/// So many lives have the same two organizations; then one is new, and its first webhook is its first.
const LIVES_PER_ORG: usize = 20;

/// Whom webhooks go to. The last three never take anything.
const URLS: [&str; 8] = [
    "https://r0.example/hook",
    "https://r1.example/hook?order=1",
    "https://r1.example/other",
    "https://r2.example/hook",
    "https://r3.example:8443/hook",
    "https://silent.example/hook",
    "https://broken.example/hook",
    "https://gone.example/hook",
];
const NEVER: usize = 3;

/// Registered by one organization after another: on a host of its own, and on one that others share.
const REGISTERED: [&str; 2] = ["https://r4.example/registered", "https://r1.example/registered"];

/// What a create asks for in place of the server's schedule.
const SCHEDULES: [Option<&str>; 6] = [None, None, None, None, Some("0s,3s,30s"), Some("0s,20s,15m")];

/// How far the wall clock may be from the other hand.
const WALL_AHEAD_MS_MAX: i64 = 300_000;

/// After the faults, everything ends within this: the schedule, the wall clock's worst step, and the queue.
const SETTLE_MS_MAX: i64 = 3_600_000;

/// A start has ended within so many seconds.
const STARTED_S_MAX: u32 = 120;

/// How long generations may be with the upstream: longer than it knows their keys, or not.
const RELAY_TIMES_MAX: [Duration; 3] =
    [Duration::from_secs(90), Duration::from_secs(3_600), Duration::from_secs(48 * 3_600)];

/// Rows of a batch.
const BATCH_ROWS_MAX: usize = 6;

/// How far back a replay goes.
const REPLAYED_MS_MAX: i64 = 1_200_000;

/// Of so many of the newest generations one may be canceled.
const CANCELABLE_MAX: usize = 8;

/// What one run is.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Chooses everything.
    pub seed: u64,
    /// Lives before the last one.
    pub crashes: u32,
}

/// What one run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// Of which seed.
    pub seed: u64,
    /// Empty in a good run.
    pub violations: Vec<Violation>,
    /// Stands for the whole trace.
    pub trace_hash: u64,
    /// Facts in the trace.
    pub facts: u64,
    /// Polls of tasks.
    pub polls: u64,
    /// Generations on disk at the end.
    pub generations: usize,
    /// Attempts on disk at the end.
    pub attempts: usize,
}

/// Runs a plan on the store in memory.
#[must_use]
pub fn run(plan: Plan) -> Report {
    run_on(plan, Arc::new(postsync_store::memory::Memory::new()))
}

/// Runs a plan on SQLite in memory: the statements that a server runs, on the caller's thread.
///
/// # Panics
/// Where SQLite can't make a database.
#[must_use]
pub fn run_on_sqlite(plan: Plan) -> Report {
    let store = Sqlite::open_in_memory(&MasterKey::generate([7; 32]), Options::default());
    run_on(plan, Arc::new(store.unwrap_or_else(|error| panic!("a database in memory: {error}"))))
}

/// Runs a plan on another store, which must complete every call at its first poll.
#[must_use]
pub fn run_on(plan: Plan, store: Arc<dyn Store>) -> Report {
    let mut run = Run {
        stage: stage(plan.seed, store),
        concurrency: concurrency(plan.seed),
        stopping: Arc::default(),
        stopped: Arc::default(),
        polls: 0,
        lives: 0,
        days_down: 0,
        accepted: Arc::default(),
        listened: Arc::default(),
    };
    run.set_faulty(true);
    for _ in 0..plan.crashes {
        run.life();
    }
    run.last_life();
    run.report(plan.seed)
}

/// How many generations each organization may have at once.
fn concurrency(seed: u64) -> u32 {
    [0, 0, 3, 6][(seed % 4) as usize]
}

fn stage(seed: u64, store: Arc<dyn Store>) -> Stage {
    // Other seeds, other settings: some faults need much room, others little.
    let dice = Dice::new(!seed);
    let schedules = ["0s,2s,10s,1m,5m", "0s", "0s,1s,1s,2s", "5s,30s,10m", "0s,2s,40s,12m"];
    let settings = Settings {
        schedule: Schedule::parse(schedules[dice.below(schedules.len())]).unwrap_or_default(),
        in_flight_max: 1 + dice.below(6),
        generation_timeout: Duration::from_secs(60),
        shutdown_grace: Duration::from_secs(4),
        plans: Plans {
            server: Allowance { concurrency: concurrency(seed), ..Allowance::default() },
            ..Plans::default()
        },
        ..Settings::default()
    };
    let bounds = Bounds {
        waiting_max: 1 + dice.below(5),
        read_max: 1 + dice.below(4),
        queue_max: 1 + dice.below(8),
        ahead_min: 1 + dice.below(4),
        ..Bounds::default()
    };
    let mut stage = Stage::on(store, seed, settings, bounds);
    stage.set_relay_time_max(RELAY_TIMES_MAX[dice.below(RELAY_TIMES_MAX.len())]);
    stage
}

struct Run {
    stage: Stage,
    /// Generations that an organization has at once; 0 is no limit.
    concurrency: u32,
    stopping: Arc<AtomicBool>,
    stopped: Arc<AtomicBool>,
    polls: u64,
    lives: usize,
    /// Downtimes of a day so far.
    days_down: u32,
    accepted: Arc<Accepted>,
    /// What the applications of listeners have answered.
    listened: listeners::Answered,
}

/// The newest generations that clients were told of.
type Accepted = Mutex<VecDeque<(OrgId, GenerationId)>>;

impl Run {
    fn set_faulty(&self, faulty: bool) {
        self.stage.store.set_faulty(faulty);
        self.stage.media.set_faulty(faulty);
        self.stage.fetch.set_faulty(faulty);
        self.stage.speech.set_faulty(faulty);
        self.stage.slow.set_pace(if faulty { Pace::Faulty } else { Pace::Steady });
        self.stage.upstream.set_mood(if faulty { UpstreamMood::Faulty } else { UpstreamMood::Steady });
        for (i, url) in URLS.iter().enumerate() {
            let mood = match i {
                i if i == URLS.len() - 1 => Mood::Gone,
                i if i == URLS.len() - 2 => Mood::Broken,
                // In the end it says no at once: one at a time, each with its timeout, would outlast any bound.
                i if i == URLS.len() - NEVER => {
                    if faulty {
                        Mood::Silent
                    } else {
                        Mood::Broken
                    }
                }
                _ if faulty => Mood::Moody,
                _ => Mood::Healthy,
            };
            self.stage.receivers.set_mood(url, mood);
        }
        for url in REGISTERED {
            self.stage.receivers.set_mood(url, if faulty { Mood::Moody } else { Mood::Healthy });
        }
    }

    /// A life that ends badly, and the time until somebody starts the next one.
    fn life(&mut self) {
        self.lives += 1;
        self.stage.begin_life();
        let dice = self.stage.dice.clone();
        let polls_max = match dice.below(20) {
            0..=12 => dice.between(1, 60),
            13..=18 => dice.between(60, 300),
            _ => dice.between(300, 2_000),
        };
        for _ in 0..polls_max {
            self.world_moves();
            self.polls += 1;
            if self.stopped.load(Ordering::SeqCst) {
                break;
            }
            if !self.stage.step() && !self.stage.wake_next(i64::MAX) {
                break;
            }
        }
        if self.stopped.swap(false, Ordering::SeqCst) {
            self.stage.exit()
        } else {
            self.stage.kill()
        }
        self.stopping.store(false, Ordering::SeqCst);
        let down_ms = match dice.below(8) {
            _ if self.is_down_for_a_day() => dice.between(DAY_DOWN_MS_MIN, DAY_DOWN_MS_MAX),
            0..=2 => 0,
            3..=6 => dice.between(1, 3_000),
            _ => dice.between(3_000, 400_000),
        };
        self.stage.clock.advance(down_ms);
    }

    /// Something may happen between two polls.
    fn world_moves(&mut self) {
        let dice = &self.stage.dice;
        match dice.below(1_000) {
            0..=9 => self.submit(),
            10 | 11 => (0..8).for_each(|_| self.submit()),
            12..=19 => self.change_a_mood(),
            20..=22 => {
                let error = [StoreError::Busy, StoreError::Full][dice.below(2)].clone();
                self.stage.store.refuse_for(dice.between(1, 4_000), error);
            }
            23 => self.step_the_wall_clock(dice.between(-WALL_AHEAD_MS_MAX, WALL_AHEAD_MS_MAX)),
            24..=28 => self.stage.store.write_late(),
            29 => {
                let ms = dice.between(1_000, 90_000);
                self.stage.witness.tell(&Fact::Paused { ms });
                self.stage.clock.advance(ms);
            }
            30..=32 => self.stop(),
            33..=40 => self.set_rules(),
            41..=46 => self.rotate(),
            47..=49 => self.read_a_feed(),
            50 => self.replay(),
            51 | 52 => self.register(),
            57 => self.submit_batch(),
            53..=56 => self.change_an_endpoint(),
            58..=61 => self.cancel(),
            62 => self.stage.upstream.dies_for(dice.between(1, 60_000)),
            63..=70 => self.the_upstream_tells(),
            71 | 72 => self.have_spoken(),
            73..=75 => self.listen(),
            _ => {}
        }
    }

    /// Somebody rotates a secret beside the server: any step, in any order.
    fn rotate(&self) {
        let Some(engine) = self.stage.engine() else { return };
        let dice = &self.stage.dice;
        let owner = SecretOwner::org(&OrgId::new(&org(self.lives / LIVES_PER_ORG + dice.below(2))));
        let step = match dice.below(5) {
            0 => Step::Prepare(engine.new_secret()),
            1 | 2 => Step::Switch,
            3 => Step::Rotate(engine.new_secret()),
            _ => Step::Expire(Duration::from_secs([0, 1, 10, 600][dice.below(4)])),
        };
        let _ = self.stage.store.step_secrets(&owner, step, engine.now());
    }

    fn step_the_wall_clock(&self, ahead_ms: i64) {
        let by_ms = self.stage.clock.set_wall_ahead_ms(ahead_ms);
        self.stage.witness.tell(&Fact::WallStepped { by_ms });
    }

    fn change_a_mood(&self) {
        let moods = [
            Mood::Healthy,
            Mood::Moody,
            Mood::Moody,
            Mood::Broken,
            Mood::Busy,
            Mood::Silent,
            Mood::Down,
            Mood::Unresolved,
        ];
        let url = URLS[self.stage.dice.below(URLS.len() - NEVER)];
        self.stage.receivers.set_mood(url, moods[self.stage.dice.below(moods.len())]);
    }

    /// An endpoint's owner limits it, pauses it, or takes that back.
    fn some_org(&self) -> String {
        org(self.lives / LIVES_PER_ORG + self.stage.dice.below(2))
    }

    /// A client creates a generation, and may wait for its end.
    fn submit(&self) {
        let Some(engine) = self.stage.engine() else { return };
        let dice = &self.stage.dice;
        let model = [SLOW_MODEL, SLOW_MODEL, RELAYED_MODEL, INSTANT_MODEL, INSTANT_MODEL, INSTANT_MODEL][dice.below(6)];
        let url = (dice.below(10) > 0).then(|| URLS[dice.below(URLS.len())]);
        let mut request = Stage::request(&self.some_org(), model, url);
        let schedule = SCHEDULES[dice.below(SCHEDULES.len())].and_then(|text| Schedule::parse(text).ok());
        request.request.terms.schedule = schedule.map(Arc::new);
        let waits = dice.below(4) == 0;
        // Who waits for an answer would send an upload; the others are refused where there is no room.
        let wanted = Wanted { limit: self.concurrency, may_wait: waits };
        let asking = Asking { wanted, waits_for_end: waits, accepted: self.accepted.clone() };
        self.stage.spawner().spawn(Box::pin(client(engine, request, asking, self.stage.witness.clone())));
    }

    /// A client cancels one of the newest generations, whatever it is at.
    fn cancel(&self) {
        let Some(engine) = self.stage.engine() else { return };
        let accepted = locked(&self.accepted);
        let Some((org, id)) = accepted.get(self.stage.dice.below(accepted.len().max(1))).cloned() else { return };
        self.stage.spawner().spawn(Box::pin(async move { drop(engine.cancel(&org, id).await) }));
    }

    /// A client creates a batch. Small ones: that rows end at the same time is what matters.
    fn submit_batch(&self) {
        let Some(engine) = self.stage.engine() else { return };
        let dice = &self.stage.dice;
        let org = self.some_org();
        let url = |one_in: usize| (dice.below(one_in) == 0).then(|| URLS[dice.below(URLS.len())]);
        let row = |n: usize| {
            let model = if dice.below(6) == 0 { SLOW_MODEL } else { INSTANT_MODEL };
            (format!("row-{n}"), Stage::request(&org, model, url(3)).request)
        };
        let rows = (0..1 + dice.below(BATCH_ROWS_MAX)).map(row).collect();
        let webhook_url = url(2).map(str::to_owned);
        let (caller, named) = (Caller::default(), Named::default());
        let new = NewBatch { org: OrgId::new(&org), webhook_url, rows, caller, named };
        let witness = self.stage.witness.clone();
        self.stage.spawner().spawn(Box::pin(async move {
            if let Ok(batch) = engine.submit_batch(new, None).await {
                witness.tell(&Fact::BatchAcknowledged(&batch));
            }
        }));
    }

    /// Somebody has what was given up lately delivered again.
    fn replay(&self) {
        let Some(engine) = self.stage.engine() else { return };
        let (org, back_ms) = (OrgId::new(&self.some_org()), self.stage.dice.between(1_000, REPLAYED_MS_MAX));
        let filter = Filter {
            status: Some(EndedAs::Exhausted),
            since: Some(engine.now().plus_ms(-back_ms)),
            again: self.stage.dice.below(4) == 0,
            ..Filter::default()
        };
        self.stage.spawner().spawn(Box::pin(async move { drop(engine.replay(org, filter).await) }));
    }

    fn stop(&self) {
        let Some(engine) = self.stage.engine() else { return };
        if self.stopping.swap(true, Ordering::SeqCst) {
            return;
        }
        let (witness, stopped) = (self.stage.witness.clone(), self.stopped.clone());
        self.stage.spawner().spawn(Box::pin(async move {
            witness.tell(&Fact::StopBegan);
            engine.stop().await;
            witness.tell(&Fact::StopReturned);
            stopped.store(true, Ordering::SeqCst);
        }));
    }

    /// No faults any more: a last burst of work, and then everything must end.
    fn last_life(&mut self) {
        self.set_faulty(false);
        self.stage.store.accept();
        self.step_the_wall_clock(WALL_AHEAD_MS_MAX);
        self.stage.upstream.dies_for(0);
        // Two works that never end by themselves: their time limit must end them.
        let never = |result| Work { takes_ms: 0, result };
        self.stage.slow.script([never(WorkResult::Hangs), never(WorkResult::IsDeaf)]);
        self.stage.begin_life();
        // Nothing fails, but the disk takes its time a little longer: what arrives while it is read must not be forgotten.
        self.stage.store.set_faulty(true);
        // A last burst, with the loops in the middle of what the last life has left and the wall clock set back: whatever
        // is forgotten now stays forgotten, because nobody starts again.
        for burst in 0..12 {
            self.stage.advance(self.stage.dice.between(1, 80));
            (0..self.stage.dice.between(1, 8)).for_each(|_| self.submit());
            if burst == 6 {
                self.step_the_wall_clock(0);
            }
        }
        self.stage.store.set_faulty(false);
        self.resume_all();
        self.stage.witness.tell(&Fact::FaultsStopped);
        let began_ms = self.stage.clock.mono_ms();
        let mut settled = false;
        while !settled && self.stage.clock.mono_ms() - began_ms < SETTLE_MS_MAX {
            self.stage.advance(5_000);
            settled = self.stage.is_settled();
        }
        // What is on disk may be ahead of its acknowledgement by as much as that.
        self.stage.advance(1_000);
        let took_ms = self.stage.clock.mono_ms() - began_ms;
        self.read_all_feeds();
        self.listen_to_the_end();
        let end = self.stage.end(&self.orgs(), settled, took_ms);
        self.stage.witness.end(&end);
    }

    fn orgs(&self) -> Vec<OrgId> {
        (0..=self.lives / LIVES_PER_ORG + 1).map(|n| OrgId::new(&org(n))).collect()
    }

    fn report(&self, seed: u64) -> Report {
        let (trace_hash, facts) = self.stage.witness.trace();
        let end = self.stage.end(&self.orgs(), true, 0);
        Report {
            seed,
            violations: self.stage.witness.violations(),
            trace_hash,
            facts,
            polls: self.polls,
            generations: end.generations.len(),
            attempts: end.deliveries.iter().map(|record| record.attempts.len()).sum(),
        }
    }
}

fn org(n: usize) -> String {
    format!("o{n}")
}

/// How a client asks.
struct Asking {
    wanted: Wanted,
    waits_for_end: bool,
    accepted: Arc<Accepted>,
}

async fn client(engine: Arc<Engine>, new: NewGeneration, asking: Asking, witness: Witness) {
    let Ok(place) = engine.take_place(&new.org, asking.wanted).await else { return };
    let submission = Submission { place, ..Submission::plain(new) };
    let Ok(generation) = engine.submit_this(submission).await else { return };
    witness.tell(&Fact::Acknowledged(&generation));
    {
        let mut accepted = locked(&asking.accepted);
        accepted.push_back((generation.org.clone(), generation.id));
        if accepted.len() > CANCELABLE_MAX {
            accepted.pop_front();
        }
    }
    if asking.waits_for_end {
        let _ = engine.wait_for_end(&generation.org, generation.id, Duration::from_secs(30)).await;
        witness.tell(&Fact::WaitEnded { generation: generation.id, org: &generation.org });
    }
}
