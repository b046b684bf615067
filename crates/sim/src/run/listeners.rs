//! Developers who listen in a run: each under one name of its organization, with connections that are cut at any moment.
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use postsync_core::endpoint::EventFilter;
use postsync_core::ids::{EventId, ListenerName, OrgId};
use postsync_core::listener::{LocalAnswer, Outgoing, Passed};
use postsync_engine::ports::{Clock as _, Spawn as _};
use postsync_engine::{Ask, Engine, ListenTold, Listening};

use super::Run;
use crate::clock::VirtualClock;
use crate::dice::Dice;
use crate::executor::locked;
use crate::facts::{Fact, ListenerFact};
use crate::witness::Witness;

/// Events of a connection, and how long it waits for each.
const EVENTS_MAX: usize = 8;
const PATIENCE: Duration = Duration::from_secs(30);

/// What a listener's program remembers while its connections come and go: the events that its application has answered.
pub(super) type Answered = Arc<Mutex<BTreeSet<(OrgId, EventId)>>>;

struct Listener {
    engine: Arc<Engine>,
    org: OrgId,
    clock: VirtualClock,
    dice: Dice,
    witness: Witness,
    answered: Answered,
}

impl Run {
    /// Somebody listens for a while.
    pub(super) fn listen(&self) {
        let org = OrgId::new(&self.some_org());
        self.connect(org, EVENTS_MAX, self.stage.dice.below(3) == 0);
    }

    /// Everybody listens until nothing more comes.
    pub(super) fn listen_to_the_end(&mut self) {
        for org in self.orgs() {
            self.connect(org, usize::MAX, false);
        }
        self.stage.advance(600_000);
    }

    /// `is_new`: another run of the program, which remembers nothing.
    fn connect(&self, org: OrgId, events_max: usize, is_new: bool) {
        let Some(engine) = self.stage.engine() else { return };
        if is_new {
            locked(&self.listened).retain(|(of, _)| *of != org);
        }
        let listener = Listener {
            engine,
            org,
            clock: self.stage.clock.clone(),
            dice: self.stage.dice.clone(),
            witness: self.stage.witness.clone(),
            answered: self.listened.clone(),
        };
        let session = if is_new { format!("{}", self.polls) } else { "sim".to_owned() };
        self.stage.spawner().spawn(Box::pin(async move { listener.run(session, events_max).await }));
    }
}

impl Listener {
    async fn run(self, session: String, events_max: usize) {
        let ask = Ask {
            name: ListenerName::new("sim"),
            session,
            resumes: false,
            forward_to: "http://localhost:3000/webhook".to_owned(),
            events: EventFilter::default(),
            since: None,
        };
        let Ok(mut listening) = self.engine.listen(&self.org, ask).await else { return };
        let begins = listening.listener().seq;
        self.saw(ListenerFact::Connected { seq: begins, is_new: listening.is_new() });
        for _ in 0..events_max {
            let Ok(ListenTold::Event(signed)) = listening.next(PATIENCE).await else { return };
            let of = signed.outgoing;
            let Passed::Place(seq) = of.place else { continue };
            self.saw(ListenerFact::Got { seq, event: of.event.id });
            if !self.is_handed_on(&mut listening, &of).await {
                return;
            }
        }
    }

    /// `false`: the connection is over.
    async fn is_handed_on(&self, listening: &mut Listening, of: &Outgoing) -> bool {
        let key = (self.org.clone(), of.event.id);
        if !locked(&self.answered).contains(&key) {
            self.clock.sleep(Duration::from_millis(self.dice.below(200) as u64)).await;
            // The application is not there: the connection may be cut before it is.
            while self.dice.below(6) == 0 {
                listening.failed(of.delivery, of.attempt, "nobody listens").await;
                self.clock.sleep(Duration::from_secs(1)).await;
            }
            locked(&self.answered).insert(key);
            self.saw(ListenerFact::Handed { event: of.event.id });
        }
        let Some(said) = LocalAnswer::read(200, Duration::ZERO, Bytes::new(), Bytes::new(), false) else {
            return false;
        };
        let Passed::Place(seq) = of.place else { return true };
        self.saw(ListenerFact::Answered { seq });
        let Ok(true) = listening.answered(of.delivery, of.attempt, said).await else { return false };
        self.saw(ListenerFact::Acknowledged { seq });
        true
    }

    fn saw(&self, saw: ListenerFact) {
        self.witness.tell(&Fact::Listener { org: &self.org, saw });
    }
}
