//! The engine's port for listeners.
use async_trait::async_trait;
use postsync_core::ids::{ListenerName, OrgId};
use postsync_core::listener::Listener;
use postsync_engine::ports::{ListenerStore, Queued, StoreError};

use super::Sqlite;
use super::read::listeners;

#[async_trait]
impl ListenerStore for Sqlite {
    async fn listeners(&self, org: &OrgId) -> Result<Vec<Listener>, StoreError> {
        let org = org.clone();
        self.query(move |conn| listeners::of(conn, &org)).await
    }

    async fn listener(&self, org: &OrgId, name: &ListenerName) -> Result<Option<Listener>, StoreError> {
        let (org, name) = (org.clone(), name.clone());
        self.query(move |conn| listeners::one(conn, &org, &name)).await
    }

    async fn listener_queue(&self, org: &OrgId, name: &ListenerName, limit: usize) -> Result<Vec<Queued>, StoreError> {
        let (org, name) = (org.clone(), name.clone());
        self.query(move |conn| listeners::queue(conn, &org, &name, limit)).await
    }
}
