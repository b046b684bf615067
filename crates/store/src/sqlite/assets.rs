//! The engine's port for assets.
use async_trait::async_trait;
use postsync_core::asset::{Asset, AssetKind};
use postsync_core::ids::{AssetId, OrgId};
use postsync_engine::ports::{AssetPage, AssetQuery, AssetStore, ProbeQuery, StoreError};

use super::Sqlite;
use super::read::assets;

#[async_trait]
impl AssetStore for Sqlite {
    async fn assets(&self, query: AssetQuery) -> Result<AssetPage, StoreError> {
        self.list(move |conn| assets::page(conn, &query)).await
    }

    async fn asset_of_any(&self, id: AssetId) -> Result<Option<Asset>, StoreError> {
        self.query(move |conn| assets::of_any(conn, id)).await
    }

    async fn count_assets(&self, org: &OrgId, kinds: Vec<AssetKind>) -> Result<u64, StoreError> {
        let org = org.clone();
        self.list(move |conn| assets::count(conn, &org, &kinds)).await
    }

    async fn asset_to_probe(&self, query: ProbeQuery) -> Result<Option<Asset>, StoreError> {
        self.query(move |conn| assets::to_probe(conn, &query)).await
    }
}
