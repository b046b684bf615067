//! What endpoints' owners have set: pauses hold, and nobody gets more in a second than its owner wants.
use std::collections::BTreeMap;

use postsync_core::change::Change;
use postsync_core::endpoint_limits::EndpointRules;
use postsync_core::ids::{DeliveryId, EndpointId};

use super::{Checker, ensure};
use crate::facts::{Fact, Moment};

/// How late the start of an attempt may be on disk that was decided before a pause.
const LATE_MS_MAX: i64 = 5_000;

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

/// No attempt begins for an endpoint that is paused, but those that were about to.
#[derive(Default)]
pub(super) struct PausesHold {
    book: Book,
    /// Since when each is paused.
    paused_ms: BTreeMap<EndpointId, i64>,
}

impl Checker for PausesHold {
    fn name(&self) -> &'static str {
        "pauses_hold"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        self.book.learn(fact);
        match fact {
            Fact::LifeBegan => self.paused_ms.clear(),
            // Nothing in the process has gone on meanwhile.
            Fact::Paused { ms } => self.paused_ms.values_mut().for_each(|since_ms| *since_ms += ms),
            Fact::RulesSet { endpoint, rules } if rules.is_paused => {
                self.paused_ms.entry((*endpoint).clone()).or_insert(at.mono_ms);
            }
            Fact::RulesSet { endpoint, .. } => _ = self.paused_ms.remove(*endpoint),
            Fact::Committed(Change::StartAttempt { delivery, .. } | Change::StartProbe { delivery, .. }) => {
                let since_ms = self.book.0.get(delivery).and_then(|endpoint| self.paused_ms.get(endpoint));
                let is_late = since_ms.is_some_and(|since_ms| at.mono_ms - since_ms > LATE_MS_MAX);
                return ensure(!is_late, || format!("{delivery} was started, and its endpoint is paused"));
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
