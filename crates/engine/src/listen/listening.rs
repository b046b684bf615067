//! One connection of a listener, from its coming to its going.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use postsync_core::change::Change;
use postsync_core::event::Event;
use postsync_core::feed::{Misplaced, Seq, Span};
use postsync_core::ids::{DeliveryId, EventId, OrgId};
use postsync_core::limits;
use postsync_core::listener::{Listener, Outgoing, Passed};
use postsync_core::rotation::{SecretOwner, Signing};
use postsync_core::rule;
use postsync_core::sent::{Sent, SentRequest};
use postsync_core::time::Timestamp;

use super::chairs::Seated;
use super::{Ask, ListenError, place_at, seat};
use crate::feed::{FeedError, LOOK_AGAIN, rung, span};
use crate::ports::{Applied, FeedFrom, FeedQuery};
use crate::seats::Seat;
use crate::secrets;
use crate::world::World;

/// An event, signed for the moment in which it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// It, with what its answer will be kept under.
    pub outgoing: Outgoing,
    /// The POST that the application is to get, all but its body, which is the event's.
    pub request: SentRequest,
}

/// What a listener is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenTold {
    /// The next event.
    Event(Box<Signed>),
    /// So many events were removed before it came for them: their retention was over.
    Gap(u64),
    /// The feed ends in front of where it was: the database was restored from a backup. It goes on from the end.
    Restored,
    /// Nothing has happened for as long as it was to wait.
    Nothing,
    /// Another one has taken over its name.
    TakenOver,
    /// The server stops: come again.
    Over,
}

/// A listener that is connected.
pub struct Listening {
    pub(super) world: Arc<World>,
    pub(super) listener: Listener,
    pub(super) seated: Seated,
    _seat: Seat,
    /// Read up to there.
    at: Seq,
    /// Went out over the connection before, and goes out once more.
    again: VecDeque<DeliveryId>,
    /// Read, and not sent.
    ready: VecDeque<Outgoing>,
    /// How many were asked for again since then.
    pub(super) resent: (Timestamp, u32),
    is_new: bool,
    goes_on: bool,
    told: VecDeque<ListenTold>,
}

impl Listening {
    pub(super) async fn begin(world: &Arc<World>, org: &OrgId, ask: Ask) -> Result<Self, ListenError> {
        let _seat = world.chairs.take(org).map_err(FeedError::from)?;
        let seated = world.chairs.sit(org, &ask.name, &ask.session, ask.resumes)?;
        let chair = seated.chair.clone();
        // What the one before has answered is on disk before its cursor is read.
        let mut outgoing = chair.outgoing.lock().await;
        // Or another one has come meanwhile: what is under way is that one's by now.
        if !seated.is_still_there() {
            return Err(ListenError::TakenOver);
        }
        let goes_on = seated.goes_on && ask.since.is_none();
        if !goes_on {
            outgoing.clear();
        }
        let now = world.now();
        let known = world.ports.store.listener(org, &ask.name).await?;
        let is_new = known.is_none();
        let span = span(world, org).await?;
        let seq = match (ask.since, &known) {
            // It goes back to hear more, and never forth past what waits.
            (Some(since), known) => {
                let asked = place_at(world, org, span, since).await?;
                known.as_ref().map_or(asked, |known| asked.min(known.seq))
            }
            (None, Some(known)) => known.seq,
            (None, None) => span.last,
        };
        let mut told = VecDeque::new();
        let seq = placed(span, seq, &mut told);
        let listener = Listener {
            org: org.clone(),
            name: ask.name,
            forward_to: ask.forward_to,
            events: ask.events,
            seq,
            created_at: now,
            seen_at: now,
            answered: None,
        };
        seat(world, &listener).await?;
        let last = |of: &Outgoing| if let Passed::Place(seq) = of.place { Some(seq) } else { None };
        let under_way =
            outgoing.iter().filter_map(last).max().filter(|_| rule::holds("what_is_under_way_is_not_read_again"));
        let at = under_way.unwrap_or(seq).max(seq);
        let again = outgoing.iter().map(|of| of.delivery).collect();
        drop(outgoing);
        let (world, ready) = (world.clone(), VecDeque::new());
        Ok(Self { world, listener, seated, _seat, at, again, ready, resent: (now, 0), is_new, goes_on, told })
    }

    /// Whether its name was never seen before.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether what was under way to the same run of its program comes again under the same ids.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// As it stood when it came; its place as far as it has answered.
    #[must_use]
    pub fn listener(&self) -> &Listener {
        &self.listener
    }

    /// What comes next. May be dropped and asked again at any moment: nothing is lost by that.
    ///
    /// # Errors
    /// See [`ListenError`]: the connection is of no use any more.
    pub async fn next(&mut self, patience: Duration) -> Result<ListenTold, ListenError> {
        let mut time_is_over = self.world.ports.clock.sleep(patience);
        loop {
            if !self.seated.is_still_there() {
                return Ok(ListenTold::TakenOver);
            }
            // Registered first: what is committed after the look rings.
            let world = self.world.clone();
            let mut bell = world.feeds.bells.register(&self.listener.org);
            if let Some(told) = self.look().await? {
                return Ok(told);
            }
            tokio::select! {
                biased;
                _ = world.stopping.cancelled() => return Ok(ListenTold::Over),
                _ = self.seated.leave.cancelled() => return Ok(ListenTold::TakenOver),
                () = rung(bell.as_mut()) => {}
                () = &mut time_is_over => {
                    self.is_seen().await?;
                    return Ok(ListenTold::Nothing);
                }
                () = world.ports.clock.sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Puts on record now and then that it is there: one that is not seen for long makes room for others.
    async fn is_seen(&mut self) -> Result<(), ListenError> {
        let now = self.world.now();
        if now.0.saturating_sub(self.listener.seen_at.0) < limits::LISTENER_SEEN_AGAIN_MS {
            return Ok(());
        }
        self.pass(vec![self.listener.passes(Passed::Again, None, now)]).await?;
        self.listener.seen_at = now;
        Ok(())
    }

    /// What can be told now.
    async fn look(&mut self) -> Result<Option<ListenTold>, ListenError> {
        if let Some(told) = self.told.pop_front() {
            return Ok(Some(told));
        }
        if let Some(again) = self.once_more().await? {
            return Ok(Some(again));
        }
        if self.ready.is_empty() && self.has_room().await {
            self.read().await?;
        }
        if let Some(told) = self.told.pop_front() {
            return Ok(Some(told));
        }
        if self.ready.is_empty() || !self.has_room().await {
            return Ok(None);
        }
        let secrets = secrets::signing(&self.world, &SecretOwner::org(&self.listener.org)).await?;
        let mut outgoing = self.seated.chair.outgoing.lock().await;
        // Whoever has taken over knows what is under way, and would not know of this one.
        if !self.seated.is_still_there() {
            return Ok(Some(ListenTold::TakenOver));
        }
        // Nothing is waited for from here on: what is taken out of one list is in the other.
        let Some(mut next) = self.ready.pop_front() else { return Ok(None) };
        let signed = sign(&self.world, &self.listener, &mut next, &secrets);
        let place = next.place;
        outgoing.push_back(next);
        if !rule::holds("a_listener_moves_by_its_answers") {
            self.pass(vec![self.listener.passes(place, None, self.world.now())]).await?;
        }
        Ok(Some(ListenTold::Event(Box::new(signed))))
    }

    /// What went out over the connection before.
    async fn once_more(&mut self) -> Result<Option<ListenTold>, ListenError> {
        while let Some(id) = self.again.front().copied() {
            let signed = self.sign_again(id, None).await?;
            self.again.pop_front();
            if let Some(signed) = signed {
                return Ok(Some(ListenTold::Event(Box::new(signed))));
            }
        }
        Ok(None)
    }

    async fn has_room(&self) -> bool {
        let outgoing = self.seated.chair.outgoing.lock().await;
        outgoing.len() < limits::LISTENER_AHEAD_MAX && bytes_of(&outgoing) < limits::LISTENER_AHEAD_BYTES_MAX
    }

    /// Reads what waits: its queue first, for that is what somebody is looking at now.
    async fn read(&mut self) -> Result<(), ListenError> {
        let (org, store) = (&self.listener.org, &self.world.ports.store);
        let queue = store.listener_queue(org, &self.listener.name, limits::LISTENER_AHEAD_MAX).await?;
        let query = FeedQuery {
            org: org.clone(),
            from: FeedFrom::After(self.at),
            limit: limits::LISTENER_AHEAD_MAX,
            bytes_max: limits::LISTENER_AHEAD_BYTES_MAX,
        };
        let page = store.feed(query).await?;
        // Held until all is written: whoever takes over has another filter, and another place.
        let chair = self.seated.chair.clone();
        let outgoing = chair.outgoing.lock().await;
        if !self.seated.is_still_there() {
            return Ok(());
        }
        let queued = outgoing.iter().filter(|of| matches!(of.place, Passed::Queued(_)));
        let under_way: Vec<EventId> = queued.map(|of| of.event.id).collect();
        let mut gone = Vec::new();
        for (id, event) in queue.into_iter().filter(|(id, _)| !under_way.contains(id)) {
            match event {
                Some(event) => self.ready.push_back(self.outgoing(event, Passed::Queued(id))),
                None => gone.push(self.listener.passes(Passed::Queued(id), None, self.world.now())),
            }
        }
        if let Err(misplaced) = page.span.judge(self.at) {
            debug_assert!(page.events.is_empty() || misplaced != Misplaced::Future, "nothing lies behind the end");
            self.at = placed(page.span, self.at, &mut self.told);
        } else {
            let last = page.events.last().map(|fed| fed.seq);
            let takes = page.events.into_iter().filter(|fed| self.listener.events.takes(fed.event.kind));
            let taken: Vec<Outgoing> = takes.map(|fed| self.outgoing(fed.event, Passed::Place(fed.seq))).collect();
            self.ready.extend(taken);
            self.at = last.unwrap_or(self.at);
        }
        // Nothing is under way: what lies between is what it does not take.
        let passes_over = outgoing.is_empty() && self.ready.is_empty() && self.at > self.listener.seq;
        if passes_over {
            gone.push(self.listener.passes(Passed::Place(self.at), None, self.world.now()));
        }
        if !gone.is_empty() {
            self.pass(gone).await?;
        }
        // Not before: whoever drops this on its way passes over it once more.
        if passes_over {
            self.listener.seq = self.at;
        }
        Ok(())
    }

    pub(super) fn outgoing(&self, event: Event, place: Passed) -> Outgoing {
        Outgoing { delivery: self.world.new_delivery_id(), event, place, attempt: 1, sent: Sent::default() }
    }

    pub(super) async fn pass(&self, changes: Vec<Change>) -> Result<(), ListenError> {
        match self.world.ports.store.apply(changes).await? {
            Applied::Done => Ok(()),
            // Its row made room for another one's.
            Applied::Stale => Err(ListenError::TooMany),
        }
    }
}

/// Signs it with what the organization signs with now.
pub(super) fn sign(world: &World, listener: &Listener, of: &mut Outgoing, secrets: &Signing) -> Signed {
    of.sign(secrets, world.now());
    Signed { request: listener.request(of), outgoing: of.clone() }
}

pub(super) fn bytes_of(outgoing: &VecDeque<Outgoing>) -> usize {
    outgoing.iter().map(|of| of.event.body.len()).sum()
}

/// Where reading goes on; what lies between is told.
fn placed(span: Span, seq: Seq, told: &mut VecDeque<ListenTold>) -> Seq {
    match span.judge(seq) {
        Ok(()) => seq,
        Err(Misplaced::Expired { oldest }) => {
            told.push_back(ListenTold::Gap(u64::try_from(oldest.0.saturating_sub(seq.0)).unwrap_or(0)));
            oldest
        }
        Err(Misplaced::Future) => {
            told.push_back(ListenTold::Restored);
            span.last
        }
    }
}
