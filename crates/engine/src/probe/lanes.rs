//! Whose turn it is to be looked at: one lane for what lies here, one for what lies behind URLs, and organizations take turns in
//! each. A thousand URLs of one that drip hold up the first of another for one look at most.
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use postsync_core::asset::Asset;
use postsync_core::ids::{AssetId, OrgId};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::ports::{ProbeLane, ProbeQuery};
use crate::world::locked;

/// Looks at what lies here at once: each is a process that decodes.
const STORED_AT_ONCE: usize = 1;

/// Looks at what lies elsewhere: most of each is waiting.
const ELSEWHERE_AT_ONCE: usize = 4;

pub(crate) struct Lanes {
    stored: Lane,
    elsewhere: Lane,
}

pub(super) struct Lane {
    bell: Notify,
    places: Arc<Semaphore>,
    under_way: Mutex<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    /// Being looked at, or set aside; what is set aside is bounded by the pause that comes before it.
    assets: BTreeSet<AssetId>,
    /// Whose turn was last.
    last: Option<OrgId>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { stored: Lane::of(STORED_AT_ONCE), elsewhere: Lane::of(ELSEWHERE_AT_ONCE) }
    }
}

impl Lanes {
    pub(super) fn of(&self, kind: ProbeLane) -> &Lane {
        match kind {
            ProbeLane::Stored => &self.stored,
            ProbeLane::Elsewhere => &self.elsewhere,
        }
    }

    /// An asset has come.
    pub(crate) fn ring(&self, asset: &Asset) {
        let kind = if asset.media().is_some() { ProbeLane::Stored } else { ProbeLane::Elsewhere };
        self.of(kind).bell.notify_one();
    }
}

impl Lane {
    fn of(at_once: usize) -> Self {
        Self { bell: Notify::new(), places: Arc::new(Semaphore::new(at_once)), under_way: Mutex::default() }
    }

    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }

    pub(super) fn query(&self, lane: ProbeLane) -> ProbeQuery {
        let under_way = locked(&self.under_way);
        let after = under_way.last.clone();
        ProbeQuery { lane, after, not: under_way.assets.iter().copied().collect() }
    }

    pub(super) fn begin(&self, asset: &Asset) {
        let mut under_way = locked(&self.under_way);
        under_way.assets.insert(asset.id);
        under_way.last = Some(asset.org.clone());
    }

    /// It was looked at, or may be tried again.
    pub(super) fn end(&self, id: AssetId) {
        locked(&self.under_way).assets.remove(&id);
        self.bell.notify_one();
    }

    /// Resolves once something has come.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }
}
