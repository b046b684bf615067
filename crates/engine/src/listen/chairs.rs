//! Who has each listener's name now, and what is under way to it. In memory only: after a restart each begins from its cursor.
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use postsync_core::ids::{EventId, ListenerName, OrgId};
use postsync_core::limits::{LISTENERS_CONNECTED_MAX, LISTENERS_CONNECTED_OF_ONE_MAX};
use postsync_core::listener::Outgoing;
use postsync_core::time::Timestamp;

use super::ListenError;
use crate::ports::Cancel;
use crate::seats::{NoSeat, Seat, Seats};
use crate::world::locked;

/// An event that a listener can't hand on: its application is not there, or does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Which.
    pub event: EventId,
    /// Since when.
    pub since: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// What the last try came to, in the listener's words.
    pub error: String,
}

/// A listener's place, whether somebody sits there or not.
pub(super) struct Chair {
    who: Mutex<Who>,
    /// What has gone out and was not answered, oldest first. Held while an answer goes to disk: who takes over waits for that.
    pub(super) outgoing: tokio::sync::Mutex<VecDeque<Outgoing>>,
}

#[derive(Default)]
struct Who {
    /// Rises with each that sits down.
    epoch: u64,
    session: String,
    is_there: bool,
    /// Told when another one takes over.
    leave: Cancel,
    holding: Option<Holding>,
}

/// One that has sat down.
pub(super) struct Seated {
    pub(super) chair: Arc<Chair>,
    pub(super) leave: Cancel,
    /// It is the same run of the program as the one before.
    pub(super) goes_on: bool,
    epoch: u64,
}

/// All of them.
pub(crate) struct Chairs {
    /// Connections, in all and of each organization.
    seats: Seats,
    chairs: Mutex<BTreeMap<(OrgId, ListenerName), Arc<Chair>>>,
}

impl Default for Chairs {
    fn default() -> Self {
        let seats = Seats::new(LISTENERS_CONNECTED_MAX, LISTENERS_CONNECTED_OF_ONE_MAX);
        Self { seats, chairs: Mutex::default() }
    }
}

impl Chairs {
    /// A place among the connections, whatever name it is for.
    pub(super) fn take(&self, org: &OrgId) -> Result<Seat, NoSeat> {
        self.seats.take(org)
    }

    /// Sits down. Whoever sits there is told to leave.
    pub(super) fn sit(
        &self,
        org: &OrgId,
        name: &ListenerName,
        session: &str,
        resumes: bool,
    ) -> Result<Seated, ListenError> {
        let mut chairs = locked(&self.chairs);
        // One that was left holds what was under way, for who comes again. Not for ever, where there are many.
        if chairs.len() >= LISTENERS_CONNECTED_MAX {
            chairs.retain(|_, chair| locked(&chair.who).is_there);
        }
        let free = || Arc::new(Chair { who: Mutex::default(), outgoing: tokio::sync::Mutex::default() });
        let chair = chairs.entry((org.clone(), name.clone())).or_insert_with(free).clone();
        let mut who = locked(&chair.who);
        let goes_on = who.session == session;
        if resumes && who.is_there && !goes_on {
            return Err(ListenError::TakenOver);
        }
        who.leave.cancel();
        let leave = Cancel::default();
        let epoch = who.epoch + 1;
        let holding = who.holding.take().filter(|_| goes_on);
        *who = Who { epoch, session: session.to_owned(), is_there: true, leave: leave.clone(), holding };
        drop(who);
        Ok(Seated { chair, leave, goes_on, epoch })
    }

    /// Whether somebody sits there, and what he can't hand on.
    pub(super) fn shown(&self, org: &OrgId, name: &ListenerName) -> (bool, Option<Holding>) {
        let chairs = locked(&self.chairs);
        let Some(chair) = chairs.get(&(org.clone(), name.clone())) else { return (false, None) };
        let who = locked(&chair.who);
        (who.is_there, who.holding.clone().filter(|_| who.is_there))
    }
}

impl Seated {
    /// Whether nobody has taken over.
    pub(super) fn is_still_there(&self) -> bool {
        locked(&self.chair.who).epoch == self.epoch
    }

    /// Says what can't be handed on; `None`: it was.
    pub(super) fn hold(&self, change: impl FnOnce(Option<Holding>) -> Option<Holding>) {
        let mut who = locked(&self.chair.who);
        if who.epoch == self.epoch {
            who.holding = change(who.holding.take());
        }
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        let mut who = locked(&self.chair.who);
        if who.epoch == self.epoch {
            who.is_there = false;
        }
    }
}
