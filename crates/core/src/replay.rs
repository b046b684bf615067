//! Replays: deliveries that have ended are made anew, for whoever has lost what came, or could not take it.
//!
//! A replay is one walk over an organization's deliveries, in the order of their ids, up to its own id: never over what it
//! makes itself. Each page of new deliveries and the new place of the walk are one commit, fenced by the old place, so that
//! a crash between two pages skips nothing and doubles nothing.
//!
//! Promise: what a replay makes is a delivery like any other, of the same event, under an id of its own; its schedule and
//! its age count from now. It goes where its endpoint is now, and nowhere where that is disabled. What it was made from only
//! remembers that it was replayed.
mod read;

use crate::change::{Change, ReplayStep};
use crate::delivery::{Delivery, Origin, State};
use crate::endpoint::{Endpoint, Receiver, receiver_again};
use crate::ids::{DeliveryId, EndpointId, GenerationId, OrgId, ReplayId};
use crate::outcome::SendError;
use crate::schedule::Schedule;
use crate::target::Destination;
use crate::time::Timestamp;

pub use read::{flag, only_known};

/// How a delivery has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndedAs {
    /// The receiver said 2xx.
    Delivered,
    /// It never did.
    Exhausted,
}

impl EndedAs {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Delivered, Self::Exhausted];

    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Exhausted => "exhausted",
        }
    }

    /// The word of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|word| word.as_str() == text)
    }

    /// How this one has ended; `None` where it has not.
    #[must_use]
    pub fn of(state: State) -> Option<Self> {
        match state {
            State::Delivered(_) => Some(Self::Delivered),
            State::Exhausted(..) => Some(Self::Exhausted),
            State::Due(_) | State::Parked(..) => None,
        }
    }
}

/// Which deliveries. All that is said must fit; nothing said means any that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Ended so.
    pub status: Option<EndedAs>,
    /// Of this generation.
    pub generation: Option<GenerationId>,
    /// For this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Made at that time or later.
    pub since: Option<Timestamp>,
    /// Made at that time or earlier.
    pub until: Option<Timestamp>,
    /// The last attempt of which came to this.
    pub error: Option<SendError>,
    /// Exhausted ones that were replayed before, too. Without it they are left out: the replay of one is a delivery of its
    /// own, and where that is exhausted as well it stands for the event. So the same replay asked for twice sends nothing
    /// twice.
    pub again: bool,
}

/// What a filter asks of a delivery that has ended, beside whom it is for and what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub ended: EndedAs,
    /// When the delivery was made.
    pub created_at: Timestamp,
    /// What the last attempt came to.
    pub error: Option<SendError>,
    /// When it was last replayed.
    pub replayed_at: Option<Timestamp>,
}

impl Filter {
    /// Whether it says nothing, and so means all that there is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { status, generation, endpoint, since, until, error, again: _ } = self;
        let says = status.is_some() || generation.is_some() || endpoint.is_some();
        !says && since.is_none() && until.is_none() && error.is_none()
    }

    /// Whether a delivery of that generation, for that endpoint, may be meant: never what a listener took.
    #[must_use]
    pub fn names(&self, delivery: &Delivery) -> bool {
        let is_a_listeners = delivery.origin == Origin::Listener;
        let of_generation = self.generation.is_none_or(|id| delivery.generation == Some(id));
        !is_a_listeners && of_generation && self.endpoint.as_ref().is_none_or(|id| *id == delivery.endpoint)
    }

    /// Whether one that may be meant is meant.
    #[must_use]
    pub fn fits(&self, of: &Ended) -> bool {
        !self.leaves_to_its_replay(of)
            && self.status.is_none_or(|status| status == of.ended)
            && self.holds(of.created_at)
            && self.error.is_none_or(|error| of.error == Some(error))
    }

    /// Whether its replay stands for it. What was taken may be wanted any number of times, but not twice at once: where its replay,
    /// which is a delivery of that time, is meant too, the event would go out once more with each run.
    fn leaves_to_its_replay(&self, of: &Ended) -> bool {
        match of.ended {
            EndedAs::Exhausted => of.replayed_at.is_some() && !self.again,
            EndedAs::Delivered => of.replayed_at.is_some_and(|at| self.holds(at)),
        }
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at <= until)
    }
}

/// A delivery that a replay has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Itself.
    pub delivery: Delivery,
    /// When it was last replayed.
    pub replayed_at: Option<Timestamp>,
    /// Whether its event, with the bytes to send, is still kept.
    pub has_event: bool,
}

/// One replay of many deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Its name. Deliveries above it were made after it, and are never meant.
    pub id: ReplayId,
    /// Whose.
    pub org: OrgId,
    /// Which deliveries.
    pub filter: Filter,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// How many there were then; `None` where counting would have taken too long. Once it is over: how many it came to.
    pub count: Option<u64>,
    /// Deliveries made so far.
    pub made: u64,
    /// Deliveries found so far whose event is not kept any more, or whose endpoint is disabled.
    pub skipped: u64,
    /// The walk has come past this one.
    pub read_to: DeliveryId,
    /// When the walk was over.
    pub ended_at: Option<Timestamp>,
}

/// What holds for all that is made anew at once.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The organization's endpoints.
    pub registered: &'a [Endpoint],
    /// The schedule where a delivery has none of its own.
    pub servers: &'a Schedule,
    /// The time.
    pub now: Timestamp,
}

/// What one page comes to.
#[derive(Debug)]
pub struct Advance {
    /// One list, to be applied whole.
    pub changes: Vec<Change>,
    /// What it makes.
    pub made: Vec<Delivery>,
}

impl Replay {
    /// A replay that has not begun.
    #[must_use]
    pub fn new(id: ReplayId, org: OrgId, filter: Filter, now: Timestamp, count: Option<u64>) -> Self {
        // Ids rise with time: below the first of that millisecond nothing was made at or after it.
        let read_to =
            filter.since.map_or(DeliveryId(0), |at| DeliveryId(crate::ids::first_number_at(at).saturating_sub(1)));
        Self { id, org, filter, created_at: now, count, made: 0, skipped: 0, read_to, ended_at: None }
    }

    /// As stored and shown.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if self.ended_at.is_some() { "done" } else { "running" }
    }

    /// The last delivery that can be meant.
    #[must_use]
    pub fn until(&self) -> DeliveryId {
        DeliveryId(self.id.0)
    }

    /// Makes anew what was found, up to `read_to`, or to the end where that is `None`. Fenced by the place that `self` has.
    #[must_use]
    pub fn advance(
        &self,
        found: &[Original],
        read_to: Option<DeliveryId>,
        given: Circumstances<'_>,
        mut new_id: impl FnMut() -> DeliveryId,
    ) -> Advance {
        let there = found.iter().filter(|original| original.has_event);
        let heard =
            there.filter_map(|original| Some((original, receiver_again(given.registered, &original.delivery)?)));
        let (originals, made): (Vec<&Original>, Vec<Delivery>) =
            heard.map(|(original, to)| (original, anew(&original.delivery, to, new_id(), given))).unzip();
        let step = ReplayStep {
            id: self.id,
            from: self.read_to,
            to: read_to.unwrap_or_else(|| self.until()),
            made: made.len() as u64,
            skipped: (found.len() - made.len()) as u64,
            ended_at: read_to.is_none().then_some(given.now),
        };
        let mut changes = vec![Change::AdvanceReplay(Box::new(step))];
        for (original, delivery) in originals.into_iter().zip(&made) {
            changes.push(Change::AddDelivery(Box::new(delivery.clone())));
            changes.push(mark(original, given.now));
        }
        Advance { changes, made }
    }
}

/// Makes one delivery anew, however often it was: somebody has asked for this very one. `None` where its endpoint is disabled.
#[must_use]
pub fn replay_one(original: &Original, id: DeliveryId, given: Circumstances<'_>) -> Option<(Vec<Change>, Delivery)> {
    let to = receiver_again(given.registered, &original.delivery)?;
    let delivery = anew(&original.delivery, to, id, given);
    Some((vec![mark(original, given.now), Change::AddDelivery(Box::new(delivery.clone()))], delivery))
}

fn mark(original: &Original, now: Timestamp) -> Change {
    Change::MarkReplayed { id: original.delivery.id, before: original.replayed_at, at: now }
}

/// The same event, as if it happened now.
fn anew(
    old: &Delivery,
    to: Receiver,
    id: DeliveryId,
    Circumstances { servers, now, .. }: Circumstances<'_>,
) -> Delivery {
    let first_ms = to.terms.schedule_or(servers).point_ms(0).unwrap_or(0);
    let is_moved = to.url != old.url;
    let shard = if is_moved { Destination::of(&to.url).map_or(0, |at| at.shard()) } else { old.shard };
    Delivery {
        id,
        origin: Origin::Replay,
        endpoint: to.endpoint,
        url: to.url,
        shard,
        terms: to.terms,
        created_at: now,
        attempts: 0,
        step: 0,
        interrupted: 0,
        state: State::Due(now.plus_ms(first_ms)),
        ..old.clone()
    }
}

#[cfg(test)]
mod tests;
