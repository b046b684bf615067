//! What is asked of the store about listeners. What is written is [`ListenerChange`](postsync_core::listener::ListenerChange).
use async_trait::async_trait;
use postsync_core::event::Event;
use postsync_core::ids::{EventId, ListenerName, OrgId};
use postsync_core::listener::Listener;

use super::store::StoreError;

/// An event of a listener's queue; `None` where it is not kept any more.
pub type Queued = (EventId, Option<Event>);

/// Listeners.
#[async_trait]
pub trait ListenerStore: Send + Sync {
    /// An organization's, in the order of their names: at most [`LISTENERS_MAX`](postsync_core::limits::LISTENERS_MAX).
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn listeners(&self, org: &OrgId) -> Result<Vec<Listener>, StoreError>;

    /// The organization's of that name.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn listener(&self, org: &OrgId, name: &ListenerName) -> Result<Option<Listener>, StoreError>;

    /// The first of what waits for it beside its feed, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn listener_queue(&self, org: &OrgId, name: &ListenerName, limit: usize) -> Result<Vec<Queued>, StoreError>;
}
