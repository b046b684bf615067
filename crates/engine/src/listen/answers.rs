//! What a listener says: what its application has answered, that it could not be asked, and what is to be sent again.
use std::time::Duration;

use postsync_core::ids::{DeliveryId, EventId};
use postsync_core::limits;
use postsync_core::listener::{Answered, LocalAnswer, Outgoing, Passed};
use postsync_core::rotation::SecretOwner;
use postsync_core::sent::Sent;

use super::ListenError;
use super::chairs::Holding;
use super::listening::{Listening, Signed, bytes_of, sign};
use crate::secrets;

/// In such a time so many may be asked for again.
const RESENDS_WINDOW: Duration = Duration::from_secs(60);

/// Characters of what a listener says of its application, as far as that is kept.
const ERROR_CHARS_MAX: usize = 300;

impl Listening {
    /// Puts on record what its application has answered, and moves its cursor with it. Whether it was the answer to something that is
    /// under way: what was answered before is not kept twice.
    ///
    /// # Errors
    /// See [`ListenError`]; nothing has moved then.
    pub async fn answered(
        &mut self,
        delivery: DeliveryId,
        attempt: u32,
        said: LocalAnswer,
    ) -> Result<bool, ListenError> {
        let chair = self.seated.chair.clone();
        let mut outgoing = chair.outgoing.lock().await;
        if !self.seated.is_still_there() {
            return Err(ListenError::TakenOver);
        }
        let Some(place) = outgoing.iter().position(|of| of.delivery == delivery) else { return Ok(false) };
        // Only the feed has an order.
        let has_a_place = |of: &Outgoing| matches!(of.place, Passed::Place(_));
        if has_a_place(&outgoing[place]) && outgoing.iter().take(place).any(has_a_place) {
            return Err(ListenError::OutOfOrder("an answer came before that of an event in front of it"));
        }
        let mut of = outgoing[place].clone();
        let attempt = attempt.clamp(1, limits::LISTENER_ATTEMPTS_MAX);
        if of.attempt != attempt {
            // What was signed for another one is not what the application got.
            (of.attempt, of.sent) = (attempt, Sent::default());
        }
        let now = self.world.now();
        let (place_of, answered) = (of.place, Answered { status: said.status(), at: now });
        let recorded = self.listener.on_record(&of, said, now);
        if self.world.ports.store.event_of_any(of.event.id).await?.is_some() {
            self.pass(recorded).await?;
        } else {
            // Its retention was over before the answer came: there is nothing left to keep it with.
            self.pass(vec![self.listener.passes(place_of, Some(answered), now)]).await?;
        }
        outgoing.remove(place);
        if let Passed::Place(seq) = place_of {
            self.listener.seq = self.listener.seq.max(seq);
        }
        self.seated.hold(|_| None);
        Ok(true)
    }

    /// The application could not be asked for this one.
    pub async fn failed(&mut self, delivery: DeliveryId, tries: u32, error: &str) {
        let outgoing = self.seated.chair.outgoing.lock().await;
        let Some(event) = outgoing.iter().find(|of| of.delivery == delivery).map(|of| of.event.id) else { return };
        let (now, error) = (self.world.now(), error.chars().take(ERROR_CHARS_MAX).collect());
        self.seated.hold(|before| {
            let since = before.filter(|held| held.event == event).map_or(now, |held| held.since);
            Some(Holding { event, since, tries, error })
        });
    }

    /// Signs one that has gone out for now: a signature holds for minutes. `attempt`: the number of the try that it is for, where that
    /// is another one than before. `None`: nothing of that name is under way.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub async fn sign_again(&self, delivery: DeliveryId, attempt: Option<u32>) -> Result<Option<Signed>, ListenError> {
        let secrets = secrets::signing(&self.world, &SecretOwner::org(&self.listener.org)).await?;
        let mut outgoing = self.seated.chair.outgoing.lock().await;
        let Some(of) = outgoing.iter_mut().find(|of| of.delivery == delivery) else { return Ok(None) };
        of.attempt = attempt.unwrap_or(of.attempt).clamp(1, limits::LISTENER_ATTEMPTS_MAX);
        Ok(Some(sign(&self.world, &self.listener, of, &secrets)))
    }

    /// Each is a delivery more in the log, and nothing else bounds them.
    fn may_resend(&mut self) -> bool {
        let (now, (since, count)) = (self.world.now(), self.resent);
        let is_of_now = now >= since && now.since(since) < RESENDS_WINDOW;
        self.resent = if is_of_now { (since, count.saturating_add(1)) } else { (now, 1) };
        self.resent.1 <= limits::LISTENER_RESENDS_PER_MINUTE_MAX
    }

    /// An event of its organization goes out to it once more, ahead of all others. `None`: it is not kept, or as much is under way as
    /// may be.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub async fn resend(&mut self, event: EventId) -> Result<Option<Signed>, ListenError> {
        if !self.may_resend() {
            return Ok(None);
        }
        let found = self.world.ports.store.event_of_any(event).await?;
        let Some(event) = found.filter(|event| event.org == self.listener.org) else { return Ok(None) };
        let secrets = secrets::signing(&self.world, &SecretOwner::org(&self.listener.org)).await?;
        let mut outgoing = self.seated.chair.outgoing.lock().await;
        let has_room = outgoing.len() < 2 * limits::LISTENER_AHEAD_MAX
            && bytes_of(&outgoing) < 2 * limits::LISTENER_AHEAD_BYTES_MAX;
        if !has_room || !self.seated.is_still_there() {
            return Ok(None);
        }
        let mut of = self.outgoing(event, Passed::Again);
        let signed = sign(&self.world, &self.listener, &mut of, &secrets);
        outgoing.push_back(of);
        Ok(Some(signed))
    }
}
