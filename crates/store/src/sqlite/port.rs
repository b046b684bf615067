//! The engine's port, verb by verb.
use async_trait::async_trait;
use postsync_core::access::{ApiKey, Organization, StoredSecret};
use postsync_core::asset::Asset;
use postsync_core::change::Change;
use postsync_core::event::Event;
use postsync_core::generation::Generation;
use postsync_core::ids::{AssetId, DeliveryId, EventId, GenerationId, KeyId, OrgId};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{
    Applied, DeliveryQuery, DeliveryRecord, DueCursor, DueDelivery, GenerationQuery, Store, StoreError,
};
use rusqlite::Connection;

use super::Sqlite;
use super::commit::Work;
use super::failure::store_error;
use super::read::{access, deliveries, generations};

impl Sqlite {
    async fn query<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read(move |conn| read(conn).map_err(|error| store_error(&error))).await
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn apply(&self, changes: Vec<Change>) -> Result<Applied, StoreError> {
        if changes.is_empty() {
            return Ok(Applied::Done);
        }
        self.write(Work::Apply(changes)).await
    }

    async fn open_generations(
        &self,
        models: &[&'static str],
        after: Option<GenerationId>,
        limit: usize,
    ) -> Result<Vec<Generation>, StoreError> {
        let models = models.to_vec();
        self.query(move |conn| generations::open(conn, &models, after, limit)).await
    }

    async fn due(
        &self,
        until: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        self.query(move |conn| deliveries::due(conn, until, after, limit)).await
    }

    async fn next_due(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.query(move |conn| deliveries::next_due(conn, after)).await
    }

    async fn open_attempts(&self, after: Option<DeliveryId>, limit: usize) -> Result<Vec<DueDelivery>, StoreError> {
        self.query(move |conn| deliveries::open(conn, after, limit)).await
    }

    async fn last_id(&self) -> Result<i64, StoreError> {
        self.query(|conn| deliveries::last_id(conn)).await
    }

    async fn generation(&self, org: &OrgId, id: GenerationId) -> Result<Option<Generation>, StoreError> {
        let found = self.generation_of_any(id).await?;
        Ok(found.filter(|generation| generation.org == *org))
    }

    async fn generation_of_any(&self, id: GenerationId) -> Result<Option<Generation>, StoreError> {
        self.query(move |conn| generations::one(conn, id)).await
    }

    async fn generations(&self, query: GenerationQuery) -> Result<Vec<Generation>, StoreError> {
        self.query(move |conn| generations::page(conn, &query)).await
    }

    async fn delivery(&self, org: &OrgId, id: DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
        let org = org.clone();
        self.query(move |conn| deliveries::one(conn, org.as_str(), id)).await
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<DueDelivery>, StoreError> {
        self.query(move |conn| deliveries::page(conn, &query)).await
    }

    async fn event_of_any(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        self.query(move |conn| deliveries::event(conn, id)).await
    }

    async fn asset(&self, org: &OrgId, id: AssetId) -> Result<Option<Asset>, StoreError> {
        let org = org.clone();
        self.query(move |conn| access::asset(conn, &org, id)).await
    }

    async fn key_by_hash(&self, hash: [u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        self.query(move |conn| access::key_by_hash(conn, hash)).await
    }

    async fn keys(&self, org: &OrgId) -> Result<Vec<ApiKey>, StoreError> {
        let org = org.clone();
        self.query(move |conn| access::keys(conn, &org)).await
    }

    async fn key(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.query(move |conn| access::key(conn, id)).await
    }

    async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        self.query(|conn| access::organizations(conn)).await
    }

    async fn secret(&self, org: &OrgId) -> Result<Option<StoredSecret>, StoreError> {
        let (org, vault) = (org.clone(), self.vault.clone());
        self.read(move |conn| access::secret(conn, &vault, &org)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.write(Work::Touch).await.map(|_| ())
    }
}
