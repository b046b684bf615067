//! Whether the feeds tell all that has happened, in its order and without delay, and remember how far a consumer is.
use std::collections::BTreeMap;

use postsync_core::change::Change;
use postsync_core::feed::Seq;
use postsync_core::ids::{EventId, OrgId};

use super::{Checker, End, ensure};
use crate::facts::{Fact, FeedFact, Moment};

/// An event as it came to disk.
pub(super) struct Fed {
    pub(super) id: EventId,
    at_ms: i64,
    life: u32,
}

/// Each organization's events in the order of their commits.
#[derive(Default)]
pub(super) struct Feeds(BTreeMap<OrgId, Vec<Fed>>);

impl Feeds {
    pub(super) fn saw(&mut self, at: Moment, fact: &Fact<'_>) {
        if let Fact::Committed(Change::AddEvent(event)) = fact
            && (event.generation.is_some() && !event.kind.is_operational() || event.kind.is_of_a_batch())
        {
            let fed = Fed { id: event.id, at_ms: at.mono_ms, life: at.life };
            self.0.entry(event.org.clone()).or_default().push(fed);
        }
    }

    /// The last place.
    pub(super) fn last(&self, org: &OrgId) -> Seq {
        Seq(self.0.get(org).map_or(0, |events| i64::try_from(events.len()).unwrap_or(i64::MAX)))
    }

    pub(super) fn at(&self, org: &OrgId, seq: Seq) -> Option<&Fed> {
        self.0.get(org)?.get(usize::try_from(seq.0.checked_sub(1)?).ok()?)
    }
}

/// At each place stands what was committed there, and a reader that goes on to the end has been given everything.
#[derive(Default)]
pub(super) struct FeedIsWhole {
    feeds: Feeds,
    furthest: BTreeMap<OrgId, Seq>,
}

impl Checker for FeedIsWhole {
    fn name(&self) -> &'static str {
        "feed_is_whole"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        self.feeds.saw(at, fact);
        let Fact::Feed { org, saw: FeedFact::Read { seq, event, .. } } = fact else { return Ok(()) };
        let furthest = self.furthest.entry((*org).clone()).or_default();
        ensure(seq.0 <= furthest.0 + 1, || format!("a reader of {org} was given {seq:?} behind {furthest:?}"))?;
        *furthest = (*furthest).max(*seq);
        let stands = self.feeds.at(org, *seq).map(|fed| fed.id);
        ensure(stands == Some(*event), || format!("{event} was given at {seq:?} of {org}, where {stands:?} stands"))
    }

    fn at_end(&mut self, _end: &End) -> Result<(), String> {
        for (org, events) in &self.feeds.0 {
            let read = self.furthest.get(org).copied().unwrap_or_default();
            ensure(usize::try_from(read.0) == Ok(events.len()), || {
                format!("{} events of {org} have happened, and its feed has told {}", events.len(), read.0)
            })?;
        }
        Ok(())
    }
}

/// The acknowledgement of the commit, and the reads behind it. Less than the time after which a reader looks by itself.
const LATE_MS_MAX: i64 = 3_000;

/// Who waits for an event is given it when it is committed, not when it looks again.
#[derive(Default)]
pub(super) struct FeedsAreTold {
    feeds: Feeds,
    stood_still_until_ms: i64,
}

impl Checker for FeedsAreTold {
    fn name(&self) -> &'static str {
        "feeds_are_told"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        self.feeds.saw(at, fact);
        match fact {
            Fact::Paused { ms } => self.stood_still_until_ms = at.mono_ms + ms,
            Fact::Feed { org, saw: FeedFact::Read { seq, since_ms, .. } } => {
                let Some(fed) = self.feeds.at(org, *seq) else { return Ok(()) };
                let waited = fed.at_ms > *since_ms && fed.life == at.life && fed.at_ms > self.stood_still_until_ms;
                let late_ms = at.mono_ms - fed.at_ms;
                return ensure(!waited || late_ms <= LATE_MS_MAX, || {
                    format!("a reader who waited was given {} of {org} {late_ms} ms after its commit", fed.id)
                });
            }
            _ => {}
        }
        Ok(())
    }
}

/// What was committed stays committed, whoever commits less behind it.
#[derive(Default)]
pub(super) struct CursorsNeverFall {
    /// The furthest so far, each time that it rose, and when.
    committed: BTreeMap<OrgId, Vec<(i64, Seq)>>,
}

impl Checker for CursorsNeverFall {
    fn name(&self) -> &'static str {
        "cursors_never_fall"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Feed { org, saw } = fact else { return Ok(()) };
        let committed = self.committed.entry((*org).clone()).or_default();
        match saw {
            FeedFact::Committed(seq) if committed.last().is_none_or(|(_, furthest)| furthest < seq) => {
                committed.push((at.mono_ms, *seq));
            }
            FeedFact::Found { seq, since_ms } => {
                let before = committed.iter().rev().find(|(at_ms, _)| at_ms < since_ms).map(|(_, seq)| *seq);
                return ensure(before <= Some(*seq), || {
                    format!("{before:?} of {org} was committed, and {seq:?} is found")
                });
            }
            FeedFact::Committed(_) | FeedFact::Read { .. } => {}
        }
        Ok(())
    }
}
