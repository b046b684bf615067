//! Assets.
use std::convert::Infallible;

use async_trait::async_trait;
use postsync_core::asset::{Asset, AssetChange, AssetKind, Described, Facts, Probe};
use postsync_core::ids::{AssetId, OrgId};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{AssetPage, AssetQuery, AssetStore, ProbeLane, ProbeQuery, StoreError};

use super::Memory;
use super::tables::Tables;
use crate::page::cut_assets;
use crate::refusal::{Refusal, duplicate};

#[async_trait]
impl AssetStore for Memory {
    async fn assets(&self, query: AssetQuery) -> Result<AssetPage, StoreError> {
        Ok(self.tables().find_assets(&query))
    }

    async fn asset_of_any(&self, id: AssetId) -> Result<Option<Asset>, StoreError> {
        Ok(self.tables().assets.get(&id).cloned())
    }

    async fn count_assets(&self, org: &OrgId, kinds: Vec<AssetKind>) -> Result<u64, StoreError> {
        let tables = self.tables();
        Ok(tables.assets_of(org, &kinds).count() as u64)
    }

    async fn asset_to_probe(&self, query: ProbeQuery) -> Result<Option<Asset>, StoreError> {
        let ProbeQuery { lane, after, not } = query;
        let fits = |asset: &&Asset| {
            matches!(asset.probe, Probe::Waiting(_))
                && asset.media().is_some() == (lane == ProbeLane::Stored)
                && !not.contains(&asset.id)
        };
        let turn =
            |asset: &&Asset| (after.as_ref().is_some_and(|after| asset.org <= *after), asset.org.clone(), asset.id);
        Ok(self.tables().assets.values().filter(fits).min_by_key(turn).cloned())
    }
}

impl Tables {
    fn assets_of(&self, org: &OrgId, kinds: &[AssetKind]) -> impl Iterator<Item = &Asset> {
        self.assets.values().filter(move |asset| asset.org == *org && (kinds.is_empty() || kinds.contains(&asset.kind)))
    }

    fn find_assets(&self, query: &AssetQuery) -> AssetPage {
        let order = query.order;
        let mut found: Vec<&Asset> = self.assets_of(&query.org, &query.kinds).collect();
        found.sort_by(|a, b| order.compare(&a.place(order.by), &b.place(order.by)));
        let behind = |asset: &&Asset| {
            query.after.as_ref().is_none_or(|after| order.compare(&asset.place(order.by), after).is_gt())
        };
        let found = found.into_iter().filter(behind).cloned();
        let Ok((items, next)) = cut_assets(found.map(Ok::<_, Infallible>), query);
        AssetPage { items, next }
    }

    pub(super) fn add_asset(&mut self, asset: Asset) -> Result<(), Refusal> {
        if self.assets.contains(&asset.id) {
            return Err(duplicate("asset"));
        }
        self.assets.put(asset.id, asset);
        Ok(())
    }

    pub(super) fn asset_change(&mut self, change: AssetChange) -> Result<(), Refusal> {
        match change {
            AssetChange::Register(asset)
                if self.assets.contains(&asset.id) || self.removed_assets.contains(&asset.id) =>
            {
                Err(Refusal::Stale)
            }
            AssetChange::Register(asset) => self.add_asset(*asset),
            AssetChange::Describe { org, id, to: Described { name, visibility }, at } => {
                let found = self.assets.get(&id).filter(|asset| asset.org == org).ok_or(Refusal::Stale)?.clone();
                let name = name.unwrap_or_else(|| found.name.clone());
                let visibility = visibility.unwrap_or(found.visibility);
                self.assets.put(id, Asset { name, visibility, updated_at: at, ..found });
                Ok(())
            }
            AssetChange::Remove { org, id, from } => self.remove_asset(&org, id, from),
            AssetChange::StartProbe { id, tries } => {
                let fits = |asset: &&Asset| asset.probe == Probe::Waiting(tries.saturating_sub(1)) && tries > 0;
                let found = self.assets.get(&id).filter(fits).ok_or(Refusal::Stale)?.clone();
                self.assets.put(id, Asset { probe: Probe::Waiting(tries), ..found });
                Ok(())
            }
            AssetChange::ReleaseProbe { id, tries } => {
                let fits = |asset: &&Asset| asset.probe == Probe::Waiting(tries);
                let found = self.assets.get(&id).filter(fits).ok_or(Refusal::Stale)?.clone();
                self.assets.put(id, Asset { probe: Probe::Waiting(tries.saturating_sub(1)), ..found });
                Ok(())
            }
            AssetChange::Probed { id, kind, bytes, facts, at } => self.probed(id, (kind, bytes), facts, at),
        }
    }

    fn remove_asset(&mut self, org: &OrgId, id: AssetId, from: AssetId) -> Result<(), Refusal> {
        self.assets.get(&id).filter(|asset| asset.org == *org).ok_or(Refusal::Stale)?;
        self.assets.remove(&id);
        self.detach_everywhere(id);
        let old: Vec<AssetId> = self.removed_assets.range(..from).map(|(id, ())| *id).collect();
        for id in old {
            self.removed_assets.remove(&id);
        }
        if id >= from {
            self.removed_assets.put(id, ());
        }
        Ok(())
    }

    fn probed(
        &mut self,
        id: AssetId,
        (kind, bytes): (Option<AssetKind>, Option<u64>),
        facts: Option<Facts>,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let waits = |asset: &&Asset| matches!(asset.probe, Probe::Waiting(_));
        let found = self.assets.get(&id).filter(waits).ok_or(Refusal::Stale)?.clone();
        let probe = if facts.is_some() { Probe::Done } else { Probe::Failed };
        let facts = facts.unwrap_or_else(|| found.facts.clone());
        let (kind, bytes) = (kind.unwrap_or(found.kind), bytes.or(found.bytes));
        self.assets.put(id, Asset { kind, bytes, facts, probe, updated_at: at, ..found });
        Ok(())
    }
}
