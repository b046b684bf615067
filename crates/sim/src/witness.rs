//! Sees everything that happens in one run, keeps the trace, and asks every checker about every fact.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use postsync_core::change::Change;
use postsync_core::delivery::Origin;
use postsync_core::ids::DeliveryId;
use postsync_engine::ports::Clock as _;

use crate::checkers::{Checker, End, Rules};
use crate::clock::VirtualClock;
use crate::executor::locked;
use crate::facts::{Fact, Moment};

/// Lines of the trace that a failure shows.
const TAIL_MAX: usize = 60;

/// A rule that was seen broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which checker says so.
    pub checker: &'static str,
    /// What it saw.
    pub what: String,
    /// The trace up to there, newest last.
    pub tail: Vec<String>,
}

/// The witness of one run. Clones are the same one.
#[derive(Clone)]
pub struct Witness {
    clock: VirtualClock,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    checkers: Vec<Box<dyn Checker>>,
    violations: BTreeMap<&'static str, Violation>,
    tail: VecDeque<String>,
    hash: u64,
    life: u32,
    facts: u64,
    /// Deliveries that listeners have taken: they are made with their answers, and no rule for POSTs holds of them.
    of_listeners: BTreeSet<DeliveryId>,
}

impl Witness {
    /// With every checker there is.
    #[must_use]
    pub fn new(clock: VirtualClock, rules: &Rules) -> Self {
        let seen = Seen {
            checkers: crate::checkers::all(rules),
            violations: BTreeMap::new(),
            tail: VecDeque::new(),
            hash: 0xcbf2_9ce4_8422_2325,
            life: 0,
            facts: 0,
            of_listeners: BTreeSet::new(),
        };
        Self { clock, seen: Arc::new(Mutex::new(seen)) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        locked(&self.seen)
    }

    /// Something happened.
    pub fn tell(&self, fact: &Fact<'_>) {
        let mut seen = self.seen();
        seen.life += u32::from(matches!(fact, Fact::LifeBegan));
        let at = Moment { mono_ms: self.clock.mono_ms(), wall: self.clock.now(), life: seen.life };
        seen.note(format!("{:>9} ms  {fact}", at.mono_ms));
        if !seen.is_of_a_listener(fact) {
            seen.ask(|checker| checker.saw(at, fact));
        }
    }

    /// The run is over.
    pub fn end(&self, end: &End) {
        self.seen().ask(|checker| checker.at_end(end));
    }

    /// The first violation of each checker.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.seen().violations.values().cloned().collect()
    }

    /// A number that stands for the whole trace, and how many facts it has.
    #[must_use]
    pub fn trace(&self) -> (u64, u64) {
        let seen = self.seen();
        (seen.hash, seen.facts)
    }
}

impl Seen {
    fn note(&mut self, line: String) {
        self.facts += 1;
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        if self.tail.len() == TAIL_MAX {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }

    fn is_of_a_listener(&mut self, fact: &Fact<'_>) -> bool {
        match fact {
            Fact::Committed(Change::AddDelivery(delivery)) if delivery.origin == Origin::Listener => {
                self.of_listeners.insert(delivery.id);
                true
            }
            Fact::Committed(Change::StartAttempt { delivery, .. }) => self.of_listeners.contains(delivery),
            Fact::Committed(Change::SettleAttempt(settled)) => self.of_listeners.contains(&settled.delivery),
            _ => false,
        }
    }

    fn ask(&mut self, mut question: impl FnMut(&mut dyn Checker) -> Result<(), String>) {
        for checker in &mut self.checkers {
            let name = checker.name();
            if let Err(what) = question(&mut **checker)
                && !self.violations.contains_key(name)
            {
                let tail = self.tail.iter().cloned().collect();
                self.violations.insert(name, Violation { checker: name, what, tail });
            }
        }
    }
}
