//! What endpoints' owners have set: pauses hold, and nobody gets more in a second, or at once, than its owner wants.
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use postsync_core::change::Change;
use postsync_core::endpoint::{Endpoint, State};
use postsync_core::endpoint_limits::{EndpointLimits, EndpointRules};
use postsync_core::ids::{DeliveryId, EndpointId};
use postsync_core::time::Timestamp;

use super::{Checker, ensure};
use crate::facts::{Fact, Moment};

/// How late the start of an attempt may be on disk that was decided before a pause.
const LATE_MS_MAX: i64 = 5_000;

/// Between the decision that an attempt begins and the time of its start on record.
const DECIDED_MS_MAX: i64 = 1_000;

/// From so many in a second on some may leave together.
const BURST_FROM: u32 = 20;

/// Whom each delivery is for.
#[derive(Default)]
struct Book(BTreeMap<DeliveryId, EndpointId>);

impl Book {
    fn learn(&mut self, fact: &Fact<'_>) {
        if let Fact::Committed(Change::AddDelivery(delivery)) = fact {
            self.0.insert(delivery.id, delivery.endpoint.clone());
        }
    }
}

/// What stands on disk of registered endpoints: it holds from the first moment of a life. While a change is told only once it
/// holds, what it allows may begin as soon as it is written.
#[derive(Default)]
struct OnDisk(BTreeMap<EndpointId, EndpointRules>);

impl OnDisk {
    /// Which has changed to what.
    fn learn<'a>(&mut self, fact: &Fact<'a>) -> Option<(&'a EndpointId, EndpointRules)> {
        let Fact::Committed(Change::AddEndpoint(endpoint) | Change::ChangeEndpoint(endpoint)) = fact else {
            return None;
        };
        let rules = rules_of(endpoint);
        self.0.insert(endpoint.id.clone(), rules);
        Some((&endpoint.id, rules))
    }
}

/// What holds for an endpoint as it stands.
pub(crate) fn rules_of(endpoint: &Endpoint) -> EndpointRules {
    let limits = EndpointLimits { per_second: endpoint.per_second, concurrency: endpoint.concurrency };
    EndpointRules { limits, is_paused: endpoint.state == State::Paused }
}

/// No attempt begins for an endpoint that is paused, but those that were about to.
#[derive(Default)]
pub(super) struct PausesHold {
    book: Book,
    on_disk: OnDisk,
    /// Since when each is paused.
    paused_ms: BTreeMap<EndpointId, i64>,
    /// And by the wall clock, while that was not set: a store that refuses may bring a start to disk late that was decided before.
    paused_at: BTreeMap<EndpointId, Timestamp>,
}

impl PausesHold {
    fn started(&self, at: Moment, delivery: DeliveryId, started_at: Timestamp) -> Result<(), String> {
        let Some(endpoint) = self.book.0.get(&delivery) else { return Ok(()) };
        let Some(since_ms) = self.paused_ms.get(endpoint) else { return Ok(()) };
        let was_decided = self.paused_at.get(endpoint).is_some_and(|paused_at| started_at <= *paused_at);
        let is_late = !was_decided && at.mono_ms.saturating_sub(*since_ms) > LATE_MS_MAX;
        ensure(!is_late, || format!("{delivery} was started, and its endpoint is paused"))
    }
}

impl Checker for PausesHold {
    fn name(&self) -> &'static str {
        "pauses_hold"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        self.book.learn(fact);
        if let Some((endpoint, EndpointRules { is_paused: false, .. })) = self.on_disk.learn(fact) {
            self.paused_ms.remove(endpoint);
        }
        match fact {
            Fact::LifeBegan => {
                let paused = self.on_disk.0.iter().filter(|(_, rules)| rules.is_paused);
                self.paused_ms = paused.map(|(endpoint, _)| (endpoint.clone(), i64::MIN / 2)).collect();
                self.paused_at.clear();
            }
            // Nothing in the process has gone on meanwhile.
            Fact::Paused { ms } => {
                self.paused_ms.values_mut().for_each(|since_ms| *since_ms = since_ms.saturating_add(*ms))
            }
            // What was decided before can't be told by its time any more: it has as long again to come.
            Fact::WallStepped { .. } => {
                self.paused_at.clear();
                self.paused_ms.values_mut().for_each(|since_ms| *since_ms = (*since_ms).max(at.mono_ms));
            }
            Fact::RulesSet { endpoint, rules } if rules.is_paused => {
                if let Entry::Vacant(entry) = self.paused_ms.entry((*endpoint).clone()) {
                    entry.insert(at.mono_ms);
                    self.paused_at.insert((*endpoint).clone(), at.wall);
                }
            }
            Fact::RulesSet { endpoint, .. } => _ = self.paused_ms.remove(*endpoint),
            Fact::Committed(
                Change::StartAttempt { delivery, started_at, .. } | Change::StartProbe { delivery, started_at, .. },
            ) => return self.started(at, *delivery, *started_at),
            _ => {}
        }
        Ok(())
    }
}

/// No more is under way to an endpoint than its owner wants, but what was under way, or about to be, when that was set. Probes
/// are left out: they go where nothing else does.
#[derive(Default)]
pub(super) struct LimitsKept {
    book: Book,
    on_disk: OnDisk,
    /// And since when, by the wall clock.
    limits: BTreeMap<EndpointId, (usize, i64)>,
    under_way: BTreeMap<(DeliveryId, u32), EndpointId>,
    /// When each that is no probe was decided: not after that.
    started_ms: BTreeMap<(DeliveryId, u32), i64>,
}

impl LimitsKept {
    fn began(&mut self, attempt: (DeliveryId, u32)) -> Result<(), String> {
        let started_ms = self.started_ms.remove(&attempt);
        let Some(endpoint) = self.book.0.get(&attempt.0) else { return Ok(()) };
        self.under_way.insert(attempt, endpoint.clone());
        let Some((limit, since_ms)) = self.limits.get(endpoint) else { return Ok(()) };
        let is_meant = started_ms.is_some_and(|started_ms| started_ms.saturating_sub(*since_ms) > DECIDED_MS_MAX);
        let count = self.under_way.values().filter(|other| *other == endpoint).count();
        ensure(!is_meant || count <= *limit, || format!("{count} are under way to {endpoint}, which wants {limit}"))
    }
}

impl Checker for LimitsKept {
    fn name(&self) -> &'static str {
        "limits_kept"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        self.book.learn(fact);
        if let Some((endpoint, rules)) = self.on_disk.learn(fact) {
            match (self.limits.get_mut(endpoint), rules.limits.concurrency) {
                (Some((limit, _)), Some(now)) => *limit = (*limit).max(now as usize),
                (Some(_), None) => _ = self.limits.remove(endpoint),
                (None, _) => {}
            }
        }
        match fact {
            Fact::LifeBegan => {
                let limited = self.on_disk.0.iter().filter_map(|(id, rules)| Some((id, rules.limits.concurrency?)));
                self.limits = limited.map(|(id, limit)| (id.clone(), (limit as usize, i64::MIN / 2))).collect();
                self.under_way.clear();
                self.started_ms.clear();
            }
            // What was decided before has another time than it should.
            Fact::Paused { ms } => {
                self.limits.values_mut().for_each(|(_, since_ms)| *since_ms = at.wall.0 + ms);
            }
            Fact::WallStepped { .. } => {
                self.started_ms.clear();
                self.limits.values_mut().for_each(|(_, since_ms)| *since_ms = at.wall.0);
            }
            Fact::RulesSet { endpoint, rules } => match rules.limits.concurrency {
                // A lower one than before lets what is under way end; the same again changes nothing.
                Some(limit) if self.limits.get(*endpoint).is_some_and(|(before, _)| *before == limit as usize) => {}
                Some(limit) => _ = self.limits.insert((*endpoint).clone(), (limit as usize, at.wall.0)),
                None => _ = self.limits.remove(*endpoint),
            },
            // One that is still to come was decided before the clock was put back.
            Fact::Committed(Change::StartAttempt { delivery, attempt, started_at, .. })
                if started_at.0 <= at.wall.0 =>
            {
                self.started_ms.insert((*delivery, *attempt), started_at.0);
            }
            Fact::PostBegan(post) => return self.began((post.delivery, post.attempt)),
            Fact::PostAnswered { delivery, attempt, .. } | Fact::PostCut { delivery, attempt } => {
                self.under_way.remove(&(*delivery, *attempt));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Between two starts for one endpoint lies its share of a second.
#[derive(Default)]
pub(super) struct RatesKept {
    book: Book,
    /// And since when.
    rules: BTreeMap<EndpointId, (EndpointRules, i64)>,
    last_ms: BTreeMap<EndpointId, i64>,
    /// Pauses of the process, steps of the clock; and rules set, for that endpoint: what was decided before may begin after it, beside the next.
    disturbances: u64,
    /// Up to which of them each has had its one that was too soon.
    excused: BTreeMap<EndpointId, u64>,
}

impl RatesKept {
    fn started(&mut self, id: DeliveryId, started_ms: i64, is_probe: bool) -> Result<(), String> {
        let Some(endpoint) = self.book.0.get(&id) else { return Ok(()) };
        // What was decided before they were set may come to disk after it.
        let rules = self.rules.get(endpoint).filter(|(_, since_ms)| *since_ms <= started_ms);
        let per_second = rules.and_then(|(rules, _)| rules.limits.per_second);
        let Some(per_second) = per_second.filter(|per_second| *per_second < BURST_FROM) else { return Ok(()) };
        // A start that was decided first may be on disk second.
        let last_ms = self.last_ms.insert(endpoint.clone(), started_ms).filter(|last_ms| *last_ms <= started_ms);
        let apart_ms = last_ms.map_or(i64::MAX, |last_ms| started_ms - last_ms);
        let is_kept = is_probe || apart_ms >= 1_000 / i64::from(per_second);
        let is_excused =
            !is_kept && self.excused.insert(endpoint.clone(), self.disturbances) != Some(self.disturbances);
        ensure(is_kept || is_excused, || {
            format!("{id} was started {apart_ms} ms after another of {endpoint}, which wants {per_second} in a second")
        })
    }
}

impl Checker for RatesKept {
    fn name(&self) -> &'static str {
        "rates_kept"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        self.book.learn(fact);
        match fact {
            Fact::LifeBegan => {
                self.rules.clear();
                self.last_ms.clear();
            }
            Fact::Paused { .. } | Fact::WallStepped { .. } => {
                self.disturbances += 1;
                self.last_ms.clear();
            }
            Fact::RulesSet { endpoint, rules } => {
                self.excused.remove(*endpoint);
                self.rules.insert((*endpoint).clone(), (*rules, at.wall.0));
                self.last_ms.remove(*endpoint);
            }
            Fact::Committed(Change::StartAttempt { delivery, started_at, .. }) => {
                return self.started(*delivery, started_at.0, false);
            }
            Fact::Committed(Change::StartProbe { delivery, started_at, .. }) => {
                return self.started(*delivery, started_at.0, true);
            }
            _ => {}
        }
        Ok(())
    }
}
