//! Destinations and endpoints: how much is under way to each, and who is held back for whose fault. The rules of DESIGN
//! section 7, written down a second time.
use std::collections::{BTreeMap, BTreeSet};

use postsync_core::change::Change;
use postsync_core::ids::DeliveryId;
use postsync_core::outcome::{Outcome, SendError};
use postsync_core::parking::ParkReason;
use postsync_core::schedule::Schedule;
use url::Url;

use super::{Checker, Rules, ensure};
use crate::facts::{Fact, Moment};

/// Under way to what was never spoken to, and at most.
const WINDOW_FIRST: usize = 2;
const WINDOW_MAX: usize = 32;

/// Failures in a row that open a circuit.
const FAILURES_MAX: u32 = 8;

/// A schedule that ends before is not held back.
const PARKABLE_FROM_MS: i64 = 600_000;

/// The two levels of one delivery, as the lanes of what is parked are named: its destination, its endpoint.
type Levels = [String; 2];

fn is_long(schedule: &Schedule) -> bool {
    let last_ms = (0..schedule.steps()).filter_map(|step| schedule.point_ms(step)).next_back();
    last_ms.is_some_and(|last_ms| last_ms >= PARKABLE_FROM_MS)
}

/// Who each delivery is for.
#[derive(Default)]
struct Book {
    of: BTreeMap<DeliveryId, Levels>,
    probes: BTreeSet<(DeliveryId, u32)>,
}

impl Book {
    fn learn(&mut self, fact: &Fact<'_>) {
        match fact {
            Fact::Committed(Change::AddDelivery(d)) => {
                self.of.insert(d.id, [destination(&d.url), d.endpoint.as_str().to_owned()]);
            }
            Fact::Committed(Change::StartProbe { delivery, attempt, .. }) => {
                self.probes.insert((*delivery, *attempt));
            }
            _ => {}
        }
    }

    fn levels(&self, id: DeliveryId) -> Levels {
        self.of.get(&id).cloned().unwrap_or_default()
    }
}

fn destination(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return String::new() };
    let port = url.port_or_known_default().unwrap_or(0);
    format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// What an outcome says of the destination and of the endpoint: well, ill, or nothing.
fn verdicts(outcome: Outcome) -> [Option<bool>; 2] {
    match outcome {
        Outcome::Delivered { .. } => [Some(true), Some(true)],
        Outcome::Refused { .. } => [Some(true), Some(false)],
        Outcome::Failed(SendError::ConnectRefused) => [Some(false), None],
        Outcome::Failed(SendError::ResponseTimeout | SendError::ResponseReset) => [None, Some(false)],
        Outcome::Failed(_) | Outcome::Interrupted => [None, None],
    }
}

/// Never more under way to one of them than 2 and one for each success, nor than 32. To a destination twice as many, where
/// each is the only one of its endpoint.
#[derive(Default)]
pub(super) struct WindowsKept {
    book: Book,
    under_way: BTreeMap<(DeliveryId, u32), Levels>,
    successes: BTreeMap<String, usize>,
}

impl WindowsKept {
    fn window(&self, level: &str) -> usize {
        (WINDOW_FIRST + self.successes.get(level).copied().unwrap_or(0)).min(WINDOW_MAX)
    }
}

impl Checker for WindowsKept {
    fn name(&self) -> &'static str {
        "windows_kept"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        self.book.learn(fact);
        match fact {
            Fact::LifeBegan => {
                self.under_way.clear();
                self.successes.clear();
            }
            Fact::PostBegan(post) if !self.book.probes.contains(&(post.delivery, post.attempt)) => {
                let levels = self.book.levels(post.delivery);
                self.under_way.insert((post.delivery, post.attempt), levels.clone());
                let [at_destination, at_endpoint] = levels.each_ref().map(|level| self.window(level));
                let [destination, endpoint] = &levels;
                let beside = self.under_way.values().filter(|of| of[0] == *destination);
                let (count, endpoints) = (beside.clone().count(), beside.map(|of| &of[1]).collect::<BTreeSet<_>>());
                ensure(count <= (2 * at_destination).min(WINDOW_MAX), || {
                    format!("{count} are under way to {destination}, whose window is {at_destination}")
                })?;
                // Each that is not the only one of its endpoint has found room within the window.
                ensure(count - endpoints.len() < at_destination, || {
                    format!("{count} are under way to {destination}, for {} endpoints only", endpoints.len())
                })?;
                let count = self.under_way.values().filter(|of| of[1] == *endpoint).count();
                return ensure(count <= at_endpoint, || {
                    format!("{count} are under way to {endpoint}, whose window is {at_endpoint}")
                });
            }
            Fact::PostAnswered { delivery, attempt, outcome } => {
                self.under_way.remove(&(*delivery, *attempt));
                for (level, verdict) in self.book.levels(*delivery).into_iter().zip(verdicts(*outcome)) {
                    *self.successes.entry(level).or_default() += usize::from(verdict == Some(true));
                }
            }
            Fact::PostCut { delivery, attempt } => _ = self.under_way.remove(&(*delivery, *attempt)),
            _ => {}
        }
        Ok(())
    }
}

/// Only what has failed eight times in a row holds anything back, and then nothing but probes goes there.
pub(super) struct CircuitsHold {
    is_parkable: bool,
    /// Those whose own schedule says otherwise.
    otherwise: BTreeSet<DeliveryId>,
    in_flight_max: usize,
    book: Book,
    failures: BTreeMap<String, u32>,
    /// Sent to a level since its circuit has opened.
    since_open: BTreeMap<String, usize>,
    /// What holds each back that is parked.
    parked: BTreeMap<DeliveryId, String>,
    /// Lanes that an earlier life has left: they may be down without a failure in this one.
    inherited: BTreeSet<String>,
    /// When each was last heard of as down: a write that was decided then may come a moment later.
    down_at_ms: BTreeMap<String, i64>,
}

/// How late a write may come after its decision.
const LATE_MS_MAX: i64 = 5_000;

impl CircuitsHold {
    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            is_parkable: is_long(&rules.schedule),
            otherwise: BTreeSet::new(),
            in_flight_max: rules.in_flight_max,
            book: Book::default(),
            failures: BTreeMap::new(),
            since_open: BTreeMap::new(),
            parked: BTreeMap::new(),
            inherited: BTreeSet::new(),
            down_at_ms: BTreeMap::new(),
        }
    }

    fn is_open(&self, level: &str) -> bool {
        self.failures.get(level).is_some_and(|failures| *failures >= FAILURES_MAX)
    }

    fn answered(&mut self, id: DeliveryId, outcome: Outcome, now_ms: i64) {
        for (level, verdict) in self.book.levels(id).into_iter().zip(verdicts(outcome)) {
            if self.is_open(&level) || self.inherited.contains(&level) {
                self.down_at_ms.insert(level.clone(), now_ms);
            }
            match verdict {
                Some(true) => {
                    self.failures.remove(&level);
                    self.since_open.remove(&level);
                    self.inherited.remove(&level);
                }
                Some(false) => *self.failures.entry(level).or_default() += 1,
                None => {}
            }
        }
    }

    /// What was about to leave when the circuit opened may still leave: as much as there are slots.
    fn began(&mut self, id: DeliveryId) -> Result<(), String> {
        for level in self.book.levels(id) {
            if self.is_parkable == self.otherwise.contains(&id) || !self.is_open(&level) {
                continue;
            }
            let since = self.since_open.entry(level.clone()).or_default();
            *since += 1;
            ensure(*since <= self.in_flight_max, || format!("{since} POSTs left for {level}, which is down"))?;
        }
        Ok(())
    }
}

impl Checker for CircuitsHold {
    fn name(&self) -> &'static str {
        "circuits_hold"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        self.book.learn(fact);
        match fact {
            Fact::Committed(Change::AddDelivery(d))
                if d.terms.schedule.as_ref().is_some_and(|own| is_long(own) != self.is_parkable) =>
            {
                self.otherwise.insert(d.id);
            }
            Fact::LifeBegan => {
                self.failures.clear();
                self.since_open.clear();
                self.down_at_ms.clear();
                self.inherited = self.parked.values().cloned().collect();
            }
            Fact::PostAnswered { delivery, outcome, .. } => self.answered(*delivery, *outcome, at.mono_ms),
            Fact::PostBegan(post) if !self.book.probes.contains(&(post.delivery, post.attempt)) => {
                return self.began(post.delivery);
            }
            Fact::Committed(Change::Park(parking)) => {
                let lane = parking.lane.as_str().to_owned();
                let was_down = self.down_at_ms.get(&lane).is_some_and(|ms| at.mono_ms - ms <= LATE_MS_MAX);
                let is_down = self.is_open(&lane) || self.inherited.contains(&lane) || was_down;
                let failures = self.failures.get(&lane).copied().unwrap_or(0);
                self.parked.insert(parking.id, lane.clone());
                return ensure(is_down || parking.reason != ParkReason::Down, || {
                    format!("{} is held back for {lane}, which has failed {failures} times in a row", parking.id)
                });
            }
            Fact::Committed(
                Change::Unpark { id, .. }
                | Change::Exhaust { id, .. }
                | Change::ExhaustPending { id, .. }
                | Change::StartProbe { delivery: id, .. },
            ) => _ = self.parked.remove(id),
            _ => {}
        }
        Ok(())
    }
}
