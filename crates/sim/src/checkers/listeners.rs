//! Whether whoever listens is told everything once and in order, however often its connection, its program or the server dies.
use std::collections::BTreeMap;

use postsync_core::feed::Seq;
use postsync_core::ids::OrgId;

use super::feeds::Feeds;
use super::{Checker, End, ensure};
use crate::facts::{Fact, ListenerFact, Moment};

#[derive(Default)]
struct Heard {
    /// Behind which it began when its name was first seen.
    begins: Option<Seq>,
    /// Up to there an answer was sent: it may be on disk.
    answered: Seq,
    /// And up to there that was confirmed: it is.
    acknowledged: Seq,
    /// The last one over this connection.
    last: Option<Seq>,
}

/// A listener is told each event that its name has to hear, in order, and none again of which it was told that its answer is kept.
#[derive(Default)]
pub(super) struct ListenersHearAll {
    feeds: Feeds,
    heard: BTreeMap<OrgId, Heard>,
}

impl Checker for ListenersHearAll {
    fn name(&self) -> &'static str {
        "listeners_hear_all"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        self.feeds.saw(at, fact);
        let Fact::Listener { org, saw } = fact else { return Ok(()) };
        let heard = self.heard.entry((*org).clone()).or_default();
        match saw {
            ListenerFact::Connected { seq, .. } => {
                let begins = *heard.begins.get_or_insert(*seq);
                let (low, high) = (heard.acknowledged.max(begins), heard.answered.max(begins));
                heard.last = None;
                // An answer may be on disk of which nobody could tell any more.
                heard.acknowledged = *seq;
                ensure((low..=high).contains(seq), || {
                    format!(
                        "a listener of {org} begins behind {seq:?}, where {low:?} was acknowledged and {high:?} answered"
                    )
                })
            }
            ListenerFact::Got { seq, event } => {
                let begins = heard.begins.unwrap_or_default();
                let missed_from = heard.last.unwrap_or(heard.answered.max(begins));
                let is_next = match heard.last {
                    Some(last) => seq.0 == last.0 + 1,
                    None => *seq > heard.acknowledged && seq.0 <= missed_from.0 + 1,
                };
                heard.last = Some(*seq);
                ensure(is_next, || format!("a listener of {org} was given {seq:?} behind {missed_from:?}"))?;
                let stands = self.feeds.at(org, *seq).map(|fed| fed.id);
                ensure(stands == Some(*event), || {
                    format!("{event} was given at {seq:?} of {org}, where {stands:?} stands")
                })
            }
            ListenerFact::Answered { seq } => {
                heard.answered = heard.answered.max(*seq);
                Ok(())
            }
            ListenerFact::Acknowledged { seq } => {
                heard.acknowledged = heard.acknowledged.max(*seq);
                Ok(())
            }
            ListenerFact::Handed { .. } => Ok(()),
        }
    }

    fn at_end(&mut self, _end: &End) -> Result<(), String> {
        for (org, heard) in &self.heard {
            let last = self.feeds.last(org);
            let to = heard.acknowledged.max(heard.begins.unwrap_or_default());
            ensure(to == last, || format!("a listener of {org} has answered up to {to:?} of {last:?}"))?;
        }
        Ok(())
    }
}
