//! Who reads the feeds in a run.
use std::sync::Arc;
use std::time::Duration;

use postsync_core::ids::{ConsumerName, OrgId};
use postsync_engine::ports::{FedEvent, Spawn as _};
use postsync_engine::{Engine, Followed, Start};

use super::{LIVES_PER_ORG, Run, org};
use crate::clock::VirtualClock;
use crate::facts::{Fact, FeedFact};
use crate::witness::Witness;

/// Reads of a consumer, and how long it waits for each.
const READS_MAX: usize = 6;
const READ_PATIENCE: Duration = Duration::from_secs(20);

impl Run {
    /// A consumer reads the feed of its organization for a while. It may not be the only one under its name.
    pub(super) fn read_a_feed(&self) {
        let Some(engine) = self.stage.engine() else { return };
        let org = OrgId::new(&org(self.lives / LIVES_PER_ORG + self.stage.dice.below(2)));
        let reader = read_feed(engine, org, READS_MAX, self.stage.clock.clone(), self.stage.witness.clone());
        self.stage.spawner().spawn(Box::pin(reader));
    }

    /// Every organization's feed is read to its end.
    pub(super) fn read_all_feeds(&mut self) {
        for org in self.orgs() {
            let Some(engine) = self.stage.engine() else { return };
            let reader = read_feed(engine, org, usize::MAX, self.stage.clock.clone(), self.stage.witness.clone());
            self.stage.spawner().spawn(Box::pin(reader));
        }
        self.stage.advance(60_000);
    }
}

/// Follows a feed from what is committed on, and commits what it was given; until nothing more comes, or after some reads.
async fn read_feed(engine: Arc<Engine>, org: OrgId, reads_max: usize, clock: VirtualClock, witness: Witness) {
    let (feed, name) = (engine.feed(), ConsumerName::new("sim"));
    let since_ms = clock.mono_ms();
    let Ok(found) = feed.position(&org, Start::Consumer(name.clone())).await else { return };
    witness.tell(&Fact::Feed { org: &org, saw: FeedFact::Found { seq: found, since_ms } });
    let Ok(mut follower) = feed.follow(org.clone(), Start::After(found)).await else { return };
    for _ in 0..reads_max {
        let since_ms = clock.mono_ms();
        let Ok(Followed::Events(events)) = follower.next(READ_PATIENCE).await else { return };
        for FedEvent { seq, event } in events {
            witness.tell(&Fact::Feed { org: &org, saw: FeedFact::Read { seq, event: event.id, since_ms } });
        }
        let Ok(committed) = feed.commit(&org, name.clone(), follower.at()).await else { return };
        witness.tell(&Fact::Feed { org: &org, saw: FeedFact::Committed(committed) });
    }
}
