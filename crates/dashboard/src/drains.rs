//! How fast backlogs shrink: what was seen of each while somebody looked.
//!
//! Promise: an estimate says only what the looks of the last minutes say, and nothing where there were none. Memory is bounded: what
//! nobody looks at is forgotten.
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postsync_core::ids::OrgId;

/// Destinations that are remembered.
const KNOWN_MAX: usize = 2_000;

/// Looks at one that are remembered.
const LOOKS_MAX: usize = 120;

/// Between two looks that count: each second several pages may be open.
const APART: Duration = Duration::from_millis(900);

/// What is older says nothing about now.
const OLD: Duration = Duration::from_secs(180);

/// Shorter spans are chance.
const SPAN_MIN: Duration = Duration::from_secs(3);

type Looks = VecDeque<(Duration, usize)>;

/// Looks at backlogs.
#[derive(Default)]
pub(crate) struct Drains(Mutex<HashMap<(OrgId, String), Looks>>);

/// What becomes of a backlog, by what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drain {
    /// Nothing waits.
    Empty,
    /// Too little was seen.
    Unknown,
    /// It does not shrink.
    Stands,
    /// At this pace it is empty after so long.
    In(Duration),
}

impl Drains {
    /// Remembers a look; gives what it says, and the backlogs seen until now, oldest first.
    pub(crate) fn look(&self, org: &OrgId, destination: &str, backlog: usize, now: Duration) -> (Drain, Vec<usize>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (org.clone(), destination.to_owned());
        if all.len() >= KNOWN_MAX && !all.contains_key(&key) {
            all.retain(|_, looks| looks.back().is_some_and(|last| now.saturating_sub(last.0) < OLD));
            if all.len() >= KNOWN_MAX {
                return (Drain::Unknown, Vec::new());
            }
        }
        let looks = all.entry(key).or_default();
        looks.retain(|look| now.saturating_sub(look.0) < OLD);
        if looks.back().is_none_or(|last| now.saturating_sub(last.0) >= APART) {
            looks.push_back((now, backlog));
        }
        while looks.len() > LOOKS_MAX {
            looks.pop_front();
        }
        (estimate(looks, backlog, now), looks.iter().map(|look| look.1).collect())
    }
}

fn estimate(looks: &Looks, backlog: usize, now: Duration) -> Drain {
    if backlog == 0 {
        return Drain::Empty;
    }
    let Some((at, was)) = looks.front() else { return Drain::Unknown };
    let span = now.saturating_sub(*at);
    if span < SPAN_MIN {
        return Drain::Unknown;
    }
    match was.checked_sub(backlog) {
        None | Some(0) => Drain::Stands,
        Some(gone) => {
            let left_ms = (backlog as u128 * span.as_millis()).div_ceil(gone as u128);
            Drain::In(Duration::from_millis(u64::try_from(left_ms).unwrap_or(u64::MAX)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_seen() {
        let drains = Drains::default();
        let org = OrgId::new("a");
        let look = |s: u64, backlog| drains.look(&org, "https://a.example:443", backlog, Duration::from_secs(s)).0;
        assert_eq!(look(0, 100), Drain::Unknown);
        assert_eq!(look(2, 90), Drain::Unknown);
        assert_eq!(look(10, 50), Drain::In(Duration::from_secs(10)));
        assert_eq!(look(20, 100), Drain::Stands);
        assert_eq!(look(21, 0), Drain::Empty);
        assert_eq!(look(500, 7), Drain::Unknown, "what was seen long ago says nothing");
    }

    #[test]
    fn is_bounded() {
        let drains = Drains::default();
        let org = OrgId::new("a");
        for n in 0..KNOWN_MAX + 10 {
            drains.look(&org, &n.to_string(), 1, Duration::from_secs(1));
        }
        assert_eq!(drains.0.lock().unwrap().len(), KNOWN_MAX);
        for s in 0..1_000 {
            drains.look(&org, "0", 1, Duration::from_secs(s));
        }
        assert!(drains.look(&org, "0", 1, Duration::from_secs(1_000)).1.len() <= LOOKS_MAX);
    }
}
