//! What is over goes: deliveries with their attempts, events, videos, uploads. And the room that it took goes back to the disk.
//!
//! Promise: in small steps, each a commit of its own with a pause behind it, so that no delivery waits for it; what is still
//! to be delivered stays. Files go before the rows that name them: after a crash between the two a row names a file that is
//! not there, which is answered with 410, and is found again; never is a file left that no row names any more.
//!
//! How it fails: a file that can't be removed is passed over and tried again the next day; a store or a disk that can't ends
//! its part of the round, and the next one begins where it stopped.
use std::sync::Arc;
use std::time::Duration;

use postsync_core::audit::AuditChange;
use postsync_core::change::Change;
use postsync_core::idempotency::IdempotencyChange;
use postsync_core::ids::{AssetId, DeliveryId, EventId, MediaId};
use postsync_core::model::MODELS;
use postsync_core::retention::{self, Calendar, Horizons};
use postsync_core::speech_job::SpeechJobChange;
use postsync_core::time::Timestamp;

use crate::engine::StartError as Trouble;
use crate::ports::{AgedOutput, Applied};
use crate::world::World;

/// How often it is looked for what is over.
const ROUND_EVERY: Duration = Duration::from_secs(600);

/// After so many rounds what was passed over is looked at again: dead letters whose time has come since and their videos, what
/// was still to be delivered when it was passed, and files that could not be removed.
const ROUNDS_PER_PASS: u32 = 144;

/// Rows read at once, and names of files.
const PAGE: usize = 256;

/// Rows that go in one commit, and what they come to: the writer is busy with them for some milliseconds.
const ROWS_PER_COMMIT: usize = 256;
const BYTES_PER_COMMIT: u64 = 1024 * 1024;

/// The same of the audit: the largest rows of it would else come to many times that.
const AUDIT_ROWS_PER_COMMIT: usize = 64;

/// Files that could not be removed are passed over, so many in a round: more say that it is the disk.
const STUCK_FILES_MAX: u32 = 64;

/// Between two commits.
const PAUSE: Duration = Duration::from_millis(20);

/// Until the server stops.
pub(crate) async fn run(world: Arc<World>) {
    let mut keeper = Keeper::new(&world);
    while keeper.waits(ROUND_EVERY).await {
        keeper.round().await;
    }
}

struct Keeper<'a> {
    world: &'a World,
    calendar: Calendar,
    /// When it was looked at, by the hand of the clock that never steps.
    looked_at: Duration,
    rounds: u32,
    pass: Pass,
}

/// How far a pass has come.
#[derive(Default)]
struct Pass {
    deliveries: Option<DeliveryId>,
    events: Option<EventId>,
    outputs: Option<MediaId>,
    uploads: Option<AssetId>,
    /// A video of it is still there: what is on record says no more than that what lies before it is gone.
    has_left_output: bool,
}

impl<'a> Keeper<'a> {
    fn new(world: &'a World) -> Self {
        let (calendar, looked_at) = (Calendar::starting(world.now()), world.ports.clock.steady());
        Self { world, calendar, looked_at, rounds: 0, pass: Pass::default() }
    }

    /// `false` once the server stops.
    async fn waits(&self, duration: Duration) -> bool {
        tokio::select! {
            biased;
            _ = self.world.stopping.cancelled() => false,
            () = self.world.ports.clock.sleep(duration) => true,
        }
    }

    /// Each part for itself: what can't be removed of one holds up no other.
    async fn round(&mut self) {
        if self.rounds.is_multiple_of(ROUNDS_PER_PASS) {
            self.pass = Pass::default();
        }
        self.rounds = self.rounds.wrapping_add(1);
        let horizons = self.horizons();
        told("deliveries", self.deliveries(&horizons).await);
        told("events", self.events(&horizons).await);
        told("replays", self.replays(&horizons).await);
        told("idempotency keys", self.used_keys(&horizons).await);
        told("audit", self.audit(&horizons).await);
        told("speech jobs", self.speech_jobs(&horizons).await);
        told("outputs", self.outputs(&horizons).await);
        told("uploads", self.uploads(&horizons).await);
        told("room", self.give_back().await);
    }

    fn horizons(&mut self) -> Horizons {
        let (now, steady) = (self.world.now(), self.world.ports.clock.steady());
        // A round may have taken hours.
        let passed = steady.saturating_sub(std::mem::replace(&mut self.looked_at, steady));
        let now = self.calendar.look(now, passed).unwrap_or_else(|believed| {
            tracing::warn!(clock = %now, %believed, "the clock has jumped ahead; what is over by it alone is kept for now");
            believed
        });
        self.world.settings.retention.horizons(now)
    }

    async fn give_back(&self) -> Result<(), Trouble> {
        while self.world.ports.store.give_back().await? && self.waits(PAUSE).await {}
        Ok(())
    }

    async fn deliveries(&mut self, horizons: &Horizons) -> Result<(), Trouble> {
        let before = retention::first_delivery_at(horizons.events);
        loop {
            let page = self.world.ports.store.aged_deliveries(self.pass.deliveries, before, PAGE).await?;
            let Some(last) = page.last().map(|aged| aged.id) else { return Ok(()) };
            let over = page.into_iter().filter(|aged| horizons.may_go(aged.id, aged.standing));
            for list in commits(over.map(|aged| (aged.id, 1 + aged.attempts as usize, aged.bytes))) {
                self.forget(Some(("deliveries", list.len())), Change::ForgetDeliveries(list)).await?;
                if !self.waits(PAUSE).await {
                    return Ok(());
                }
            }
            self.pass.deliveries = Some(last);
        }
    }

    /// Those that were never to be delivered; the others go with the last of their deliveries.
    async fn events(&mut self, horizons: &Horizons) -> Result<(), Trouble> {
        let before = retention::first_event_at(horizons.events);
        loop {
            let page = self.world.ports.store.aged_events(self.pass.events, before, PAGE).await?;
            let Some(last) = page.last().map(|aged| aged.id) else { return Ok(()) };
            let over = page.into_iter().filter(|aged| !aged.has_delivery);
            for list in commits(over.map(|aged| (aged.id, 1, aged.bytes))) {
                self.forget(Some(("events", list.len())), Change::ForgetEvents(list)).await?;
                if !self.waits(PAUSE).await {
                    return Ok(());
                }
            }
            self.pass.events = Some(last);
        }
    }

    /// Those that are done.
    async fn replays(&self, horizons: &Horizons) -> Result<(), Trouble> {
        let before = retention::first_replay_at(horizons.events);
        let change = || Change::ForgetReplays { before, limit: ROWS_PER_COMMIT };
        while self.world.ports.store.apply(vec![change()]).await? == Applied::Done && self.waits(PAUSE).await {}
        Ok(())
    }

    async fn used_keys(&self, horizons: &Horizons) -> Result<(), Trouble> {
        let before = horizons.used_keys;
        let change = || Change::Idempotency(IdempotencyChange::Forget { before, limit: ROWS_PER_COMMIT });
        while self.world.ports.store.apply(vec![change()]).await? == Applied::Done && self.waits(PAUSE).await {}
        Ok(())
    }

    async fn audit(&self, horizons: &Horizons) -> Result<(), Trouble> {
        let (before, mut after) = (retention::first_generation_at(horizons.audit), None);
        loop {
            let page = self.world.ports.store.aged_audit(after, before, AUDIT_ROWS_PER_COMMIT).await?;
            after = page.last().cloned();
            if page.is_empty() {
                return Ok(());
            }
            self.forget(None, Change::Audit(AuditChange::Forget(page))).await?;
            if !self.waits(PAUSE).await {
                return Ok(());
            }
        }
    }

    /// As long as the asset that one has become.
    async fn speech_jobs(&self, horizons: &Horizons) -> Result<(), Trouble> {
        let before = horizons.media;
        let change = || Change::SpeechJob(SpeechJobChange::Forget { before, limit: ROWS_PER_COMMIT });
        while self.world.ports.store.apply(vec![change()]).await? == Applied::Done && self.waits(PAUSE).await {}
        Ok(())
    }

    /// The row of a generation stays, and tells who asks for its video that it was there. A video stays as long as a delivery
    /// that tells of it: most of those have gone before it, a dead letter that may be replayed has not.
    async fn outputs(&mut self, horizons: &Horizons) -> Result<(), Trouble> {
        let ports = &self.world.ports;
        let recorded = retention::first_media_at(ports.store.removed_outputs().await?);
        let before = retention::first_media_at(horizons.media);
        let mut stuck = 0;
        loop {
            let after = self.pass.outputs.map_or(recorded, |at| at.max(recorded));
            let page = ports.store.aged_outputs(after, before, PAGE).await?;
            let Some(last) = page.last().map(|aged| aged.id) else { return Ok(()) };
            for AgedOutput { id, is_named } in &page {
                // Before anything else: the next round begins behind what this one stops at.
                self.pass.outputs = Some(*id);
                let is_left = *is_named || !self.remove("outputs", *id, &mut stuck).await?;
                if is_left && !self.pass.has_left_output {
                    // From there on nothing more goes on record: the next pass, or the next start, looks at it again.
                    self.pass.has_left_output = true;
                    self.put_on_record(*id).await?;
                }
            }
            if !self.pass.has_left_output {
                self.put_on_record(last).await?;
            }
            if !self.waits(PAUSE).await {
                return Ok(());
            }
        }
    }

    /// The videos before that one are gone.
    async fn put_on_record(&self, gone_to: MediaId) -> Result<(), Trouble> {
        self.forget(None, Change::RemovedOutputs { before: retention::kept_at(gone_to) }).await
    }

    /// Whether the file is gone.
    async fn remove(&self, what: &'static str, id: MediaId, stuck: &mut u32) -> Result<bool, Trouble> {
        match self.world.ports.media.remove(id).await {
            Ok(was_there) => {
                metrics::counter!("postsync_removed_total", "what" => what).increment(u64::from(was_there));
                Ok(true)
            }
            Err(error) if *stuck < STUCK_FILES_MAX => {
                *stuck += 1;
                tracing::warn!(media = %id, %error, "a file whose time is over could not be removed; it is tried again tomorrow");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn uploads(&mut self, horizons: &Horizons) -> Result<(), Trouble> {
        let before = retention::first_asset_at(horizons.uploads(self.oldest_work().await?));
        let mut stuck = 0;
        loop {
            let page = self.world.ports.store.aged_assets(self.pass.uploads, before, PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            let mut gone = Vec::with_capacity(page.len());
            for asset in &page {
                self.pass.uploads = Some(asset.id);
                let mut is_gone = true;
                for file in [asset.media, asset.thumbnail].into_iter().flatten() {
                    is_gone &= self.remove("uploads", file, &mut stuck).await?;
                }
                if is_gone {
                    gone.push(asset.id);
                }
            }
            if !gone.is_empty() {
                self.forget(None, Change::ForgetAssets(gone)).await?;
            }
            if !self.waits(PAUSE).await {
                return Ok(());
            }
        }
    }

    /// When the oldest generation was accepted that has not ended.
    async fn oldest_work(&self) -> Result<Option<Timestamp>, Trouble> {
        let store = &self.world.ports.store;
        // First those that wait for room: what is let in between the two is seen by one of them.
        let held = store.oldest_held().await?.map(retention::accepted_at);
        let models: Vec<&'static str> = MODELS.iter().map(|model| model.id).collect();
        let open = store.open_generations(&models, None, 1).await?;
        let open = open.first().map(|generation| generation.created_at);
        Ok(held.into_iter().chain(open).min())
    }

    /// `counted`: what goes with it, and how much; files were counted when they went.
    async fn forget(&self, counted: Option<(&'static str, usize)>, change: Change) -> Result<(), Trouble> {
        match self.world.ports.store.apply(vec![change]).await? {
            Applied::Done => {
                if let Some((what, count)) = counted {
                    metrics::counter!("postsync_removed_total", "what" => what).increment(count as u64);
                    tracing::debug!(what, count, "removed what is over");
                }
            }
            // Some of it has moved since it was read: the next pass sees how it stands.
            Applied::Stale => tracing::debug!(?counted, "what was over has changed meanwhile"),
        }
        Ok(())
    }
}

fn told(what: &'static str, done: Result<(), Trouble>) {
    if let Err(error) = done {
        tracing::warn!(what, %error, "what is over could not be removed; it is tried again in the next round");
    }
}

/// Lists of a commit's size, by the rows and the bytes that go with each; what comes to more alone has a commit of its own.
fn commits<T>(over: impl Iterator<Item = (T, usize, u64)>) -> Vec<Vec<T>> {
    let (mut lists, mut rows, mut bytes): (Vec<Vec<T>>, usize, u64) = (Vec::new(), 0, 0);
    for (id, its_rows, its_bytes) in over {
        (rows, bytes) = (rows.saturating_add(its_rows), bytes.saturating_add(its_bytes));
        match lists.last_mut() {
            Some(list) if rows <= ROWS_PER_COMMIT && bytes <= BYTES_PER_COMMIT => list.push(id),
            _ => {
                lists.push(vec![id]);
                (rows, bytes) = (its_rows, its_bytes);
            }
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_has_so_many_rows_and_so_many_bytes_and_no_more() {
        let lists =
            |weights: &[(usize, u64)]| commits((0..).zip(weights).map(|(id, (rows, bytes))| (id, *rows, *bytes)));
        let sizes = |weights: &[(usize, u64)]| lists(weights).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [0usize; 0]);
        assert_eq!(sizes(&[(2, 0); 128]), [128]);
        assert_eq!(sizes(&[(2, 0); 129]), [128, 1]);
        assert_eq!(sizes(&[(10_000, 0), (2, 0), (2, 0), (256, 0), (2, 0)]), [1, 2, 1, 1]);
        let hundred_kb = (1, 100_000);
        assert_eq!(sizes(&[hundred_kb; 25]), [10, 10, 5]);
        assert_eq!(sizes(&[(1, BYTES_PER_COMMIT), (1, 0), (1, 1), (1, u64::MAX), (1, u64::MAX)]), [2, 1, 1, 1]);
        let all: Vec<i32> = lists(&[(8, 40_000); 200]).concat();
        assert_eq!(all, (0..200).collect::<Vec<_>>(), "each once, in their order");
    }
}
