//! One upload of an asset at a time: its URL needs no key, and each that is under way writes a file.
//!
//! The newer wins: who sends again after a broken connection is not kept waiting for the one that nobody sends any more.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use postsync_core::ids::AssetId;
use tokio::sync::Notify;

/// The uploads that are under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uploads(Arc<Mutex<BTreeMap<AssetId, Arc<Notify>>>>);

/// One of them, until it is dropped.
pub(crate) struct UnderWay {
    uploads: Uploads,
    id: AssetId,
    replaced: Arc<Notify>,
}

impl Uploads {
    /// Begins one, and tells the one that was under way.
    pub(crate) fn begin(&self, id: AssetId) -> UnderWay {
        let replaced = Arc::new(Notify::new());
        if let Some(older) = self.all().insert(id, replaced.clone()) {
            older.notify_one();
        }
        UnderWay { uploads: self.clone(), id, replaced }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<AssetId, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// Ends once a newer one has begun.
    pub(crate) async fn is_replaced(&self) {
        self.replaced.notified().await;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut all = self.uploads.all();
        if all.get(&self.id).is_some_and(|newest| Arc::ptr_eq(newest, &self.replaced)) {
            all.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use postsync_core::time::Timestamp;

    use super::*;

    #[test]
    fn the_newer_takes_over_and_nothing_is_left() {
        let uploads = Uploads::default();
        let (a, b) = (AssetId::new(Timestamp(1), [1; 10]), AssetId::new(Timestamp(1), [2; 10]));
        let (first, other) = (uploads.begin(a), uploads.begin(b));
        assert!(first.is_replaced().now_or_never().is_none());
        let second = uploads.begin(a);
        assert!(first.is_replaced().now_or_never().is_some());
        drop(first);
        assert!(second.is_replaced().now_or_never().is_none() && other.is_replaced().now_or_never().is_none());
        let _third = uploads.begin(a);
        assert!(second.is_replaced().now_or_never().is_some(), "the end of the first has not made it forgotten");
        drop((second, other));
        assert_eq!(uploads.all().len(), 1);
    }
}
