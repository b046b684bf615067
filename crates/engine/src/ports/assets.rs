//! What is asked of the store about assets.
use async_trait::async_trait;
use postsync_core::asset::{Asset, AssetKind, AssetOrder, AssetPlace};
use postsync_core::ids::{AssetId, OrgId};

use super::store::StoreError;

/// Which assets, in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetQuery {
    /// Whose.
    pub org: OrgId,
    /// Of one of these kinds; empty means any.
    pub kinds: Vec<AssetKind>,
    /// With this in their names, as [`search_key`](postsync_core::asset::search_key) writes it.
    pub search: Option<String>,
    /// In this order.
    pub order: AssetOrder,
    /// Behind this place of it.
    pub after: Option<AssetPlace>,
    /// At most so many.
    pub limit: usize,
}

/// A page of assets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetPage {
    /// Fewer than asked for also where [`ASSETS_SEARCHED_MAX`](postsync_core::limits::ASSETS_SEARCHED_MAX) rows were looked at.
    pub items: Vec<Asset>,
    /// Behind which place the next page begins; `None` on the last one.
    pub next: Option<AssetPlace>,
}

/// Where the bytes of what waits to be looked at are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeLane {
    /// Here.
    Stored,
    /// Behind URLs: each look may take as long as a fetch.
    Elsewhere,
}

/// Whose turn it is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeQuery {
    /// Where the bytes are.
    pub lane: ProbeLane,
    /// Whose turn was last.
    pub after: Option<OrgId>,
    /// Not these, of which there are few.
    pub not: Vec<AssetId>,
}

/// Assets, beside what [`Store`](super::Store) has of them.
#[async_trait]
pub trait AssetStore: Send + Sync {
    /// A page of an organization's assets.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn assets(&self, query: AssetQuery) -> Result<AssetPage, StoreError>;

    /// One asset whoever it belongs to: for token URLs.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn asset_of_any(&self, id: AssetId) -> Result<Option<Asset>, StoreError>;

    /// How many an organization has of these kinds; of all where none is named.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn count_assets(&self, org: &OrgId, kinds: Vec<AssetKind>) -> Result<u64, StoreError>;

    /// What is to be looked at next: of the first organization behind `after` that has something, its oldest. Behind the last one
    /// comes the first.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn asset_to_probe(&self, query: ProbeQuery) -> Result<Option<Asset>, StoreError>;
}
