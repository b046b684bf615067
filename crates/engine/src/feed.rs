//! The pull feed: the events of an organization in the order of their commits, for whoever can't be reached by a POST.
//!
//! Promise: who goes on from where it was misses nothing, and is told where something was removed before it came. A wait is
//! ended by the commit that it waits for. Readers hold nothing but their position: a slow one costs no memory, and their
//! number is bounded, in all and for each organization.
//!
//! How it fails: what the store can't read is the reader's error. A reader that hangs up leaves nothing behind.
use std::sync::Arc;
use std::time::Duration;

use postsync_core::change::Change;
use postsync_core::feed::{Misplaced, Seq, Span};
use postsync_core::ids::{ConsumerName, OrgId};
use postsync_core::limits;

use crate::ports::{Applied, FedEvent, FeedFrom, FeedPage, FeedQuery, StoreError};
use crate::seats::{NoSeat, Seat, Seats};
use crate::waiters::{Wait, Waiters};
use crate::world::World;

/// Between two looks of a reader that nobody has told of anything: what another process has committed is seen by then.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Between two reads of a stream that has caught up: under load it takes what has gathered, instead of reading once for each
/// event.
const READS_APART: Duration = Duration::from_millis(10);

/// What the readers of one engine share.
pub(crate) struct Feeds {
    /// Rung by each commit of an event.
    pub(crate) bells: Waiters<OrgId>,
    waits: Seats,
    streams: Seats,
}

impl Default for Feeds {
    fn default() -> Self {
        Self {
            bells: Waiters::default(),
            waits: Seats::new(limits::FEED_WAITS_MAX, limits::FEED_WAITS_OF_ONE_MAX),
            streams: Seats::new(limits::FEED_STREAMS_MAX, limits::FEED_STREAMS_OF_ONE_MAX),
        }
    }
}

/// Why the feed was not read, or a cursor not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// Nothing can be read from that position.
    #[error("the position lies outside the feed")]
    Misplaced(Misplaced),
    /// The organization has as many consumers as it may.
    #[error("the organization has too many consumers")]
    TooManyConsumers,
    /// The organization has as many polls waiting, or streams open, as it may.
    #[error("the organization has too many readers")]
    TooManyOfOne,
    /// All organizations together have.
    #[error("the server has too many readers")]
    TooMany,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Misplaced> for FeedError {
    fn from(misplaced: Misplaced) -> Self {
        Self::Misplaced(misplaced)
    }
}

impl From<NoSeat> for FeedError {
    fn from(none: NoSeat) -> Self {
        match none {
            NoSeat::OfOne => Self::TooManyOfOne,
            NoSeat::OfAll => Self::TooMany,
        }
    }
}

/// Where a reader begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Behind what the consumer has committed; a new one in front of the oldest event that is kept.
    Consumer(ConsumerName),
    /// Behind that place.
    After(Seq),
    /// Behind all that has happened until now.
    Now,
}

/// The pull feed of one engine.
pub struct Feed {
    world: Arc<World>,
}

impl Feed {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { world }
    }

    /// A page from the newest event on, or from behind that one: what lies in front of `before`.
    ///
    /// # Errors
    /// See [`FeedError`].
    pub async fn newest(&self, org: &OrgId, before: Option<Seq>, limit: usize) -> Result<FeedPage, FeedError> {
        let page = self.page(org, FeedFrom::Before(before), limit, limits::FEED_PAGE_BYTES_MAX).await?;
        if before.is_some_and(|before| before > page.span.last) {
            return Err(Misplaced::Future.into());
        }
        Ok(page)
    }

    /// The position in which a reader begins.
    ///
    /// # Errors
    /// See [`FeedError`].
    pub async fn position(&self, org: &OrgId, start: Start) -> Result<Seq, FeedError> {
        let committed = match start {
            Start::After(after) => return Ok(after),
            Start::Now => return Ok(span(&self.world, org).await?.last),
            Start::Consumer(name) => self.world.ports.store.consumer(org, &name).await?,
        };
        match committed {
            Some(at) => Ok(at),
            None => Ok(span(&self.world, org).await?.begin()),
        }
    }

    /// The events behind a position, oldest first.
    ///
    /// # Errors
    /// See [`FeedError`].
    pub async fn read(&self, org: &OrgId, after: Seq, limit: usize) -> Result<FeedPage, FeedError> {
        let page = self.page(org, FeedFrom::After(after), limit, limits::FEED_PAGE_BYTES_MAX).await?;
        page.span.judge(after)?;
        Ok(page)
    }

    async fn page(&self, org: &OrgId, from: FeedFrom, limit: usize, bytes_max: usize) -> Result<FeedPage, FeedError> {
        let query = FeedQuery { org: org.clone(), from, limit, bytes_max };
        Ok(self.world.ports.store.feed(query).await?)
    }

    /// Returns when there is something behind the position, when `timeout` has passed, or when the server stops.
    ///
    /// # Errors
    /// See [`FeedError`].
    pub async fn wait(&self, org: &OrgId, after: Seq, timeout: Duration) -> Result<(), FeedError> {
        let _seat = self.world.feeds.waits.take(org)?;
        wait(&self.world, org, after, timeout).await.map(|_| ())
    }

    /// Puts on record how far a consumer has come. Gives the position that is on record then: it never moves back.
    ///
    /// # Errors
    /// Nothing was written then; see [`FeedError`].
    pub async fn commit(&self, org: &OrgId, consumer: ConsumerName, seq: Seq) -> Result<Seq, FeedError> {
        span(&self.world, org).await?.judge(seq)?;
        let (store, at) = (&self.world.ports.store, self.world.now());
        let change = Change::CommitCursor { org: org.clone(), consumer: consumer.clone(), seq, at };
        match store.apply(vec![change]).await? {
            Applied::Done => Ok(store.consumer(org, &consumer).await?.unwrap_or(seq)),
            Applied::Stale => Err(FeedError::TooManyConsumers),
        }
    }

    /// Follows a feed from there on.
    ///
    /// # Errors
    /// See [`FeedError`].
    pub async fn follow(&self, org: OrgId, start: Start) -> Result<Follower, FeedError> {
        let seat = self.world.feeds.streams.take(&org)?;
        let at = self.position(&org, start).await?;
        span(&self.world, &org).await?.judge(at)?;
        Ok(Follower { feed: Self::new(self.world.clone()), org, at, has_caught_up: false, _seat: seat })
    }
}

/// What a follower came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The next events, in order.
    Events(Vec<FedEvent>),
    /// Nothing has happened for as long as it was to wait.
    Nothing,
    /// The server stops: go on from here with another one, or later.
    Over,
}

/// Who follows a feed.
pub struct Follower {
    feed: Feed,
    org: OrgId,
    at: Seq,
    has_caught_up: bool,
    _seat: Seat,
}

impl Follower {
    /// Where it is.
    #[must_use]
    pub fn at(&self) -> Seq {
        self.at
    }

    /// What comes next.
    ///
    /// # Errors
    /// See [`FeedError`]; the position is as it was.
    pub async fn next(&mut self, patience: Duration) -> Result<Followed, FeedError> {
        let world = &self.feed.world;
        if std::mem::take(&mut self.has_caught_up) {
            tokio::select! {
                biased;
                _ = world.stopping.cancelled() => return Ok(Followed::Over),
                () = world.ports.clock.sleep(READS_APART) => {}
            }
        }
        match wait(world, &self.org, self.at, patience).await? {
            Woken::News => {}
            Woken::TimeIsOver => return Ok(Followed::Nothing),
            Woken::Stopping => return Ok(Followed::Over),
        }
        let (limit, bytes_max) = (limits::FEED_STREAM_EVENTS_MAX, limits::FEED_STREAM_BYTES_MAX);
        let page = self.feed.page(&self.org, FeedFrom::After(self.at), limit, bytes_max).await?;
        page.span.judge(self.at)?;
        self.at = page.events.last().map_or(self.at, |last| last.seq);
        self.has_caught_up = self.at == page.span.last;
        Ok(Followed::Events(page.events))
    }
}

/// Why a wait is over.
enum Woken {
    News,
    TimeIsOver,
    Stopping,
}

async fn wait(world: &World, org: &OrgId, after: Seq, timeout: Duration) -> Result<Woken, FeedError> {
    let clock = &world.ports.clock;
    let mut time_is_over = clock.sleep(timeout);
    loop {
        // Registered first: what is committed after the look rings.
        let mut bell = world.feeds.bells.register(org);
        let span = span(world, org).await?;
        span.judge(after)?;
        if span.last > after {
            return Ok(Woken::News);
        }
        tokio::select! {
            biased;
            _ = world.stopping.cancelled() => return Ok(Woken::Stopping),
            () = rung(bell.as_mut()) => {}
            () = &mut time_is_over => return Ok(Woken::TimeIsOver),
            () = clock.sleep(LOOK_AGAIN) => {}
        }
    }
}

pub(crate) async fn rung(bell: Option<&mut Wait<OrgId>>) {
    match bell {
        Some(bell) => bell.told().await,
        None => std::future::pending().await,
    }
}

pub(crate) async fn span(world: &World, org: &OrgId) -> Result<Span, StoreError> {
    let query = FeedQuery { org: org.clone(), from: FeedFrom::After(Seq(0)), limit: 0, bytes_max: 0 };
    Ok(world.ports.store.feed(query).await?.span)
}
