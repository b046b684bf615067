//! Whether the attempt log tells the truth about the POSTs that the world saw.
use std::collections::{BTreeMap, BTreeSet};

use postsync_core::attempt::Word;
use postsync_core::change::Change;
use postsync_core::delivery::State;
use postsync_core::ids::{DeliveryId, GenerationId};
use postsync_core::outcome::Outcome;

use super::{Checker, End, ensure};
use crate::facts::{Fact, Moment};

type Key = (DeliveryId, u32);

/// A delivery is delivered if the receiver's 2xx to that very attempt was heard, and only then.
#[derive(Default)]
pub(super) struct DeliveredImplies2xx {
    heard: BTreeMap<Key, (Outcome, u32)>,
}

impl Checker for DeliveredImplies2xx {
    fn name(&self) -> &'static str {
        "delivered_implies_2xx"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::PostAnswered { delivery, attempt, outcome } => {
                self.heard.insert((*delivery, *attempt), (*outcome, at.life));
            }
            Fact::Committed(Change::SettleAttempt(s)) => {
                let heard = self.heard.remove(&(s.delivery, s.attempt));
                let yes = matches!(heard, Some((Outcome::Delivered { status: 200..=299 }, _)));
                let says = matches!(s.state, State::Delivered(_));
                ensure(yes || !says, || format!("{} is delivered, and the world heard {heard:?}", s.delivery))?;
                // Heard in an earlier life and not on disk before the crash: that life took it with it.
                let remembered = heard.is_some_and(|(_, life)| life == at.life);
                ensure(says || !yes || !remembered, || format!("a 2xx for {} was not believed", s.delivery))?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Attempts are numbered 1, 2, 3... on disk and on the wire, and no number is used twice.
#[derive(Default)]
pub(super) struct AttemptsRiseByOne {
    started: BTreeMap<DeliveryId, u32>,
    sent: BTreeMap<DeliveryId, u32>,
}

impl Checker for AttemptsRiseByOne {
    fn name(&self) -> &'static str {
        "attempts_rise_by_one"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Committed(
                Change::StartAttempt { delivery, attempt, .. } | Change::StartProbe { delivery, attempt, .. },
            )
            | Fact::ZombieTook(Change::StartAttempt { delivery, attempt, .. }) => {
                let before = self.started.insert(*delivery, *attempt).unwrap_or(0);
                ensure(before + 1 == *attempt, || format!("attempt {attempt} of {delivery} came after {before}"))
            }
            Fact::PostBegan(post) => {
                let before = self.sent.insert(post.delivery, post.attempt).unwrap_or(0);
                let started = self.started.get(&post.delivery).copied().unwrap_or(0);
                ensure(before < post.attempt, || {
                    format!("attempt {} of {} was sent after {before}", post.attempt, post.delivery)
                })?;
                ensure(started <= post.attempt, || {
                    format!("attempt {} of {} was sent, and {started} is open", post.attempt, post.delivery)
                })
            }
            _ => Ok(()),
        }
    }

    fn at_end(&mut self, end: &End) -> Result<(), String> {
        for record in &end.deliveries {
            let numbers: Vec<u32> = record.attempts.iter().map(|attempt| attempt.attempt).collect();
            let wanted: Vec<u32> = (1..=record.delivery.attempts).collect();
            ensure(numbers == wanted, || format!("{} has the attempts {numbers:?}", record.delivery.id))?;
        }
        Ok(())
    }
}

/// The start of each POST is on disk before it leaves, and the log never says "not sent" of one that was received.
#[derive(Default)]
pub(super) struct PostHasStart {
    open: BTreeSet<Key>,
    received: BTreeSet<Key>,
}

impl Checker for PostHasStart {
    fn name(&self) -> &'static str {
        "post_has_start"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Committed(
                Change::StartAttempt { delivery, attempt, .. } | Change::StartProbe { delivery, attempt, .. },
            ) => {
                self.open.insert((*delivery, *attempt));
            }
            Fact::Committed(Change::SettleAttempt(s)) => {
                self.open.remove(&(s.delivery, s.attempt));
            }
            Fact::PostReceived { delivery, attempt } => {
                self.received.insert((*delivery, *attempt));
            }
            Fact::PostBegan(post) => {
                return ensure(self.open.contains(&(post.delivery, post.attempt)), || {
                    format!("attempt {} of {} left without a start on disk", post.attempt, post.delivery)
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn at_end(&mut self, end: &End) -> Result<(), String> {
        let mut says_not_sent = BTreeSet::new();
        let mut logged = BTreeSet::new();
        for attempt in end.deliveries.iter().flat_map(|record| &record.attempts) {
            let key = (attempt.delivery, attempt.attempt);
            logged.insert(key);
            if attempt.end.as_ref().is_some_and(|end| end.outcome == Word::OwnFault) {
                says_not_sent.insert(key);
            }
        }
        let lie = self.received.iter().find(|key| !logged.contains(key) || says_not_sent.contains(key));
        ensure(lie.is_none(), || format!("the receiver has attempt {lie:?}, and the log says that it was not sent"))
    }
}

/// One delivery is never under way twice in one process, one generation is never worked on twice at once, and who is not
/// the owner any more can't write.
#[derive(Default)]
pub(super) struct OneOwner {
    posts: BTreeSet<DeliveryId>,
    works: BTreeSet<GenerationId>,
}

impl Checker for OneOwner {
    fn name(&self) -> &'static str {
        "one_owner"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::PostBegan(post) => {
                let alone = self.posts.insert(post.delivery);
                return ensure(alone, || format!("{} is under way twice", post.delivery));
            }
            Fact::PostAnswered { delivery, .. } | Fact::PostCut { delivery, .. } => {
                self.posts.remove(delivery);
            }
            Fact::WorkBegan { generation, .. } => {
                let alone = self.works.insert(*generation);
                return ensure(alone, || format!("{generation} is worked on twice at once"));
            }
            Fact::WorkEnded { generation, .. } => {
                self.works.remove(generation);
            }
            Fact::ZombieTook(change) => return Err(format!("a late write was taken: {change:?}")),
            _ => {}
        }
        Ok(())
    }
}
