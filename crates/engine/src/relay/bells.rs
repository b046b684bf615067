//! Who is watched, and how to make its watcher look at once.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use postsync_core::ids::GenerationId;
use tokio::sync::Notify;

use crate::world::locked;

/// One for each generation that is watched: as many as the generator has at once.
#[derive(Default)]
pub(super) struct Bells(Mutex<BTreeMap<GenerationId, Arc<Notify>>>);

/// One generation's; gone with it.
pub(super) struct Bell<'a> {
    all: &'a Bells,
    id: GenerationId,
    bell: Arc<Notify>,
}

impl Bells {
    pub(super) fn enter(&self, id: GenerationId) -> Bell<'_> {
        let bell = Arc::new(Notify::new());
        locked(&self.0).insert(id, bell.clone());
        Bell { all: self, id, bell }
    }

    /// Remembered where nobody waits yet: a webhook may be here before the answer to the submit. Whom nobody watches is looked
    /// at as soon as somebody does.
    pub(super) fn ring(&self, id: GenerationId) {
        if let Some(bell) = locked(&self.0).get(&id) {
            bell.notify_one();
        }
    }
}

impl Bell<'_> {
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        locked(&self.all.0).remove(&self.id);
    }
}
