//! What is over goes: deliveries with their attempts, events, videos, uploads. And the room that it took goes back to the disk.
//!
//! Promise: in small steps, each a commit of its own with a pause behind it, so that no delivery waits for it; what is still
//! to be delivered stays. Files go before the rows that name them: after a crash between the two a row names a file that is
//! not there, which is answered with 410, and is found again; never is a file left that no row names any more.
//!
//! How it fails: a store or a disk that can't ends the round, and the next one begins where it stopped.
use std::sync::Arc;
use std::time::Duration;

use postsync_core::change::Change;
use postsync_core::ids::{DeliveryId, EventId};
use postsync_core::model::MODELS;
use postsync_core::retention::{self, Calendar, Horizons};
use postsync_core::time::Timestamp;

use crate::engine::StartError as Trouble;
use crate::ports::{AgedDelivery, Applied};
use crate::world::World;

/// How often it is looked for what is over.
const ROUND_EVERY: Duration = Duration::from_secs(600);

/// After so many rounds what was passed over is looked at again: dead letters whose time has come since, and what was still
/// to be delivered when it was passed.
const ROUNDS_PER_PASS: u32 = 144;

/// Rows read at once, and names of files.
const PAGE: usize = 256;

/// Rows that go in one commit: the writer is busy with them for some milliseconds.
const ROWS_PER_COMMIT: usize = 256;

/// Between two commits.
const PAUSE: Duration = Duration::from_millis(20);

/// Until the server stops.
pub(crate) async fn run(world: Arc<World>) {
    let mut keeper = Keeper::new(&world);
    while keeper.waits(ROUND_EVERY).await {
        if let Err(error) = keeper.round().await {
            tracing::warn!(%error, "what is over could not be removed; it is tried again in the next round");
        }
    }
}

struct Keeper<'a> {
    world: &'a World,
    calendar: Calendar,
    rounds: u32,
    /// How far this pass has come.
    deliveries: Option<DeliveryId>,
    events: Option<EventId>,
}

impl<'a> Keeper<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, calendar: Calendar::starting(world.now()), rounds: 0, deliveries: None, events: None }
    }

    /// `false` once the server stops.
    async fn waits(&self, duration: Duration) -> bool {
        tokio::select! {
            biased;
            _ = self.world.stopping.cancelled() => false,
            () = self.world.ports.clock.sleep(duration) => true,
        }
    }

    async fn round(&mut self) -> Result<(), Trouble> {
        if self.rounds.is_multiple_of(ROUNDS_PER_PASS) {
            (self.deliveries, self.events) = (None, None);
        }
        self.rounds = self.rounds.wrapping_add(1);
        let horizons = self.horizons();
        self.deliveries(&horizons).await?;
        self.events(&horizons).await?;
        self.outputs(&horizons).await?;
        self.uploads(&horizons).await?;
        while self.world.ports.store.give_back().await? && self.waits(PAUSE).await {}
        Ok(())
    }

    fn horizons(&mut self) -> Horizons {
        let now = self.calendar.look(self.world.now(), ROUND_EVERY).unwrap_or_else(|believed| {
            let clock = self.world.now();
            tracing::warn!(%clock, %believed, "the clock has jumped ahead; what is over by it alone is kept for now");
            believed
        });
        self.world.settings.retention.horizons(now)
    }

    async fn deliveries(&mut self, horizons: &Horizons) -> Result<(), Trouble> {
        let before = retention::first_delivery_at(horizons.events);
        loop {
            let page = self.world.ports.store.aged_deliveries(self.deliveries, before, PAGE).await?;
            let Some(last) = page.last().map(|aged| aged.id) else { return Ok(()) };
            let over: Vec<_> = page.into_iter().filter(|aged| horizons.may_go(aged.id, aged.standing)).collect();
            for list in commits(&over) {
                self.forget("deliveries", list.len(), Change::ForgetDeliveries(list)).await?;
                if !self.waits(PAUSE).await {
                    return Ok(());
                }
            }
            self.deliveries = Some(last);
        }
    }

    /// Those that were never to be delivered; the others go with the last of their deliveries.
    async fn events(&mut self, horizons: &Horizons) -> Result<(), Trouble> {
        let before = retention::first_event_at(horizons.events);
        loop {
            let page = self.world.ports.store.aged_events(self.events, before, PAGE).await?;
            let Some(last) = page.last().map(|aged| aged.id) else { return Ok(()) };
            let over: Vec<EventId> = page.iter().filter(|aged| !aged.has_delivery).map(|aged| aged.id).collect();
            if !over.is_empty() {
                self.forget("events", over.len(), Change::ForgetEvents(over)).await?;
                if !self.waits(PAUSE).await {
                    return Ok(());
                }
            }
            self.events = Some(last);
        }
    }

    /// The row of a generation stays, and tells who asks for its video that it was there.
    async fn outputs(&self, horizons: &Horizons) -> Result<(), Trouble> {
        let ports = &self.world.ports;
        let mut after = retention::first_media_at(ports.store.removed_outputs().await?);
        let before = retention::first_media_at(horizons.media);
        loop {
            let page = ports.store.aged_outputs(after, before, PAGE).await?;
            let Some(last) = page.last().copied() else { return Ok(()) };
            for id in &page {
                ports.media.remove(*id).await?;
            }
            self.forget("outputs", page.len(), Change::RemovedOutputs { before: retention::kept_at(last) }).await?;
            after = last;
            if !self.waits(PAUSE).await {
                return Ok(());
            }
        }
    }

    async fn uploads(&self, horizons: &Horizons) -> Result<(), Trouble> {
        let ports = &self.world.ports;
        let before = retention::first_asset_at(horizons.media.min(self.oldest_work().await?));
        loop {
            let page = ports.store.aged_assets(before, PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            for asset in &page {
                ports.media.remove(asset.media).await?;
            }
            let ids = page.iter().map(|asset| asset.id).collect();
            self.forget("uploads", page.len(), Change::ForgetAssets(ids)).await?;
            if !self.waits(PAUSE).await {
                return Ok(());
            }
        }
    }

    /// What came in with a generation that still waits is younger than that.
    async fn oldest_work(&self) -> Result<Timestamp, Trouble> {
        let models: Vec<&'static str> = MODELS.iter().map(|model| model.id).collect();
        let oldest = self.world.ports.store.open_generations(&models, None, 1).await?;
        Ok(oldest.first().map_or(Timestamp(i64::MAX), |generation| generation.created_at))
    }

    async fn forget(&self, what: &'static str, count: usize, change: Change) -> Result<(), Trouble> {
        match self.world.ports.store.apply(vec![change]).await? {
            Applied::Done => {
                metrics::counter!("postsync_removed_total", "what" => what).increment(count as u64);
                tracing::debug!(what, count, "removed what is over");
            }
            // Some of it has moved since it was read: the next pass sees how it stands.
            Applied::Stale => tracing::debug!(what, count, "what was over has changed meanwhile"),
        }
        Ok(())
    }
}

/// Lists of a commit's size, by the rows that go with each delivery; one with more rows than that has a commit of its own.
fn commits(over: &[AgedDelivery]) -> Vec<Vec<DeliveryId>> {
    let (mut lists, mut rows): (Vec<Vec<DeliveryId>>, usize) = (Vec::new(), usize::MAX);
    for aged in over {
        let weight = 1 + aged.attempts as usize;
        rows = rows.saturating_add(weight);
        match lists.last_mut() {
            Some(list) if rows <= ROWS_PER_COMMIT => list.push(aged.id),
            _ => {
                lists.push(vec![aged.id]);
                rows = weight;
            }
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use postsync_core::retention::Standing;

    use super::*;

    #[test]
    fn a_commit_has_so_many_rows_and_no_more() {
        let aged = |attempts: &[u32]| -> Vec<AgedDelivery> {
            let of = |(id, attempts): (i64, &u32)| AgedDelivery {
                id: DeliveryId(id),
                standing: Standing::Delivered,
                attempts: *attempts,
            };
            (0..).zip(attempts).map(of).collect()
        };
        let sizes = |attempts: &[u32]| commits(&aged(attempts)).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [0usize; 0]);
        assert_eq!(sizes(&[1; 128]), [128]);
        assert_eq!(sizes(&[1; 129]), [128, 1]);
        assert_eq!(sizes(&[10_000, 1, 1, 255, 1]), [1, 2, 1, 1]);
        let all: Vec<DeliveryId> = commits(&aged(&[7; 200])).concat();
        assert_eq!(all, (0..200).map(DeliveryId).collect::<Vec<_>>(), "each once, in their order");
    }
}
