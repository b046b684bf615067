//! One lane of work that waits in the store: how much of it is done at once, and whose turn was last.
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use postsync_core::ids::OrgId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::world::locked;

pub(crate) struct Lane<K> {
    bell: Notify,
    places: Arc<Semaphore>,
    under_way: Mutex<UnderWay<K>>,
}

/// What the store is to leave out.
#[derive(Clone)]
pub(crate) struct UnderWay<K> {
    /// At work, or set aside; as many as there are places, and what is set aside.
    pub(crate) ids: BTreeSet<K>,
    /// Whose turn was last.
    pub(crate) last: Option<OrgId>,
}

impl<K: Copy + Ord> Lane<K> {
    pub(crate) fn of(at_once: usize) -> Self {
        let under_way = UnderWay { ids: BTreeSet::new(), last: None };
        Self { bell: Notify::new(), places: Arc::new(Semaphore::new(at_once)), under_way: Mutex::new(under_way) }
    }

    pub(crate) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }

    pub(crate) fn under_way(&self) -> UnderWay<K> {
        locked(&self.under_way).clone()
    }

    pub(crate) fn begin(&self, id: K, org: &OrgId) {
        let mut under_way = locked(&self.under_way);
        under_way.ids.insert(id);
        under_way.last = Some(org.clone());
    }

    /// It is done, or may be tried again.
    pub(crate) fn end(&self, id: K) {
        locked(&self.under_way).ids.remove(&id);
        self.ring();
    }

    /// Something has come.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Resolves once something has come.
    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }
}
