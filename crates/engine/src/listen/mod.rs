//! Listeners: an organization's events go to whoever has connected under a name, one after the other, and on record goes what the
//! application behind it has answered.
//!
//! Promise: what has a place in the feed, and what is queued for a listener, reaches its application in order, however often the
//! connection is cut. Its cursor moves in one commit with the record of the answer, never before. One connection holds a name: the
//! next one with it takes over at once, and what the old one says from then on counts for nothing.
//!
//! Deliberately absent: the socket, and the application. How it fails: what the store can't do ends the connection, and the next one
//! goes on from what is on disk.
mod answers;
mod chairs;
mod listening;

use postsync_core::change::Change;
use postsync_core::endpoint::EventFilter;
use postsync_core::event::EventType;
use postsync_core::feed::{Seq, Span};
use postsync_core::ids::{EventId, ListenerName, OrgId};
use postsync_core::listener::{Listener, ListenerChange};
use postsync_core::time::Timestamp;

pub(crate) use chairs::Chairs;
pub use chairs::Holding;
pub use listening::{ListenTold, Listening, Signed};

use crate::engine::Engine;
use crate::feed::{FeedError, span};
use crate::ports::{Applied, FeedFrom, FeedQuery, StoreError};
use crate::tally::Farewell;
use crate::world::World;

/// Who wants to listen.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Its name.
    pub name: ListenerName,
    /// One run of the listener's program: who comes again with the same goes on with what was under way.
    pub session: String,
    /// It was connected before and was cut: it does not take its name back from another one.
    pub resumes: bool,
    /// Where it hands on to.
    pub forward_to: String,
    /// What it takes.
    pub events: EventFilter,
    /// Begin with what has happened since, wherever it was.
    pub since: Option<Timestamp>,
}

/// Why nobody listens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// Another one has its name by now.
    #[error("another listener has taken over this name")]
    TakenOver,
    /// The organization has as many listeners as it may.
    #[error("the organization has too many listeners")]
    TooMany,
    /// What it has said fits nothing that went out to it.
    #[error("{0}")]
    OutOfOrder(&'static str),
    /// As reading a feed fails: the store, or too many readers.
    #[error(transparent)]
    Feed(#[from] FeedError),
}

impl From<StoreError> for ListenError {
    fn from(error: StoreError) -> Self {
        Self::Feed(error.into())
    }
}

/// A listener as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerView {
    /// What is on disk of it.
    pub listener: Listener,
    /// Whether it is connected now.
    pub is_connected: bool,
    /// How many places of the feed lie in front of it; what it does not take is among them.
    pub behind: u64,
    /// What its application can't be asked for, where that is so.
    pub holding: Option<Holding>,
}

impl Engine {
    /// Connects a listener: whoever has its name is told to go.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub async fn listen(&self, org: &OrgId, ask: Ask) -> Result<Listening, ListenError> {
        Listening::begin(&self.world, org, ask).await
    }

    /// A stop waits for whoever holds this: to tell a listener, and no longer.
    #[must_use]
    pub fn farewell(&self) -> Farewell {
        Farewell::new(&self.world.under_way)
    }

    /// Resolves when the server begins to stop.
    pub async fn stopping(&self) {
        let _ = self.world.stopping.cancelled().await;
    }

    /// An organization's listeners, in the order of their names.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn listeners(&self, org: &OrgId) -> Result<Vec<ListenerView>, StoreError> {
        let listeners = self.world.ports.store.listeners(org).await?;
        let last = span(&self.world, org).await?.last;
        let view = |listener: Listener| {
            let (is_connected, holding) = self.world.chairs.shown(org, &listener.name);
            let behind = u64::try_from(last.0.saturating_sub(listener.seq.0)).unwrap_or(0);
            ListenerView { listener, is_connected, behind, holding }
        };
        Ok(listeners.into_iter().map(view).collect())
    }
}

/// What tells the listeners of an event that has no place in the feed; in one list with it.
pub(crate) fn queued(org: &OrgId, event: EventId, kind: EventType) -> Change {
    Change::Listener(ListenerChange::Queue { org: org.clone(), event, kind })
}

/// Puts it on record that a listener is there.
async fn seat(world: &World, listener: &Listener) -> Result<(), ListenError> {
    let change = Change::Listener(ListenerChange::Seat(Box::new(listener.clone())));
    match world.ports.store.apply(vec![change]).await? {
        Applied::Done => Ok(()),
        Applied::Stale => Err(ListenError::TooMany),
    }
}

/// The place behind which lies what has happened since then, found by halves: places rise with time, but for a clock that was put
/// back.
async fn place_at(world: &World, org: &OrgId, span: Span, since: Timestamp) -> Result<Seq, ListenError> {
    let (mut low, mut high) = (span.begin().0, span.last.0);
    while low < high {
        let middle = low + (high - low) / 2;
        let page = world.ports.store.feed(one_behind(org, Seq(middle))).await?;
        match page.events.first() {
            Some(first) if first.event.created_at < since => low = first.seq.0.max(middle + 1),
            _ => high = middle,
        }
    }
    Ok(Seq(low))
}

fn one_behind(org: &OrgId, after: Seq) -> FeedQuery {
    FeedQuery { org: org.clone(), from: FeedFrom::After(after), limit: 1, bytes_max: 0 }
}
